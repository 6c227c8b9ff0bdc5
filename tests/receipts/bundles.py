"""The sample's bundle and ways to spoil it: what each verifier of ours must refuse, and at which step.

The sample is the evidence of one job that was really settled on a development chain (see `settled`).
"""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from receipts.canonical import to_bytes, to_word
from receipts.content.unixfs import cid_of
from receipts.curve import BASE_FIELD
from receipts.deployment import load
from receipts.document import sign
from receipts.evidence import Bundle, Payload, decode_bundle, from_payload
from receipts.poseidon import FIELD
from tests.network import WORKERS
from tests.receipts.documents import wallet
from tests.receipts.settled import STORED

DATA = (STORED / "bundle.json").read_bytes()
PINS = load(STORED / "deployment.json")
BUNDLE = decode_bundle(DATA)
BLOCK_HASH = to_bytes(BUNDLE.block.hash)


def resigned(**changes: Any) -> Bundle:
    """The bundle with a receipt that its worker signed anew: a worker who lies."""
    return replace(BUNDLE, receipt=sign(replace(BUNDLE.receipt, **changes), wallet(WORKERS[0].key)))


def negated_a() -> tuple[str, ...]:
    """A proof of valid points that proves nothing: A is turned into -A."""
    x, y, *others = BUNDLE.receipt.proof
    return (x, to_word(BASE_FIELD - int(y, 16)), *others)


def block_of(**changes: Any) -> Bundle:
    return replace(BUNDLE, block=replace(BUNDLE.block, **changes))


def inclusion_of(**changes: Any) -> Bundle:
    return replace(BUNDLE, inclusion=replace(BUNDLE.inclusion, **changes))


def changed_at(data: bytes, at: int) -> bytes:
    """Another character of the same kind, so that the change is as hard to see as can be."""
    letter = data[at : at + 1]
    for letters in (b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        if letter in letters:
            modulus = 6 if letter in b"abcdef" else len(letters)
            return data[:at] + letters[(letters.index(letter) + 1) % modulus :][:1] + data[at + 1 :]
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def variants(value: Any) -> Iterator[Any]:
    """Every way to change one leaf, to drop one part, or to say one thing more, of a JSON value."""
    if isinstance(value, dict):
        yield {**value, "more": 1}
        for key, part in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from ({**value, key: changed} for changed in variants(part))
    elif isinstance(value, list):
        yield [*value, *value[-1:]] if value else ["0x00"]
        if len(value) > 1:
            yield value[1:]
            yield value[::-1]
        for at in {0, len(value) // 2, len(value) - 1} if len(value) > 30 else range(len(value)):
            yield from ([*value[:at], changed, *value[at + 1 :]] for changed in variants(value[at]))
    else:
        yield from (changed for changed in _leaves(value) if changed != value or type(changed) is not type(value))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        yield from (value + "0", value[:-1], value.upper(), "", value + "\n")
    elif isinstance(value, int | float):
        yield from (value + 1, -1 - value, str(value))
    yield from (None, [value])


LIES: list[tuple[dict[str, Any], str]] = [
    ({"chain_id": 1}, "pins"),
    ({"coordinator": "0x" + "12" * 20}, "pins"),
    ({"receipt_id": "another"}, "pins"),
    ({"circuit_digest": to_word(1)}, "pins"),
    ({"prompt_cid": BUNDLE.receipt.response_cid}, "content"),
    ({"response_cid": "none"}, "content"),
    ({"completion_tokens": BUNDLE.receipt.completion_tokens - 1}, "tokens"),
    ({"completion_ids": BUNDLE.receipt.completion_ids[:-1]}, "tokens"),
    ({"units": 1}, "tokens"),
    ({"job_key": to_word(1)}, "commitment"),
    ({"salt": to_word(1)}, "commitment"),
    ({"salt": "0x" + "ff" * 32}, "commitment"),
    ({"started_at": BUNDLE.receipt.started_at + 1}, "commitment"),
    ({"completed_at": BUNDLE.receipt.started_at - 1}, "commitment"),
    ({"commitment": to_word(1)}, "commitment"),
    ({"proof": negated_a()}, "proof"),
    ({"proof": ("0x" + "00" * 32,) * 8}, "proof"),
    ({"proof": ("0x" + "ff" * 32,) * 8}, "proof"),
    ({"amount": "1"}, "proof"),
    ({"amount": "9" * 78}, "proof"),
    ({"amount": str(int(BUNDLE.receipt.amount) + FIELD)}, "proof"),
    ({"terms": to_word(1)}, "proof"),
    ({"terms": to_word(int(BUNDLE.receipt.terms, 16) + FIELD)}, "proof"),
    ({"terms": "0x" + "ff" * 32}, "proof"),
    ({"price": "1"}, "terms"),
    ({"model": "another"}, "settlement"),
    ({"prompt_cid": str(cid_of(from_payload(BUNDLE.prompt), 1))}, "settlement"),
    ({"model_cid": str(cid_of(from_payload(BUNDLE.model), 1))}, "settlement"),
]
"""What a worker may sign instead, and the step that finds it out."""

UNSETTLED: list[Bundle] = [
    block_of(hash=to_word(1)),
    block_of(header=(*BUNDLE.block.header, "0x01")),
    block_of(header=BUNDLE.block.header[:-1]),
    inclusion_of(tx_index=BUNDLE.inclusion.tx_index - 1),
    inclusion_of(log_index=BUNDLE.inclusion.log_index - 1),
    inclusion_of(log_index=99),
    inclusion_of(nodes=()),
    inclusion_of(nodes=BUNDLE.inclusion.nodes[:-1]),
    inclusion_of(nodes=(*BUNDLE.inclusion.nodes, BUNDLE.inclusion.nodes[-1])),
]
"""Settlements that the block does not hold."""

PAYLOADS = [
    Payload("base64", "SGVsbG8="),
    Payload("base64", "not base64"),
    Payload("base64", "/w=="),
    Payload("base64", "/x=="),
    Payload("utf-8", "\x00"),
]
"""Contents in another form or of another kind."""

NO_BUNDLES = [b"", b"{}", b"null", b"[" * 100_000, b"\xff\xfe", DATA[:-1], DATA + b"\n", b" " + DATA]
