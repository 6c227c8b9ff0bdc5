"""A running chain in, one job ordered, claimed, answered, proved and paid there out, with its evidence.

Nothing is invented but the answer: tokens are counted by a real tokenizer, the proof is made from the development key.
`python -m tests.receipts.settled` writes the sample that the offline tests read.
"""

import hashlib
import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from chain.integrity import check_receipts, encode_header, encode_receipt
from chain.wire import WireBlock, WireReceipt
from receipts.canonical import to_hex, to_word
from receipts.content.unixfs import cid_of
from receipts.deployment import Deployment, write
from receipts.document import Engine, ReceiptBody, ReceiptDocument, Sampling, receipt_id, sign
from receipts.evidence import Bundle, build, encode_bundle
from receipts.keys import load_keys
from receipts.model_manifest import describe, encode_manifest
from receipts.prover import load_prover
from receipts.request import SCHEMA, Message, Request, encode_request
from receipts.settings import ReceiptSettings
from receipts.statement import PrivatePart, job_key, new_salt, state, unpack_terms
from receipts.tokens import FolderTokenizer
from tests.network import Account, Network, deployed, running
from tests.receipts.byte_tokenizer import ids_of, write_tokenizer
from tests.receipts.documents import wallet

STORED = Path(__file__).parent / "sample"
MODEL_ID = "tiny"
ANSWER = "Because blue light is scattered most. 🌤"
STOP = "\nUser:"
QUESTION = Request(
    schema=SCHEMA,
    messages=(Message(role="system", content="Be brief."), Message(role="user", content="Why is the sky blue?")),
    max_tokens=200,
    stop=(STOP,),
)
ESCROW = 10**17


class Settled(Struct, frozen=True):
    """A bundle, the pins to judge it by, and the tokenizer to recount with."""

    bundle: Bundle
    deployment: Deployment
    model: Path

    @property
    def data(self) -> bytes:
        return encode_bundle(self.bundle)

    @property
    def block_hash(self) -> bytes:
        return bytes.fromhex(self.bundle.block.hash[2:])


def settle(network: Network, model: Path) -> Settled:
    """One job's whole way on the chain, in a block with other transactions around its settlement."""
    write_tokenizer(model)
    manifest = encode_manifest(describe(model))
    prompt, response = encode_request(QUESTION), ANSWER.encode()
    arguments = (MODEL_ID, str(cid_of(manifest)), "Tiny", "A tokenizer and no weights")
    network.transact(network.owner, "ModelRegistry", "registerModel", *arguments)
    worker = network.register_worker()
    job_id = _order(network, str(cid_of(prompt)))
    network.transact(worker, "InferenceCoordinator", "claim", job_id)
    document = _receipt(network, worker, job_id, model, (prompt, response, manifest))
    block, receipts = _settle_in_company(network, worker, document)
    bundle = build(document, prompt=prompt, response=response, model=manifest, header=block, receipts=receipts)
    return Settled(bundle, network.deployment, model)


def _order(network: Network, prompt_cid: str) -> int:
    receipt = network.transact(
        network.orderer, "InferenceCoordinator", "submitPrompt", prompt_cid, MODEL_ID, value=ESCROW
    )
    return int(receipt["logs"][0]["topics"][1], 16)


def _receipt(
    network: Network, worker: Account, job_id: int, model: Path, contents: tuple[bytes, bytes, bytes]
) -> ReceiptDocument:
    """The signed document of a job that the worker answered, with a proof that was just made."""
    deployment, (prompt, response, manifest) = network.deployment, contents
    tokenizer = FolderTokenizer(model, describe(model))
    ids = tuple(ids_of(model, ANSWER + STOP + " and"))
    private = PrivatePart(
        prompt_digest=hashlib.sha256(prompt).digest(),
        response_digest=hashlib.sha256(response).digest(),
        model_digest=hashlib.sha256(manifest).digest(),
        prompt_tokens=tokenizer.count_prompt(QUESTION.conversation),
        completion_tokens=len(ids),
        started_at=1_790_000_000_000,
        completed_at=1_790_000_001_234,
        salt=new_salt(),
    )
    key = job_key(deployment.chain_id, deployment.coordinator, job_id, worker.address, str(cid_of(response)))
    terms = network.call("InferenceCoordinator", "termsOf", job_id)
    public = state(private, unpack_terms(terms), key)
    prover = load_prover(load_keys(Path(ReceiptSettings().keys_folder)), deployment.chain_id)
    proof = prover.prove(private, public)
    body = ReceiptBody(
        receipt_id=receipt_id(deployment.chain_id, deployment.coordinator, job_id),
        job_id=str(job_id),
        provider=worker.hex,
        client=network.orderer.hex,
        units=private.prompt_tokens + private.completion_tokens,
        unit_type="tokens",
        price=str(public.amount),
        model=MODEL_ID,
        started_at=private.started_at,
        completed_at=private.completed_at,
        chain_id=deployment.chain_id,
        coordinator=to_hex(deployment.coordinator),
        prompt_cid=str(cid_of(prompt)),
        response_cid=str(cid_of(response)),
        model_cid=str(cid_of(manifest)),
        prompt_tokens=private.prompt_tokens,
        completion_tokens=private.completion_tokens,
        completion_ids=ids,
        salt=to_word(private.salt),
        job_key=to_word(key),
        terms=to_word(terms),
        amount=str(public.amount),
        commitment=to_word(public.commitment),
        proof=proof.text,
        circuit_digest=deployment.circuit.digest,
        engine=Engine(name="none", version="1", dtype="none", device="cpu"),
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=200, stop=(STOP,)),
    )
    return sign(body, wallet(worker.key))


def _settle_in_company(network: Network, worker: Account, document: ReceiptDocument) -> tuple[bytes, list[bytes]]:
    """Submits the receipt in one block with eight orders; returns header and receipts as the chain hashes them."""
    network.rpc("evm_setAutomine", False)
    others = [_send_order(network, document.prompt_cid) for _ in range(8)]
    proof = [int(word, 16) for word in document.proof]
    settlement = (
        int(document.job_id),
        document.response_cid,
        int(document.amount),
        int(document.commitment, 16),
        proof,
    )
    settled = network.send(worker, "InferenceCoordinator", "submitReceipt", *settlement)
    network.mine()
    network.rpc("evm_setAutomine", True)
    for transaction in (*others, settled):
        assert network.mined(transaction)["status"] == "0x1"
    number = network.mined(settled)["blockNumber"]
    block = msgspec.convert(network.rpc("eth_getBlockByNumber", number, True), WireBlock)
    wire = msgspec.convert(network.rpc("eth_getBlockReceipts", number), list[WireReceipt])
    check_receipts(block, wire)
    return encode_header(block), [encode_receipt(each) for each in wire]


def _send_order(network: Network, prompt_cid: str) -> str:
    return network.send(network.orderer, "InferenceCoordinator", "submitPrompt", prompt_cid, MODEL_ID, value=ESCROW)


def _store() -> None:
    """Writes the sample for the offline tests anew."""
    shutil.rmtree(STORED, ignore_errors=True)
    (STORED / "model").mkdir(parents=True)
    with running(deployed()) as network:
        settled = settle(network, STORED / "model")
    (STORED / "bundle.json").write_bytes(settled.data)
    write(settled.deployment, STORED / "deployment.json")


if __name__ == "__main__":
    _store()
