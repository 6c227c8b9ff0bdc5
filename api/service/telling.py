"""What the chain says of one job: its row comes in, the events that readers are told of go out."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from indexer.explorer.rows import JobRow

EventName = Literal[
    "queued", "claimed", "started", "token", "answered", "proving", "proved", "submitted",
    "settled", "indexed", "failed", "retract",
]  # fmt: skip
Source = Literal["chain", "worker"]

ENDINGS = frozenset({"settled", "cancelled", "expired"})


class Told(Struct, frozen=True):
    """One event before it has its number. Two of equal content are the same event."""

    name: EventName
    data: dict[str, Any]


class Event(Struct, frozen=True):
    """One event of a job's story. `at` is Unix ms, `source` who said it."""

    number: int
    name: EventName
    data: dict[str, Any]
    source: Source
    at: int


def told_by_chain(job: JobRow | None) -> list[Told]:
    """The chain's part of a job's story, as it stands now; nothing for a job that a reorganisation took away."""
    if job is None:
        return []
    story = [Told("queued", {"prompt_cid": job.prompt_cid, "model": job.model_id, "tx_hash": job.requested_tx})]
    if job.worker is not None:
        story.append(Told("claimed", {"worker": job.worker, "claim": job.claims}))
    if job.response_cid is not None:
        story.append(Told("answered", {"response_cid": job.response_cid}))
    if job.state == "settled":
        money = {"amount": str(job.amount), "refund": str(job.refund)}
        story.append(Told("settled", money | {"worker": job.worker, "tx_hash": job.closed_tx}))
        story.append(Told("indexed", {"block": job.block}))
    elif job.state in ENDINGS:
        story.append(Told("failed", {"reason": job.state, "refund": str(job.refund), "tx_hash": job.closed_tx}))
    return story


def difference(told: Sequence[Event], now: Sequence[Told]) -> tuple[list[Event], list[Told]]:
    """What was told and no longer holds, and what holds and was not told.

    A claim that is gone takes with it all that its worker said since; a worker's own "answered" stands for the chain's.
    """
    standing = [event for event in told if event.name != "retract"]
    claims = {event.number for event in standing if event.name == "claimed" and Told("claimed", event.data) not in now}
    lost_from = min(claims, default=None)
    withdrawn = [
        event
        for event in standing
        if (event.source == "chain" and Told(event.name, event.data) not in now)
        or (event.source == "worker" and (not now or (lost_from is not None and event.number > lost_from)))
    ]
    gone = {event.number for event in withdrawn}
    kept = [event for event in standing if event.number not in gone]
    known = [Told(event.name, event.data) for event in kept if event.source == "chain"]
    answered = any(event.name == "answered" for event in kept)
    fresh = [one for one in now if one not in known and not (one.name == "answered" and answered)]
    return withdrawn, fresh


def reason(withdrawn: Sequence[Event], now: Sequence[Told]) -> str:
    """Why what was told no longer holds."""
    claim_lost = any(event.name == "claimed" for event in withdrawn)
    if claim_lost and any(one.name == "claimed" for one in now):
        return "the lease ran out and the job was claimed again"
    return "the chain was reorganised"
