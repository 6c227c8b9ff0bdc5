"""The index's books to the explorer's JSON: pure, no HTTP."""

from msgspec import Struct

from api.explorer.books_shapes import (
    AgreementOut,
    BalancesOut,
    BooksAfterOut,
    EntryOut,
    PostingOut,
    SumsOut,
    TotalsOut,
)
from api.rendering import render
from indexer.explorer.rows import ReconciliationRow
from indexer.explorer.statements import EntryRow
from indexer.explorer.totals import TotalsRow


class Totals(Struct, frozen=True):
    """The sums over all addresses, and the books after the newest block that are to agree with them."""

    sums: TotalsRow
    books: ReconciliationRow | None


def books_after_out(row: ReconciliationRow) -> BooksAfterOut:
    return render(row, BooksAfterOut, link=f"/explorer/v1/reconciliation?block={row.block}")


def totals_out(found: Totals) -> TotalsOut:
    sums, books = found.sums, found.books
    open_escrow, credit, stakes = (books.open_escrow, books.credit, books.stakes) if books else (0, 0, 0)
    agreements = [
        _agreement("escrow of all accounts = escrow of all open jobs", sums.open_escrow, open_escrow),
        _agreement("credit of all accounts = credit after the newest block", sums.credit, credit),
        _agreement("stakes of all nodes = stakes after the newest block", sums.stakes, stakes),
        _agreement(
            "ordered = in escrow + spent + refunded", sums.ordered, sums.open_escrow + sums.spent + sums.refunded
        ),
        _agreement("spent = earned", sums.spent, sums.earned),
        _agreement("earned + refunded = credit + withdrawn", sums.earned + sums.refunded, sums.credit + sums.withdrawn),
    ]
    return TotalsOut(render(sums, SumsOut), agreements, all(each.holds for each in agreements))


def entry_out(row: EntryRow) -> EntryOut:
    return render(
        row,
        EntryOut,
        job_id=None if row.job_id is None else str(row.job_id),
        postings=[PostingOut(each.kind, each.balance, str(each.amount)) for each in row.postings],
        after=BalancesOut(str(row.after.escrow), str(row.after.credit), str(row.after.stake)),
    )


def _agreement(rule: str, left: int, right: int) -> AgreementOut:
    return AgreementOut(rule, str(left), str(right), left == right)
