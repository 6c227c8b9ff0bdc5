"""What one fact does to one job: the job before and the fact come in, the job after goes out."""

from msgspec.structs import replace

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

from ..rows import JobRow
from .moment import ZERO_ADDRESS, Moment, Unfoldable, clamped, hexed

JobFact = (
    JobRequested
    | JobTermsFixed
    | JobClaimed
    | LeaseExpired
    | JobCompleted
    | ReceiptDue
    | JobCancelled
    | JobExpired
    | ReceiptAccepted
)


def fold_job(job: JobRow | None, moment: Moment, fact: JobFact) -> JobRow:
    """The job after `fact`. Raises Unfoldable for a job that was never requested, or was twice."""
    if isinstance(fact, JobRequested):
        return _requested(job, moment, fact)
    if job is None:
        raise Unfoldable(f"job {fact.job_id} was never requested")
    match fact:
        case JobTermsFixed():
            return _terms_fixed(job, moment, fact)
        case JobClaimed():
            return _claimed(job, moment, fact)
        case LeaseExpired():
            return replace(job, state="open", worker=None, lease_until=None, block=moment.block)
        case JobCompleted():
            return _completed(job, moment, fact)
        case ReceiptDue():
            return replace(job, receipt_deadline=clamped(fact.receipt_deadline), block=moment.block)
        case ReceiptAccepted():
            return _settled(job, moment, fact)
        case JobCancelled() | JobExpired():
            state = "cancelled" if isinstance(fact, JobCancelled) else "expired"
            return _closed(replace(job, state=state, amount=0, refund=int(fact.refund)), moment)


def _requested(job: JobRow | None, moment: Moment, fact: JobRequested) -> JobRow:
    """Terms follow in the next log of the same transaction; until then nothing is owed to anyone."""
    if job is not None:
        raise Unfoldable(f"job {fact.job_id} was requested before, in block {job.block}")
    controller = hexed(fact.controller)
    return JobRow(
        job_id=fact.job_id,
        state="open",
        controller=controller,
        refund_to=controller,
        model_id=fact.model_id,
        model_cid=fact.model_cid,
        prompt_cid=fact.prompt_cid,
        escrow=0,
        max_tokens=0,
        price_prompt_token=0,
        price_completion_token=0,
        deadline=0,
        verifier_version=0,
        claims=0,
        requested_at=moment.at,
        requested_tx=moment.tx_hash,
        block=moment.block,
    )


def _terms_fixed(job: JobRow, moment: Moment, fact: JobTermsFixed) -> JobRow:
    reserved = fact.reserved_for != ZERO_ADDRESS
    return replace(
        job,
        refund_to=hexed(fact.refund_to),
        reserved_for=hexed(fact.reserved_for) if reserved else None,
        reserved_until=clamped(fact.reserved_until) if reserved else None,
        escrow=int(fact.escrow),
        max_tokens=fact.max_tokens,
        price_prompt_token=int(fact.price_prompt_token),
        price_completion_token=int(fact.price_completion_token),
        deadline=clamped(fact.deadline),
        verifier_version=fact.verifier_version,
        block=moment.block,
    )


def _claimed(job: JobRow, moment: Moment, fact: JobClaimed) -> JobRow:
    return replace(
        job,
        state="claimed",
        worker=hexed(fact.worker),
        claims=job.claims + 1,
        lease_until=clamped(fact.lease_until),
        claimed_at=moment.at,
        claimed_tx=moment.tx_hash,
        block=moment.block,
    )


def _completed(job: JobRow, moment: Moment, fact: JobCompleted) -> JobRow:
    return replace(
        job,
        state="answered",
        worker=hexed(fact.worker),
        response_cid=fact.response_cid,
        lease_until=None,
        completed_at=moment.at,
        completed_tx=moment.tx_hash,
        block=moment.block,
    )


def _settled(job: JobRow, moment: Moment, fact: ReceiptAccepted) -> JobRow:
    paid = replace(job, state="settled", amount=int(fact.amount), refund=int(fact.refund))
    return _closed(paid, moment)


def _closed(job: JobRow, moment: Moment) -> JobRow:
    return replace(
        job,
        lease_until=None,
        receipt_deadline=None,
        closed_at=moment.at,
        closed_tx=moment.tx_hash,
        block=moment.block,
    )
