"""The life of a job: its rows come in, what happened and what is still ahead goes out, in order, with real times."""

from typing import Literal

from msgspec import Struct

from indexer.explorer.rows import JobRow, ReceiptRow

Kind = Literal["done", "word", "bad", "ahead"]


class Step(Struct, frozen=True):
    """One step. Chain times are Unix seconds of the block, `at_ms` are by the worker's own clock.

    `word` is a step that only the worker tells of. `gap_s` is the time since the step before, where both are known.
    """

    kind: Kind
    title: str
    note: str = ""
    at: int | None = None
    at_ms: int | None = None
    tx: str | None = None
    gap_s: float | None = None


def life_of(job: JobRow, receipt: ReceiptRow | None) -> list[Step]:
    steps = [Step("done", "Ordered", "The most it may cost is in escrow", job.requested_at, tx=job.requested_tx)]
    if job.claimed_at is not None and job.worker is not None:
        steps.append(Step("done", "Claimed", _claim(job), job.claimed_at, tx=job.claimed_tx))
    steps += _inference(receipt)
    if job.completed_at is not None:
        apart = job.completed_tx != job.closed_tx
        note = "The answer's content is named on chain" + ("" if apart else ", with its receipt")
        steps.append(Step("done", "Answered", note, job.completed_at, tx=job.completed_tx))
    steps += _end(job)
    return _with_gaps(steps)


def _claim(job: JobRow) -> str:
    if job.state == "open":
        return f"That lease ran out: it was claimed {job.claims} times and is free again"
    return "One worker holds it" if job.claims <= 1 else f"The {_nth(job.claims)} claim: earlier leases ran out"


def _nth(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def _inference(receipt: ReceiptRow | None) -> list[Step]:
    if receipt is None or receipt.started_at is None or receipt.completed_at is None:
        return []
    seconds = (receipt.completed_at - receipt.started_at) / 1000
    rate = f", {receipt.completion_tokens / seconds:,.1f} tokens/s" if receipt.completion_tokens and seconds > 0 else ""
    note = f"{seconds:,.2f} s by the worker's clock{rate}"
    return [
        Step("word", "Inference began", "By the worker's clock", at_ms=receipt.started_at),
        Step("word", "Inference ended", note, at_ms=receipt.completed_at),
    ]


def _end(job: JobRow) -> list[Step]:
    match job.state:
        case "settled":
            note = "The contract verified the proof and paid the worker"
            return [Step("done", "Receipt verified, paid", note, job.closed_at, tx=job.closed_tx)]
        case "cancelled":
            note = "By who ordered it; the escrow went back"
            return [Step("bad", "Cancelled", note, job.closed_at, tx=job.closed_tx)]
        case "expired":
            note = "No proof came in time" if job.completed_at is not None else "No answer came in time"
            return [Step("bad", "Expired", f"{note}; the escrow went back", job.closed_at, tx=job.closed_tx)]
        case "answered":
            return [Step("ahead", "Receipt due", "After this anyone may return the escrow", job.receipt_deadline)]
        case "claimed":
            return [Step("ahead", "Answer due", "After this the job is free for another worker", job.lease_until)]
    return [Step("ahead", "Waiting for a worker", "After this anyone may return the escrow", job.deadline)]


def _with_gaps(steps: list[Step]) -> list[Step]:
    """Times of the chain and of a worker's clock are not compared: they may run apart."""
    shown: list[Step] = []
    newest: dict[bool, float] = {}
    for step in steps:
        by_worker = step.at_ms is not None
        at = step.at_ms / 1000 if step.at_ms is not None else step.at
        gap = None
        if at is not None and step.kind != "ahead":
            gap = at - newest[by_worker] if by_worker in newest else None
            newest[by_worker] = at
        shown.append(Step(step.kind, step.title, step.note, step.at, step.at_ms, step.tx, gap))
    return shown
