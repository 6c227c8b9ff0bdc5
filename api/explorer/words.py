"""Rows of the index to the explorer's JSON: pure, no HTTP."""

import msgspec

from api.explorer.shapes import (
    AccountOut,
    BlockOut,
    EventOut,
    HeadOut,
    JobOut,
    ModelOut,
    NodeOut,
    OfferOut,
    ReceiptOut,
    StatsOut,
    TransactionOut,
)
from api.rendering import iso_of_s, render
from indexer.explorer.rows import (
    AccountRow,
    BlockRow,
    EventRow,
    Head,
    JobRow,
    ModelRow,
    NodeRow,
    ReceiptRow,
    StatsRow,
    TransactionRow,
)


def head_out(head: Head) -> HeadOut:
    return render(head, HeadOut, hash=head.hash or None, at=iso_of_s(head.at) if head.at else None)


def block_out(row: BlockRow) -> BlockOut:
    return render(row, BlockOut)


def job_out(row: JobRow) -> JobOut:
    return render(row, JobOut, job_id=str(row.job_id))


def transaction_out(row: TransactionRow) -> TransactionOut:
    return render(row, TransactionOut)


def event_out(row: EventRow) -> EventOut:
    job = None if row.job_id is None else str(row.job_id)
    return render(row, EventOut, args=msgspec.json.decode(row.args), job_id=job)


def account_out(row: AccountRow) -> AccountOut:
    return render(row, AccountOut)


def receipt_out(row: ReceiptRow) -> ReceiptOut:
    return render(row, ReceiptOut, job_id=str(row.job_id))


def node_out(row: NodeRow) -> NodeOut:
    return render(row, NodeOut, offers=[render(offer, OfferOut) for offer in row.offers])


def model_out(row: ModelRow) -> ModelOut:
    return render(row, ModelOut)


def stats_out(row: StatsRow) -> StatsOut:
    return render(row, StatsOut)
