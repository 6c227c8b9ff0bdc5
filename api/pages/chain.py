"""The chain as pages: a number, a hash or a cursor comes in; blocks, transactions and what was taken back go out."""

from typing import Any

from litestar import Request, Response, get
from msgspec import Struct

from api.explorer.parameters import BlockPath, HashPath, block_named
from api.explorer.reading import Reader
from api.given import Given
from api.pages.listing import as_it_is, listed
from api.pages.site import Site
from indexer.explorer import EventFilter, Queries, TransactionFilter
from indexer.explorer.lists import BLOCKS_LIST, REORGS_LIST, TRANSACTIONS_LIST
from indexer.explorer.rows import BlockRow, EventRow, IntegrityRow, JobRow, ReorgRow, TransactionRow

ROWS = 100


class Height(Struct, frozen=True):
    """A height of the chain: the block there, what it holds, how it was checked, and what stood there before."""

    number: int
    block: BlockRow | None
    transactions: tuple[TransactionRow, ...]
    events: tuple[EventRow, ...]
    integrity: IntegrityRow | None
    reorgs: tuple[ReorgRow, ...]


class Sent(Struct, frozen=True):
    """A transaction with what it made our contracts say, and the job that it ordered."""

    transaction: TransactionRow
    events: tuple[EventRow, ...]
    jobs: tuple[JobRow, ...]


@get("/blocks")
async def blocks(request: Request[Any, Any, Any], reader: Given[Reader], site: Given[Site]) -> Response[str]:
    return site.page("blocks.html", here="/blocks", listing=await listed(reader, request, BLOCKS_LIST))


@get("/blocks/{block:str}")
async def block(block: BlockPath, reader: Given[Reader], site: Given[Site]) -> Response[str]:
    key = block_named(block)

    def read(queries: Queries) -> Height | None:
        row = queries.block(key)
        number = row.number if row else key
        if not isinstance(number, int):
            return None
        integrity = queries.integrity_of(number) if number <= queries.head().number else None
        if row is None and integrity is None:
            return None
        transactions = queries.transactions(TransactionFilter(block=number), None, ROWS).rows if row else ()
        events = queries.events(EventFilter(block=number), None, ROWS).rows if row else ()
        return Height(number, row, transactions, events, integrity, queries.reorgs_of(number))

    height = (await reader.one(read, as_it_is, f"block {block} with anything of ours")).data
    return site.page("block.html", here="/blocks", height=height)


@get("/transactions")
async def transactions(request: Request[Any, Any, Any], reader: Given[Reader], site: Given[Site]) -> Response[str]:
    listing = await listed(reader, request, TRANSACTIONS_LIST)
    return site.page("transactions.html", here="/transactions", listing=listing)


@get("/tx/{hash_:str}")
async def transaction(hash_: HashPath, reader: Given[Reader], site: Given[Site]) -> Response[str]:
    named = hash_.lower()

    def read(queries: Queries) -> Sent | None:
        found = queries.transaction(named)
        if found is None:
            return None
        events = queries.events(EventFilter(block=found.block, tx_hash=named), None, ROWS).rows
        numbers = sorted({each.job_id for each in events if each.job_id is not None})
        return Sent(found, events, tuple(row for number in numbers[:ROWS] if (row := queries.job(number))))

    sent = (await reader.one(read, as_it_is, f"transaction {hash_} with anything of ours")).data
    return site.page("transaction.html", here="/transactions", sent=sent)


@get("/reorgs")
async def reorgs(request: Request[Any, Any, Any], reader: Given[Reader], site: Given[Site]) -> Response[str]:
    return site.page("reorgs.html", here="/reorgs", listing=await listed(reader, request, REORGS_LIST))
