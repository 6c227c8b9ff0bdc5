"""Rows of the index to the explorer's JSON: pure, no HTTP."""

from api.explorer.shapes import (
    BlockOut,
    BooksOut,
    HeadOut,
    JobOut,
    ModelOut,
    NodeOut,
    OfferOut,
    ReceiptOut,
    ReconciliationOut,
    StatsOut,
)
from api.rendering import iso_of_s, render
from api.service.ports import Books
from indexer.explorer.rows import (
    BlockRow,
    Head,
    JobRow,
    ModelRow,
    NodeRow,
    ReceiptRow,
    ReconciliationRow,
    StatsRow,
)


def head_out(head: Head) -> HeadOut:
    return render(head, HeadOut, at=iso_of_s(head.at) if head.at else None)


def block_out(row: BlockRow) -> BlockOut:
    return render(row, BlockOut)


def job_out(row: JobRow) -> JobOut:
    return render(row, JobOut, job_id=str(row.job_id))


def receipt_out(row: ReceiptRow) -> ReceiptOut:
    return render(row, ReceiptOut, job_id=str(row.job_id))


def node_out(row: NodeRow) -> NodeOut:
    return render(row, NodeOut, offers=[render(offer, OfferOut) for offer in row.offers])


def model_out(row: ModelRow) -> ModelOut:
    return render(row, ModelOut)


def stats_out(row: StatsRow) -> StatsOut:
    return render(row, StatsOut)


def reconciliation_out(row: ReconciliationRow, books: Books) -> ReconciliationOut:
    agree = (row.open_escrow, row.credit, row.stakes) == (books.open_escrow, books.credit, books.stakes)
    surplus = books.coordinator_balance - books.open_escrow - books.credit
    return ReconciliationOut(
        block=row.block,
        hash=row.hash,
        balanced=agree and surplus >= 0 and books.registry_balance >= books.stakes,
        indexed=render(row, BooksOut),
        contracts=render(books, BooksOut),
        coordinator_balance=str(books.coordinator_balance),
        registry_balance=str(books.registry_balance),
        surplus=str(surplus),
    )
