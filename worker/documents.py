"""A job, its answer and a prover go in; the proven receipt comes out, its signed document stored beside the answer."""

import hashlib
import time
from collections.abc import Awaitable, Callable

from msgspec import Struct

from domain.facts import Wei
from receipts import canonical, statement
from receipts.content.access import Content
from receipts.document import ReceiptBody, encode_document, receipt_id, sign
from receipts.statement import PrivatePart, PublicInputs, Terms

from .board import Job
from .journal import AnswerMade, ReceiptProved
from .prompts import Prompts

WORD_BYTES = 32

Prove = Callable[[PrivatePart, PublicInputs], Awaitable[tuple[int, ...]]]
Sign = Callable[[bytes], bytes]


class Identity(Struct, frozen=True, kw_only=True):
    """What every receipt of this worker says alike."""

    chain_id: int
    coordinator: bytes
    worker: bytes
    circuit_digest: str
    model_manifest: bytes


class Receipts:
    """Makes receipts of answers; whatever is made is stored before it is spoken of."""

    def __init__(self, identity: Identity, content: Content, prompts: Prompts, prove: Prove, sign: Sign) -> None:
        self._identity = identity
        self._content = content
        self._prompts = prompts
        self._prove = prove
        self._sign = sign

    async def make(self, job: Job, answer: AnswerMade) -> tuple[ReceiptProved, float]:
        """The receipt, and the milliseconds that its proof took."""
        identity = self._identity
        terms = Terms(job.max_tokens, job.price_prompt_token, job.price_completion_token)
        key = statement.job_key(
            identity.chain_id, identity.coordinator, job.job_id, identity.worker, answer.response_cid
        )
        private = PrivatePart(
            prompt_digest=_digest(await self._prompts.bytes_of(job.prompt_cid)),
            response_digest=_digest(answer.text.encode()),
            model_digest=_digest(identity.model_manifest),
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            started_at=answer.started_at,
            completed_at=answer.completed_at,
            salt=statement.new_salt(),
        )
        public = statement.state(private, terms, key)
        began = time.perf_counter()
        words = await self._prove(private, public)
        proof_ms = (time.perf_counter() - began) * 1000
        body = self._body(job, answer, private, public, words)
        document = sign(body, lambda _digest: self._sign(canonical.encode(body)))
        await self._content.put(answer.text.encode())
        document_cid = await self._content.put(encode_document(document))
        proof = b"".join(word.to_bytes(WORD_BYTES, "big") for word in words)
        return ReceiptProved(proof, Wei(public.amount), Wei(public.commitment), document_cid), proof_ms

    async def document(self, receipt: ReceiptProved) -> bytes:
        """The signed document of a receipt that was made before."""
        return await self._content.get(receipt.document_cid)

    def _body(
        self, job: Job, answer: AnswerMade, private: PrivatePart, public: PublicInputs, words: tuple[int, ...]
    ) -> ReceiptBody:
        identity = self._identity
        return ReceiptBody(
            receipt_id=receipt_id(identity.chain_id, identity.coordinator, job.job_id),
            job_id=str(job.job_id),
            provider=canonical.to_hex(identity.worker),
            client=canonical.to_hex(job.controller),
            units=answer.prompt_tokens + answer.completion_tokens,
            unit_type="tokens",
            price=str(public.amount),
            model=job.model_id,
            started_at=answer.started_at,
            completed_at=answer.completed_at,
            chain_id=identity.chain_id,
            coordinator=canonical.to_hex(identity.coordinator),
            prompt_cid=job.prompt_cid,
            response_cid=answer.response_cid,
            model_cid=job.model_cid,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            completion_ids=answer.completion_ids,
            salt=canonical.to_word(private.salt),
            job_key=canonical.to_word(public.job_key),
            terms=canonical.to_word(public.terms),
            amount=str(public.amount),
            commitment=canonical.to_word(public.commitment),
            proof=tuple(canonical.to_word(word) for word in words),
            circuit_digest=identity.circuit_digest,
            engine=answer.engine,
            sampling=answer.sampling,
        )


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
