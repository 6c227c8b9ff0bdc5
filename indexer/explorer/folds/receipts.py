"""What one fact does to the receipt of a job: verified only by the chain's word, never by default."""

from domain.facts import JobCompleted, ReceiptAccepted

from ..rows import JobRow, ReceiptRow
from .moment import Moment, address, worded

OVERDUE = "no proof came before the receipt deadline"


def begin_receipt(job: JobRow, moment: Moment, fact: JobCompleted) -> ReceiptRow:
    """A receipt is pending from the answer on. `job` is as that same fact left it."""
    return ReceiptRow(
        job_id=job.job_id,
        state="pending",
        worker=address(fact.worker),
        controller=job.controller,
        model_id=job.model_id,
        model_cid=job.model_cid,
        prompt_cid=job.prompt_cid,
        response_cid=fact.response_cid,
        verifier_version=job.verifier_version,
        answered_at=moment.at,
        block=moment.block,
    )


def accept_receipt(receipt: ReceiptRow, job: JobRow, moment: Moment, fact: ReceiptAccepted) -> None:
    """Changes `receipt` to what it is after the contract verified the proof. `job` is as that same fact left it."""
    receipt.reason = _contradiction(receipt, job, fact)
    receipt.state = "failed" if receipt.reason else "verified"
    receipt.job_key = worded(fact.job_key)
    receipt.terms = worded(fact.terms)
    receipt.amount = int(fact.amount)
    receipt.refund = int(fact.refund)
    receipt.commitment = worded(fact.commitment)
    receipt.tx_hash = moment.tx_hash
    receipt.block_hash = moment.block_hash
    receipt.block_number = receipt.block = moment.block
    receipt.log_index = moment.log_index
    receipt.gas_used = moment.gas_used
    receipt.settled_at = moment.at


def expire_receipt(receipt: ReceiptRow, moment: Moment) -> None:
    """Changes `receipt` to what it is when the job expired with an answer and without a proof."""
    receipt.state, receipt.reason, receipt.block = "unproven", OVERDUE, moment.block


def _contradiction(receipt: ReceiptRow, job: JobRow, fact: ReceiptAccepted) -> str | None:
    """Why the receipt's log cannot belong to this job; the contract never emits such a one, another might."""
    terms = job.max_tokens | job.price_prompt_token << 32 | job.price_completion_token << 128
    said = (address(fact.worker), fact.response_cid, fact.prompt_cid, fact.model_cid, fact.verifier_version)
    known = (receipt.worker, receipt.response_cid, job.prompt_cid, job.model_cid, job.verifier_version)
    if said == known and fact.terms == terms and fact.amount + fact.refund == job.escrow:
        return None
    names = ("worker", "response CID", "prompt CID", "model CID", "verifier version", "terms", "amount and refund")
    claims = zip(names, (*said, int(fact.terms), fact.amount + fact.refund), (*known, terms, job.escrow), strict=True)
    name, theirs, ours = next(claim for claim in claims if claim[1] != claim[2])
    return f"the receipt's {name} {theirs} is not the job's {ours}"
