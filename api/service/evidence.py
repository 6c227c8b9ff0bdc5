"""Evidence bundles: a job's number comes in, everything needed to check its receipt without us goes out."""

import asyncio

from api.service.jobs import Jobs
from api.service.ports import ChainReader
from api.service.refusals import Absent, Clashing, Unready
from indexer.explorer.rows import ReceiptRow
from receipts.content.access import Content, ContentError, NotFound
from receipts.document import ReceiptDocument, decode_document
from receipts.evidence import NotSettled, build, encode_bundle


class NotSettledYet(Clashing):
    """The job has no settled receipt yet."""

    remedy = "Wait for it: GET /v1/prompts/{id}/events tells of every step, `settled` is the one to wait for."


class ReceiptUnpublished(Absent):
    """The worker has not published the receipt's document."""

    remedy = "Wait a little: workers publish with POST /v1/receipts and repeat it until it is taken."


class ContentMissing(Absent):
    """A part of the evidence is not at hand."""

    remedy = "Add the content to this deployment's store (POST /api/v0/add), or ask the one who published it."


class EvidenceDesk:
    """Puts bundles together; nothing in them needs to be believed."""

    def __init__(self, jobs: Jobs, content: Content, chain: ChainReader) -> None:
        self._jobs, self._content, self._chain = jobs, content, chain

    async def bundle(self, job_id: int) -> bytes:
        """The bundle's canonical JSON. Raises UnknownJob, NotSettledYet, ReceiptUnpublished, ContentMissing."""
        job = await self._jobs.get(job_id)
        receipt = await self._jobs.receipt(job_id)
        if receipt is None or receipt.state != "verified" or receipt.block_hash is None:
            state = receipt.state if receipt else "not given"
            raise NotSettledYet(f"job {job_id} is {job.state}, its receipt {state}")
        if receipt.receipt_cid is None:
            raise ReceiptUnpublished(f"job {job_id} is settled, its receipt's document has not arrived")
        return await self._build(receipt, receipt.receipt_cid, bytes.fromhex(receipt.block_hash.removeprefix("0x")))

    async def _build(self, receipt: ReceiptRow, receipt_cid: str, block_hash: bytes) -> bytes:
        document, prompt, response, model = await asyncio.gather(
            *(self._get(cid) for cid in (receipt_cid, receipt.prompt_cid, receipt.response_cid, receipt.model_cid))
        )
        block = await self._chain.block(block_hash)
        return await asyncio.to_thread(
            _encoded, decode_document(document), prompt, response, model, block.header, block.receipts
        )

    async def _get(self, cid: str) -> bytes:
        try:
            return await self._content.get(cid)
        except NotFound:
            raise ContentMissing(f"{cid} is not at hand") from None
        except ContentError as fault:
            raise Unready(f"{cid} cannot be read: {fault}") from None


def _encoded(
    document: ReceiptDocument, prompt: bytes, response: bytes, model: bytes, header: bytes, receipts: tuple[bytes, ...]
) -> bytes:
    try:
        bundle = build(document, prompt=prompt, response=response, model=model, header=header, receipts=receipts)
    except NotSettled as fault:
        raise NotSettledYet(f"the chain was reorganised meanwhile: {fault}") from None
    return encode_bundle(bundle)
