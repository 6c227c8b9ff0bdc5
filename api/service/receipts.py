"""Receipts that workers publish: the signed document comes in, its fact and its content-addressed bytes are kept.

A document is believed where it says what the chain says; its counts stay the worker's own word.
"""

import asyncio

from msgspec import Struct

from api.service.jobs import Jobs, UnknownJob
from api.service.refusals import Clashing, Denied, Invalid
from domain.facts import ReceiptPublished, Wei
from domain.ledger import Conflict, Ledger, Recorded, streams
from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import JobRow, ReceiptRow
from receipts.canonical import NotCanonical, to_bytes, to_word
from receipts.content.access import Content
from receipts.deployment import Deployment
from receipts.document import BadSignature, ReceiptDocument, check_signature, decode_document


class BadReceipt(Invalid):
    """The receipt document is malformed or contradicts itself."""

    remedy = "Send the canonical JSON of the document exactly as it was signed."


class ReceiptMismatch(Invalid):
    """The receipt contradicts the chain."""

    remedy = "Publish the receipt of the job as the chain has it; a job that was reorganised must be answered anew."


class WrongWorker(Denied):
    """The receipt is not by the worker who holds the job."""

    remedy = "Only the job's claimant may publish its receipt, signed with the key it claimed with."


class ReceiptExists(Clashing):
    """Another receipt of this job stands already."""

    remedy = "A settled job has one receipt; GET /explorer/v1/receipts/{job_id} shows it."


class Published(Struct, frozen=True):
    job_id: int
    receipt_cid: str
    replayed: bool


class ReceiptDesk:
    """Checks and keeps receipts. Publishing one twice is publishing it once."""

    def __init__(
        self,
        ledger: Ledger,
        explorer: Explorer,
        jobs: Jobs,
        content: Content,
        deployment: Deployment,
        claim_wait_s: float,
    ) -> None:
        self._ledger, self._explorer, self._jobs, self._content = ledger, explorer, jobs, content
        self._deployment, self._claim_wait_s = deployment, claim_wait_s

    async def publish(self, data: bytes) -> Published:
        """Raises BadReceipt, WrongWorker, ReceiptMismatch, ReceiptExists, UnknownJob."""
        document = read(data)
        job_id = int(document.job_id)
        check_deployment(document, self._deployment)
        job = await self._jobs.wait(job_id, lambda row: _by(row, document.provider), self._claim_wait_s)
        if job is None:
            raise UnknownJob(f"there is no job {job_id}")
        settled = await self._jobs.receipt(job_id)
        check_job(document, job, settled)
        return await self._keep(job_id, document, data, settled)

    async def _keep(self, job_id: int, document: ReceiptDocument, data: bytes, settled: ReceiptRow | None) -> Published:
        cid = await self._content.put(data)
        stream = streams.receipt(self._deployment.chain_id, self._deployment.coordinator, job_id)
        newest = await asyncio.to_thread(self._ledger.newest, stream)
        before = newest.fact if newest and isinstance(newest.fact, ReceiptPublished) else None
        if before is not None and before.receipt_cid == cid:
            return Published(job_id, cid, replayed=True)
        if before is not None and settled is not None and settled.commitment == to_word(before.commitment):
            raise ReceiptExists(f"the receipt of job {job_id} is {before.receipt_cid}")
        version = newest.originator_version + 1 if newest else 1
        try:
            await asyncio.to_thread(self._ledger.record, Recorded(stream, version, fact_of(job_id, document, cid)))
        except Conflict:
            raise ReceiptExists(
                f"another receipt of job {job_id} arrived at the same moment", "Send it again."
            ) from None
        await asyncio.to_thread(self._explorer.refresh)
        return Published(job_id, cid, replayed=False)


def read(data: bytes) -> ReceiptDocument:
    """Raises BadReceipt, WrongWorker."""
    try:
        document = decode_document(data)
        check_signature(document)
    except NotCanonical as fault:
        raise BadReceipt(str(fault)) from None
    except BadSignature as fault:
        raise WrongWorker(str(fault)) from None
    if document.prompt_tokens + document.completion_tokens != document.units:
        raise BadReceipt(f"units is {document.units}, the tokens add up to another number")
    if document.started_at > document.completed_at:
        raise BadReceipt(f"it was completed at {document.completed_at}, before it was started at {document.started_at}")
    return document


def check_deployment(document: ReceiptDocument, deployment: Deployment) -> None:
    """Raises ReceiptMismatch."""
    coordinator = deployment.contracts["InferenceCoordinator"].address
    _compare(document, chain_id=deployment.chain_id, coordinator=coordinator, circuit_digest=deployment.circuit.digest)


def check_job(document: ReceiptDocument, job: JobRow, settled: ReceiptRow | None) -> None:
    """Raises WrongWorker, ReceiptMismatch."""
    if job.worker != document.provider:
        raise WrongWorker(
            f"job {job.job_id} is held by {job.worker or 'nobody'}, the receipt is by {document.provider}"
        )
    _compare(document, client=job.controller, model=job.model_id, model_cid=job.model_cid, prompt_cid=job.prompt_cid)
    if job.response_cid is not None:
        _compare(document, response_cid=job.response_cid)
    amount = document.prompt_tokens * job.price_prompt_token + document.completion_tokens * job.price_completion_token
    _compare(document, amount=str(amount), price=str(amount))
    if amount > job.escrow:
        raise ReceiptMismatch(f"amount is {amount}, the job's escrow holds {job.escrow}")
    if settled is not None:
        words = {name: getattr(settled, name) for name in ("job_key", "terms", "commitment")}
        _compare(document, **{name: value for name, value in words.items() if value is not None})


def fact_of(job_id: int, document: ReceiptDocument, cid: str) -> ReceiptPublished:
    return ReceiptPublished(
        job_id=job_id,
        worker=to_bytes(document.provider),
        receipt_cid=cid,
        response_cid=document.response_cid,
        commitment=Wei(int(document.commitment, 16)),
        prompt_tokens=document.prompt_tokens,
        completion_tokens=document.completion_tokens,
        started_at=document.started_at,
        completed_at=document.completed_at,
    )


def _compare(document: ReceiptDocument, **expected: object) -> None:
    for name, value in expected.items():
        if (said := getattr(document, name)) != value:
            raise ReceiptMismatch(f"{name} is {said!r}, the chain says {value!r}")


def _by(job: JobRow | None, worker: str) -> bool:
    return job is not None and job.worker == worker
