"""Where a job stands with us and on chain goes in, what to do about it now comes out. Nothing here acts.

What blocks that may yet be reorganised away say about others never ends a work: only time or finality does.
"""

from enum import Enum

from msgspec import Struct

from .board import Job
from .journal import Work

ABSENT_S_MAX = 600
"""How long a job that a reorganisation took away may need to come back."""


class Action(Enum):
    """The next step of one work."""

    WAIT = "wait"
    CLAIM = "claim"
    AWAIT_CLAIM = "await claim"
    GENERATE = "generate"
    SEND_ANSWER = "send answer"
    PROVE = "prove"
    SETTLE = "settle"
    AWAIT_SETTLEMENT = "await settlement"
    ABANDON = "abandon"


class Step(Struct, frozen=True):
    action: Action
    reason: str = ""


WAIT = Step(Action.WAIT)


def next_step(work: Work, job: Job | None, worker: bytes, now: float, lease_margin_s: float) -> Step:
    """The one thing to do about `work`; times are seconds, `job` is None when it is not on chain."""
    if work.end is not None:
        return WAIT
    if job is None:
        absent_s = now - work.accepted_at / 1000
        return Step(Action.ABANDON, "the job is no longer on chain") if absent_s > ABSENT_S_MAX else WAIT
    if job.is_closed:
        return WAIT
    if job.is_held_by(worker, now):
        return Step(_held(work, job, now, lease_margin_s))
    if job.is_claimable_by(worker, now):
        return Step(Action.AWAIT_CLAIM if work.claim else Action.CLAIM)
    if job.worker == worker and job.state == "answered":
        return Step(Action.ABANDON, "its receipt deadline passed before the proof was on chain")
    if now >= job.deadline:
        return Step(Action.ABANDON, "its deadline passed")
    return WAIT


def ending(job: Job, worker: bytes) -> str | None:
    """Why a job that is closed for good pays us nothing; None when it does."""
    if job.state != "settled":
        return f"the job was {job.state}"
    return None if job.worker == worker else f"0x{job.worker.hex()} was paid for it"


def is_ours(work: Work, job: Job | None, worker: bytes, now: float) -> bool:
    """Whether we hold the job or are about to: what counts as load, and what is finished before going."""
    if work.end is not None or job is None or job.is_closed:
        return False
    return job.is_held_by(worker, now) or (work.claim is not None and job.is_claimable_by(worker, now))


def _held(work: Work, job: Job, now: float, lease_margin_s: float) -> Action:
    if work.answer is None:  # an answer of ours that this journal does not know can be neither proved nor replaced
        return Action.WAIT if job.state == "answered" else Action.GENERATE
    if work.settlement is not None:
        return Action.AWAIT_SETTLEMENT
    if job.state == "claimed" and (job.lease_until or 0) - now < lease_margin_s:
        return Action.SEND_ANSWER
    return Action.PROVE if work.receipt is None else Action.SETTLE
