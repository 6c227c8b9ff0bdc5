"""What one fact does to the receipt of a job: verified only by the chain's word, never by default."""

from msgspec.structs import replace

from domain.facts import JobCompleted, JobExpired, ReceiptAccepted

from ..rows import JobRow, ReceiptRow
from .moment import Moment, Unfoldable, hexed, worded

ReceiptFact = JobCompleted | JobExpired | ReceiptAccepted

OVERDUE = "no proof came before the receipt deadline"


def fold_receipt(receipt: ReceiptRow | None, job: JobRow, moment: Moment, fact: ReceiptFact) -> ReceiptRow | None:
    """The receipt after `fact`, with `job` as that same fact left it. None while the job has no answer."""
    match fact:
        case JobCompleted():
            return _pending(job, moment, fact)
        case ReceiptAccepted():
            if receipt is None:
                raise Unfoldable(f"job {fact.job_id} was paid before it was answered")
            return _accepted(receipt, job, moment, fact)
        case JobExpired():
            return receipt and replace(receipt, state="unproven", reason=OVERDUE, block=moment.block)


def _pending(job: JobRow, moment: Moment, fact: JobCompleted) -> ReceiptRow:
    return ReceiptRow(
        job_id=job.job_id,
        state="pending",
        worker=hexed(fact.worker),
        controller=job.controller,
        model_id=job.model_id,
        model_cid=job.model_cid,
        prompt_cid=job.prompt_cid,
        response_cid=fact.response_cid,
        verifier_version=job.verifier_version,
        answered_at=moment.at,
        block=moment.block,
    )


def _accepted(receipt: ReceiptRow, job: JobRow, moment: Moment, fact: ReceiptAccepted) -> ReceiptRow:
    reason = _contradiction(receipt, job, fact)
    return replace(
        receipt,
        state="failed" if reason else "verified",
        reason=reason,
        job_key=worded(fact.job_key),
        terms=worded(fact.terms),
        amount=int(fact.amount),
        refund=int(fact.refund),
        commitment=worded(fact.commitment),
        tx_hash=moment.tx_hash,
        block_hash=moment.block_hash,
        block_number=moment.block,
        log_index=moment.log_index,
        gas_used=moment.gas_used,
        settled_at=moment.at,
        block=moment.block,
    )


def _contradiction(receipt: ReceiptRow, job: JobRow, fact: ReceiptAccepted) -> str | None:
    """Why the receipt's log cannot belong to this job; the contract never emits such a one, another might."""
    terms = job.max_tokens | job.price_prompt_token << 32 | job.price_completion_token << 128
    for name, said, known in (
        ("worker", hexed(fact.worker), receipt.worker),
        ("response CID", fact.response_cid, receipt.response_cid),
        ("prompt CID", fact.prompt_cid, job.prompt_cid),
        ("model CID", fact.model_cid, job.model_cid),
        ("verifier version", fact.verifier_version, job.verifier_version),
        ("terms", int(fact.terms), terms),
        ("amount and refund", fact.amount + fact.refund, job.escrow),
    ):
        if said != known:
            return f"the receipt's {name} {said} is not the job's {known}"
    return None
