"""What one fact does to one job's row: the rule of its life, and when and by which transaction it was led on."""

from domain.facts import JobCancelled, JobClaimed, JobCompleted, JobExpired, JobRequested, ReceiptAccepted
from domain.jobs import LaterFact, advance

from ..rows import JobRow
from .moment import SHOWN, Moment, address

_ENDS = frozenset((ReceiptAccepted, JobCancelled, JobExpired))


def begin_job(moment: Moment, fact: JobRequested) -> JobRow:
    """Terms follow in the next log of the same transaction; until then nothing is owed to anyone."""
    controller = address(fact.controller)
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


def fold_job(job: JobRow, moment: Moment, fact: LaterFact) -> None:
    """Changes `job`, which must be the caller's own copy, to what it is after `fact`."""
    advance(job, fact, SHOWN)
    job.block = moment.block
    if type(fact) is JobClaimed:
        job.claimed_at, job.claimed_tx = moment.at, moment.tx_hash
    elif type(fact) is JobCompleted:
        job.completed_at, job.completed_tx = moment.at, moment.tx_hash
    elif type(fact) in _ENDS:
        job.closed_at, job.closed_tx = moment.at, moment.tx_hash
