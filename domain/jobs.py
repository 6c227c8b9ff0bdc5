"""The life of a job: a job as it was and a fact of it come in, the job as it is after goes out.

This is the only place that knows the coordinator's states. Whoever keeps jobs, as rows of a table or as work to be
done, keeps these fields in his own way and lets `advance` change them; what else he notes of a fact is his affair.
"""

from collections.abc import Callable
from typing import Any, Literal, Protocol, get_args

from msgspec import Struct

from domain.facts import (
    JobCancelled,
    JobClaimed,
    JobCompleted,
    JobExpired,
    JobRequested,
    JobTermsFixed,
    LeaseExpired,
    ReceiptAccepted,
    ReceiptDue,
)

State = Literal["open", "claimed", "answered", "settled", "cancelled", "expired"]
STATES: tuple[State, ...] = get_args(State)
"""In the order of the contract's numbers, which begin at 1."""

CLOSED: frozenset[State] = frozenset(("settled", "cancelled", "expired"))
NOBODY = bytes(20)
LATEST_S = 253_402_300_799  # the last second of the year 9999: a later time says "never" just as well

JobFact = (
    JobRequested | JobTermsFixed | JobClaimed | LeaseExpired | JobCompleted | ReceiptDue
    | JobCancelled | JobExpired | ReceiptAccepted
)  # fmt: skip
LaterFact = (
    JobTermsFixed | JobClaimed | LeaseExpired | JobCompleted | ReceiptDue | JobCancelled | JobExpired | ReceiptAccepted
)
"""Every fact of a job but its request, with which it begins: open, unclaimed, its terms to follow."""


class Life(Protocol):
    """What a job must hold to be led through its life. Times are Unix seconds and inclusive, as the contract's are."""

    state: State
    refund_to: Any
    reserved_for: Any
    reserved_until: int | None
    escrow: int
    max_tokens: int
    price_prompt_token: int
    price_completion_token: int
    deadline: int
    verifier_version: int
    claims: int
    worker: Any
    response_cid: str | None
    amount: int | None
    refund: int | None
    lease_until: int | None
    receipt_deadline: int | None


class Image(Struct, frozen=True):
    """How a keeper of jobs writes an address, and one that may be nobody's."""

    address: Callable[[bytes], Any]
    holder: Callable[[bytes], Any]


def state_of(number: int) -> State:
    """The state that the contract numbers so."""
    return STATES[number - 1]


def clamped(seconds: int) -> int:
    """A time that every clock can show: chain times are unsigned integers that anyone may choose."""
    return min(seconds, LATEST_S)


def advance(job: Life, fact: LaterFact, image: Image) -> None:
    """Changes `job` to what it is after `fact`. It must be the caller's own copy."""
    _RULES[type(fact)](job, fact, image)


def _terms_fixed(job: Life, fact: JobTermsFixed, image: Image) -> None:
    job.refund_to = image.address(fact.refund_to)
    job.reserved_for = image.holder(fact.reserved_for)
    job.reserved_until = clamped(fact.reserved_until) if fact.reserved_for != NOBODY else None
    job.escrow = int(fact.escrow)
    job.max_tokens = fact.max_tokens
    job.price_prompt_token = int(fact.price_prompt_token)
    job.price_completion_token = int(fact.price_completion_token)
    job.deadline = clamped(fact.deadline)
    job.verifier_version = fact.verifier_version


def _claimed(job: Life, fact: JobClaimed, image: Image) -> None:
    """A first claim ends the reservation: what lapses after it is free for all."""
    job.state = "claimed"
    job.worker = image.holder(fact.worker)
    job.claims += 1
    job.lease_until = clamped(fact.lease_until)


def _lease_expired(job: Life, _: LeaseExpired, image: Image) -> None:
    job.state = "open"
    job.worker = image.holder(NOBODY)
    job.lease_until = None


def _completed(job: Life, fact: JobCompleted, image: Image) -> None:
    """Either the proof stands beside it, or the time until which it must come."""
    job.state = "answered"
    job.worker = image.holder(fact.worker)
    job.response_cid = fact.response_cid
    job.lease_until = None


def _receipt_due(job: Life, fact: ReceiptDue, _: Image) -> None:
    job.receipt_deadline = clamped(fact.receipt_deadline)


def _settled(job: Life, fact: ReceiptAccepted, _: Image) -> None:
    _close(job, "settled", int(fact.amount), int(fact.refund))


def _cancelled(job: Life, fact: JobCancelled, _: Image) -> None:
    _close(job, "cancelled", 0, int(fact.refund))


def _expired(job: Life, fact: JobExpired, _: Image) -> None:
    _close(job, "expired", 0, int(fact.refund))


def _close(job: Life, state: State, amount: int, refund: int) -> None:
    job.state = state
    job.amount = amount
    job.refund = refund
    job.lease_until = job.receipt_deadline = None


_RULES: dict[type, Callable[[Life, Any, Image], None]] = {
    JobTermsFixed: _terms_fixed,
    JobClaimed: _claimed,
    LeaseExpired: _lease_expired,
    JobCompleted: _completed,
    ReceiptDue: _receipt_due,
    ReceiptAccepted: _settled,
    JobCancelled: _cancelled,
    JobExpired: _expired,
}
