"""Receipt documents as a worker signs them: a job's row goes in, the canonical bytes come out."""

from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from msgspec.structs import replace

from indexer.explorer.rows import JobRow
from receipts.canonical import to_word
from receipts.deployment import Deployment
from receipts.document import Engine, ReceiptBody, Sampling, encode_document, sign
from tests.api.chain import SIGNING, SIGNING_KEY

COMMITMENT = to_word(9)


def body(job: JobRow, deployment: Deployment, response_cid: str, **changes: Any) -> ReceiptBody:
    """What is true of the job, but for the changes."""
    prompt_tokens, completion_tokens = 5, 4
    amount = str(prompt_tokens * job.price_prompt_token + completion_tokens * job.price_completion_token)
    coordinator = deployment.contracts["InferenceCoordinator"].address
    true = ReceiptBody(
        receipt_id=f"{deployment.chain_id}-{coordinator}-{job.job_id}",
        job_id=str(job.job_id),
        provider="0x" + SIGNING.hex(),
        client=job.controller,
        units=prompt_tokens + completion_tokens,
        unit_type="tokens",
        price=amount,
        model=job.model_id,
        started_at=1_700_000_000_000,
        completed_at=1_700_000_001_000,
        chain_id=deployment.chain_id,
        coordinator=coordinator,
        prompt_cid=job.prompt_cid,
        response_cid=response_cid,
        model_cid=job.model_cid,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        completion_ids=(1, 2, 3, 4),
        salt=to_word(3),
        job_key=to_word(7),
        terms=to_word(job.max_tokens | job.price_prompt_token << 32 | job.price_completion_token << 128),
        amount=amount,
        commitment=COMMITMENT,
        proof=(to_word(1),) * 8,
        circuit_digest=deployment.circuit.digest,
        engine=Engine(name="vllm", version="0.32", dtype="float32", device="cpu"),
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=16),
    )
    return replace(true, **changes)


def signed(statement: ReceiptBody, key: bytes = SIGNING_KEY) -> bytes:
    def sign_message(message: bytes) -> bytes:
        return bytes(Account.sign_message(encode_defunct(primitive=message), key).signature)

    return encode_document(sign(statement, sign_message))
