"""A transaction's receipt as its trie holds it in, the coordinator's word that a job was settled out; read strictly."""

from msgspec import Struct

from . import rlp
from .keccak import keccak256

SIGNATURE = (
    "ReceiptAccepted(uint256,address,uint256,string,string,string,string,uint256,uint256,uint256,uint256,uint256)"
)
TOPIC = keccak256(SIGNATURE.encode())
RECEIPT_TYPES = range(1, 5)
BLOOM_BYTES = 256
TOPICS_MAX = 4
WORD = 32

_TEXTS, _NUMBERS = 4, 5


class BadReceipt(ValueError):
    """Bytes that are no transaction receipt, or a log that is not the event it should be."""


class Log(Struct, frozen=True):
    """What one contract said in a transaction."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class Accepted(Struct, frozen=True, kw_only=True):
    """The event ReceiptAccepted: the contract verified the proof and credited the worker."""

    job_id: int
    worker: bytes
    job_key: int
    prompt_cid: str
    response_cid: str
    model_id: str
    model_cid: str
    terms: int
    amount: int
    refund: int
    commitment: int
    verifier_version: int


def logs_of(encoded: bytes) -> tuple[Log, ...]:
    """The logs of a successful transaction's receipt, with or without a type in front (EIP-2718)."""
    kind = encoded[:1]
    if kind and kind[0] in RECEIPT_TYPES:
        encoded = encoded[1:]
    item = rlp.decode(encoded)
    if not isinstance(item, list) or len(item) != 4:
        raise BadReceipt("a receipt has four parts: status, gas, bloom and logs")
    status, gas, bloom, logs = item
    rlp.decode_integer(gas)
    if status != b"\x01":
        raise BadReceipt(f"the transaction did not succeed: its status is {status!r}")
    if not isinstance(bloom, bytes) or len(bloom) != BLOOM_BYTES or not isinstance(logs, list):
        raise BadReceipt(f"the receipt has no bloom of {BLOOM_BYTES} bytes, or no list of logs")
    return tuple(_log(log) for log in logs)


def is_accepted(log: Log, coordinator: bytes, job_id: int) -> bool:
    """Whether this is the settlement of the job, by this coordinator."""
    return log.address == coordinator and log.topics[:2] == (TOPIC, job_id.to_bytes(WORD, "big"))


def read_accepted(log: Log) -> Accepted:
    """The event in the log; raises BadReceipt for another event or for data in any but the ABI's one encoding."""
    if len(log.topics) != TOPICS_MAX or log.topics[0] != TOPIC:
        raise BadReceipt("the log is not the event ReceiptAccepted")
    job_id, worker, job_key = log.topics[1:]
    if any(worker[:12]):
        raise BadReceipt(f"topic 0x{worker.hex()} is no address")
    texts = [_text(log.data, index) for index in range(_TEXTS)]
    numbers = [_number(log.data, (_TEXTS + index) * WORD) for index in range(_NUMBERS)]
    if _encode(texts, numbers) != log.data:
        raise BadReceipt("the event's data is not as the ABI encodes it")
    prompt_cid, response_cid, model_id, model_cid = [text.decode() for text in texts]
    terms, amount, refund, commitment, verifier_version = numbers
    return Accepted(
        job_id=int.from_bytes(job_id, "big"),
        worker=worker[12:],
        job_key=int.from_bytes(job_key, "big"),
        prompt_cid=prompt_cid,
        response_cid=response_cid,
        model_id=model_id,
        model_cid=model_cid,
        terms=terms,
        amount=amount,
        refund=refund,
        commitment=commitment,
        verifier_version=verifier_version,
    )


def _log(item: rlp.Item) -> Log:
    if not isinstance(item, list) or len(item) != 3:
        raise BadReceipt("a log has three parts: address, topics and data")
    address, topics, data = item
    if not isinstance(address, bytes) or len(address) != 20 or not isinstance(data, bytes):
        raise BadReceipt("a log has an address of 20 bytes, and data")
    if not isinstance(topics, list) or len(topics) > TOPICS_MAX:
        raise BadReceipt(f"a log has at most {TOPICS_MAX} topics")
    return Log(address, tuple(_topic(topic) for topic in topics), data)


def _topic(item: rlp.Item) -> bytes:
    if not isinstance(item, bytes) or len(item) != WORD:
        raise BadReceipt(f"a topic has {WORD} bytes")
    return item


def _number(data: bytes, at: int) -> int:
    if at + WORD > len(data):
        raise BadReceipt(f"the event's data of {len(data)} bytes ends before the number at {at}")
    return int.from_bytes(data[at : at + WORD], "big")


def _text(data: bytes, index: int) -> bytes:
    at = _number(data, index * WORD)
    end = at + WORD + _number(data, at)
    if end > len(data):
        raise BadReceipt(f"the event's data of {len(data)} bytes ends before its text at {at}")
    return data[at + WORD : end]


def _encode(texts: list[bytes], numbers: list[int]) -> bytes:
    """Texts and numbers as the ABI lays them out: heads first, then the texts in order, padded."""
    at, heads, tails = (len(texts) + len(numbers)) * WORD, b"", b""
    for text in texts:
        heads += (at + len(tails)).to_bytes(WORD, "big")
        tails += len(text).to_bytes(WORD, "big") + text + bytes(-len(text) % WORD)
    return heads + b"".join([number.to_bytes(WORD, "big") for number in numbers]) + tails
