"""One receipt's evidence and the verifier's pins in, what each check found out; a check that finds a fault raises.

The checks are listed in `CHECKS` in the order in which they run; each relies on those before it.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache

import msgspec
from msgspec import Struct

from . import rlp, trie
from .canonical import encode, to_bytes, to_hex
from .content import cid, unixfs
from .content.access import CONTENT_BYTES_MAX
from .deployment import Deployment
from .document import ReceiptDocument, check_signature, receipt_id
from .evidence import Bundle, from_payload
from .proof import Proof, decode_text
from .request import parse
from .settlement import Accepted, logs_of, read_accepted
from .statement import PrivatePart, PublicInputs, job_key, unpack_terms
from .tokens import Tokenizer, agrees
from .verifying_key import VerifyingKey, parse_verifying_key

PairingCheck = Callable[[VerifyingKey, Proof, PublicInputs], bool]


class Refused(Exception):
    """A step found something that is not as it should be."""


class Skipped(Exception):
    """A step lacks what it needs, and says so."""


class Case(Struct, frozen=True, kw_only=True):
    """What is judged, and by which pins."""

    bundle: Bundle
    deployment: Deployment
    block_hash: bytes | None
    block_hash_at: Callable[[int], bytes | None] | None
    tokenizer_of: Callable[[bytes], Tokenizer] | None
    pairing_check: PairingCheck

    @property
    def receipt(self) -> ReceiptDocument:
        return self.bundle.receipt


def check_pins(case: Case) -> str:
    """Chain, coordinator and circuit are those of the deployment."""
    receipt, deployment = case.receipt, case.deployment
    _same("chain id", receipt.chain_id, deployment.chain_id)
    _same("coordinator", receipt.coordinator, to_hex(deployment.coordinator))
    _same("circuit", receipt.circuit_digest, deployment.circuit.digest)
    _same("receipt_id", receipt.receipt_id, receipt_id(receipt.chain_id, deployment.coordinator, int(receipt.job_id)))
    return f"job {receipt.job_id} of {receipt.coordinator} on chain {receipt.chain_id}"


def check_content(case: Case) -> str:
    """The bytes hash to the CIDs that the receipt names."""
    bundle, receipt = case.bundle, case.receipt
    payloads = {
        "prompt": (bundle.prompt, receipt.prompt_cid),
        "response": (bundle.response, receipt.response_cid),
        "model manifest": (bundle.model, receipt.model_cid),
    }
    for name, (payload, named) in payloads.items():
        data = from_payload(payload)
        if not unixfs.names_file(cid.parse(named), data):
            raise Refused(f"the {name} of {len(data)} bytes is {unixfs.cid_of(data)}, the receipt names {named}")
    return "prompt, response and model manifest hash to their names"


def check_tokens(case: Case) -> str:
    """The counts are those of the tokens listed, and of the model's own tokenizer where it is at hand."""
    receipt = case.receipt
    _same("completion_tokens", receipt.completion_tokens, len(receipt.completion_ids))
    _same("units", receipt.units, receipt.prompt_tokens + receipt.completion_tokens)
    request = parse(from_payload(case.bundle.prompt), CONTENT_BYTES_MAX)
    if request.max_tokens is not None and receipt.completion_tokens > request.max_tokens:
        raise Refused(f"{receipt.completion_tokens} completion tokens are more than the {request.max_tokens} asked for")
    if case.tokenizer_of is None:
        raise Skipped("not recounted: no tokenizer is at hand, the counts are the worker's word")
    tokenizer = case.tokenizer_of(from_payload(case.bundle.model))
    _same("prompt_tokens", receipt.prompt_tokens, tokenizer.count_prompt(request.conversation))
    response = from_payload(case.bundle.response).decode()
    if not agrees(tokenizer.decode(receipt.completion_ids), response, request.stop or ()):
        raise Refused("the tokens listed do not decode to the response")
    return f"recounted: {receipt.prompt_tokens} prompt tokens, {receipt.completion_tokens} completion tokens"


def check_worker(case: Case) -> str:
    """The worker signed the document."""
    check_signature(case.receipt)
    return f"signed by {case.receipt.provider}"


def check_commitment(case: Case) -> str:
    """Digests, counts, times and salt, bound to the job, give the commitment."""
    receipt, bundle = case.receipt, case.bundle
    key = job_key(
        receipt.chain_id,
        to_bytes(receipt.coordinator),
        int(receipt.job_id),
        to_bytes(receipt.provider),
        receipt.response_cid,
    )
    _same("job_key", int(receipt.job_key, 16), key)
    private = PrivatePart(
        prompt_digest=hashlib.sha256(from_payload(bundle.prompt)).digest(),
        response_digest=hashlib.sha256(from_payload(bundle.response)).digest(),
        model_digest=hashlib.sha256(from_payload(bundle.model)).digest(),
        prompt_tokens=receipt.prompt_tokens,
        completion_tokens=receipt.completion_tokens,
        started_at=receipt.started_at,
        completed_at=receipt.completed_at,
        salt=int(receipt.salt, 16),
    )
    _same("commitment", int(receipt.commitment, 16), private.commitment(key))
    return receipt.commitment


