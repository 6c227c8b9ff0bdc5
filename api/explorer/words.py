"""Rows of the index to the explorer's JSON: pure, no HTTP."""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from api.explorer.shapes import (
    AccountOut,
    BlockOut,
    EventOut,
    Finality,
    HeadOut,
    JobOut,
    ModelOut,
    NodeOut,
    OfferOut,
    ReceiptOut,
    SampleGpuOut,
    SampleOut,
    StatsOut,
    TransactionOut,
)
from api.rendering import iso_of_s, render
from domain.jobs import CLOSED
from indexer.explorer.rows import (
    AccountRow,
    BlockRow,
    EventRow,
    Head,
    JobRow,
    ModelRow,
    NodeRow,
    ReceiptRow,
    SampleRow,
    StatsRow,
    TransactionRow,
)


def head_out(head: Head, finality: Finality | None = None) -> HeadOut:
    """Of an answer of that finality; else of one about all that there is up to the head."""
    at = iso_of_s(head.at) if head.at else None
    return aged(
        render(head, HeadOut, hash=head.hash or None, at=at, age_s=None, finality=finality or finality_of([head], head))
    )


def aged(head: HeadOut) -> HeadOut:
    """The head with the age that it has now. The chain's clock may be ahead of ours: nothing is younger than now."""
    at = None if head.at is None else datetime.fromisoformat(head.at)
    return replace(head, age_s=max(0, int(time.time() - at.timestamp())) if at else None)


def finality_of(rows: Iterable[Any], head: Head) -> Finality:
    """Of what an answer tells: each row says it of itself, and figures hold all that there is up to their head."""
    figures = {True, head.number <= head.final}
    told = {each for row in rows for each in ({row.is_final} if hasattr(row, "is_final") else figures)}
    return "mixed" if len(told) > 1 else "unfinal" if told == {False} else "final"


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


def sample_out(row: SampleRow) -> SampleOut:
    return render(row, SampleOut, gpus=[render(gpu, SampleGpuOut) for gpu in row.gpus])


def is_final(row: TransactionRow | EventRow) -> bool:
    """What stands in a final block stands there for good."""
    return row.is_final


def is_ended(row: JobRow) -> bool:
    """No event concerns a job that has ended, and this one is final."""
    return row.is_final and row.state in CLOSED
