"""Where the money is: the books after each block, what they come to in total, and the statement of an address."""

from typing import Any

from litestar import get

from api.explorer.books_shapes import BooksAfterOut, EntryOut, TotalsOut
from api.explorer.books_words import Totals, books_after_out, entry_out, totals_out
from api.explorer.cursors import BadCursor
from api.explorer.parameters import ITEM_FAULTS, LIST_FAULTS, AddressPath, AsOf, Cursor, Limit, moment_named
from api.explorer.reading import NotIndexed, Reader
from api.explorer.shapes import OneOut, PageOut
from api.given import Given
from api.problems import documented
from indexer.explorer import BadCursor as BadPlace
from indexer.explorer.listing import Page
from indexer.explorer.queries import Queries
from indexer.explorer.statements import EntryRow


@get(
    "/reconciliation/blocks",
    operation_id="listReconciliation",
    summary="The books after each block, newest first",
    description="What the contracts owe as indexed; between two blocks of the list nothing moved.",
    responses=LIST_FAULTS,
)
async def reconciliations(
    reader: Given[Reader], limit: Limit = None, cursor: Cursor = None, as_of: AsOf = None
) -> PageOut[BooksAfterOut]:
    return await reader.page(
        "reconciliation/blocks",
        lambda queries, after, count: queries.reconciliation(after, count),
        books_after_out,
        None,
        limit,
        cursor,
        moment_named(as_of),
    )


@get(
    "/reconciliation/totals",
    operation_id="getReconciliationTotals",
    summary="The books of all addresses added up, and whether they agree",
    responses=ITEM_FAULTS,
)
async def totals(reader: Given[Reader], as_of: AsOf = None) -> OneOut[TotalsOut]:
    def ask(queries: Queries) -> Totals:
        return Totals(*queries.totals())

    return await reader.one(ask, totals_out, "total", moment_named(as_of))


@get(
    "/accounts/{address:str}/statement",
    operation_id="getStatement",
    summary="Every event that moved an address's balances, newest first, with what they came to",
    description="Holds, charges, releases, earnings, refunds, withdrawals and moves of stake. The first entry's "
    "balances are those of the account and the node; before the last entry all were 0. `limit` counts events, of which "
    "one may move several balances.",
    responses=LIST_FAULTS | documented(s404="The address has no books, or `as_of` is a hash that is not known here"),
)
async def statement(
    address: AddressPath, reader: Given[Reader], limit: Limit = None, cursor: Cursor = None, as_of: AsOf = None
) -> PageOut[EntryOut]:
    key = address.lower()

    def rows(queries: Queries, after: str | None, count: int) -> Page[EntryRow]:
        try:
            found = queries.statement(key, after, count)
        except BadPlace as fault:
            raise BadCursor(str(fault)) from fault
        if found is None:
            raise NotIndexed(f"address {key} has no books: it never ordered, earned, withdrew or staked")
        return found

    return await reader.page(f"statement of {key}", rows, entry_out, None, limit, cursor, moment_named(as_of))


HANDLERS: list[Any] = [reconciliations, totals, statement]