def check_proof(case: Case) -> str:
    """The proof holds for the receipt's public inputs under the pinned key."""
    receipt = case.receipt
    key = _pinned_key(encode(case.deployment.circuit.verifying_key))
    inputs = PublicInputs(
        job_key=int(receipt.job_key, 16),
        terms=int(receipt.terms, 16),
        amount=int(receipt.amount),
        commitment=int(receipt.commitment, 16),
    )
    if case.pairing_check(key, decode_text(receipt.proof), inputs) is not True:
        raise Refused("the proof does not hold for job key, terms, amount and commitment")
    return f"holds under the key {receipt.circuit_digest}"


def check_terms(case: Case) -> str:
    """The amount is the counts at the job's prices, within its maximum."""
    receipt = case.receipt
    terms = unpack_terms(int(receipt.terms, 16))
    _same("amount", int(receipt.amount), terms.amount(receipt.prompt_tokens, receipt.completion_tokens))
    _same("price", receipt.price, receipt.amount)
    if receipt.completion_tokens > terms.max_tokens:
        raise Refused(f"{receipt.completion_tokens} completion tokens are more than the job's {terms.max_tokens}")
    return f"{receipt.amount} wei for {receipt.prompt_tokens} and {receipt.completion_tokens} tokens"


def check_settlement(case: Case) -> str:
    """The coordinator accepted this very receipt, in a transaction of this block."""
    block, inclusion = case.bundle.block, case.bundle.inclusion
    _same("block hash", block.hash, to_hex(block.computed_hash))
    key = rlp.encode_integer(inclusion.tx_index)
    encoded = trie.verify_proof(block.receipts_root, key, [to_bytes(node) for node in inclusion.nodes])
    logs = logs_of(encoded)
    if inclusion.log_index >= len(logs):
        raise Refused(f"the transaction has {len(logs)} logs, the bundle names log {inclusion.log_index}")
    log = logs[inclusion.log_index]
    _same("contract of the log", to_hex(log.address), to_hex(case.deployment.coordinator))
    _compare(read_accepted(log), case)
    return f"accepted in transaction {inclusion.tx_index} of block {block.number}, log {inclusion.log_index}"


def check_anchor(case: Case) -> str:
    """The block is on the chain, by the word of whoever the verifier trusts for that."""
    block = case.bundle.block
    if case.block_hash is None and case.block_hash_at is None:
        raise Skipped(f"not anchored: compare block {block.number} {block.hash} with the chain, or name its hash")
    if case.block_hash is not None:
        _same("block hash", block.hash, to_hex(case.block_hash))
    if case.block_hash_at is not None:
        found = case.block_hash_at(block.number)
        if found is None:
            raise Refused(f"the chain has no block {block.number}")
        _same(f"hash of block {block.number}", block.hash, to_hex(found))
    return f"block {block.number} {block.hash} is on the chain"


CHECKS: dict[str, Callable[[Case], str]] = {
    "pins": check_pins,
    "content": check_content,
    "tokens": check_tokens,
    "signature": check_worker,
    "commitment": check_commitment,
    "proof": check_proof,
    "terms": check_terms,
    "settlement": check_settlement,
    "anchor": check_anchor,
}


@lru_cache(maxsize=8)
def _pinned_key(encoded: bytes) -> VerifyingKey:
    """The deployment's key; to check its points takes longer than to check a proof."""
    return parse_verifying_key(msgspec.json.decode(encoded))


def _compare(accepted: Accepted, case: Case) -> None:
    """Every field of the event that the receipt also states, and the verifier that the deployment pins."""
    receipt = case.receipt
    _same("job id of the settlement", accepted.job_id, int(receipt.job_id))
    _same("worker of the settlement", to_hex(accepted.worker), receipt.provider)
    _same("job key of the settlement", accepted.job_key, int(receipt.job_key, 16))
    _same("prompt CID of the settlement", accepted.prompt_cid, receipt.prompt_cid)
    _same("response CID of the settlement", accepted.response_cid, receipt.response_cid)
    _same("model of the settlement", accepted.model_id, receipt.model)
    _same("model CID of the settlement", accepted.model_cid, receipt.model_cid)
    _same("terms of the settlement", accepted.terms, int(receipt.terms, 16))
    _same("amount of the settlement", accepted.amount, int(receipt.amount))
    _same("commitment of the settlement", accepted.commitment, int(receipt.commitment, 16))
    _same("verifier of the settlement", accepted.verifier_version, case.deployment.circuit.verifier_version)


def _same(name: str, stated: object, found: object) -> None:
    if stated != found:
        raise Refused(f"{name} is {stated}, should be {found}")
