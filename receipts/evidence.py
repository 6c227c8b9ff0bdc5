"""A receipt with everything it speaks of in, one file out that anyone can check without us: the evidence bundle.

It holds the receipt document, the bytes behind its three CIDs, the header of the block that settled it, and the
Merkle proof that leads from that header to the settling transaction's receipt. Its JSON has one canonical form.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from . import rlp, trie
from .canonical import Count, Hex, NotCanonical, Word, decode, encode, to_bytes, to_hex
from .document import ReceiptDocument
from .keccak import keccak256
from .settlement import is_accepted, logs_of

SCHEMA: Literal["tallystick/evidence/1"] = "tallystick/evidence/1"
HEADER_FIELDS_MIN, HEADER_FIELDS_MAX = 15, 40
RECEIPTS_ROOT, NUMBER = 5, 8


class NotSettled(Exception):
    """The block holds no settlement of the receipt's job."""


class Payload(Struct, frozen=True):
    """Bytes as text where they are UTF-8, else in base64."""

    encoding: Literal["utf-8", "base64"]
    data: str


class Block(Struct, frozen=True):
    """A block's hash, and the header's fields (RLP items) in order: the hash of their encoding is the block's."""

    hash: Word
    header: Annotated[tuple[Hex, ...], Meta(min_length=HEADER_FIELDS_MIN, max_length=HEADER_FIELDS_MAX)]

    @property
    def number(self) -> int:
        return rlp.decode_integer(to_bytes(self.header[NUMBER]))

    @property
    def receipts_root(self) -> bytes:
        return to_bytes(self.header[RECEIPTS_ROOT])

    @property
    def computed_hash(self) -> bytes:
        return keccak256(rlp.encode([to_bytes(field) for field in self.header]))


class Inclusion(Struct, frozen=True):
    """Where the settlement stands: transaction in the block, log in the transaction, and the trie's nodes to it."""

    tx_index: Count
    log_index: Count
    nodes: tuple[Hex, ...]


class Bundle(Struct, frozen=True, kw_only=True):
    """The evidence for one receipt."""

    schema: Literal["tallystick/evidence/1"]
    receipt: ReceiptDocument
    prompt: Payload
    response: Payload
    model: Payload
    block: Block
    inclusion: Inclusion


def build(
    receipt: ReceiptDocument,
    *,
    prompt: bytes,
    response: bytes,
    model: bytes,
    header: bytes,
    receipts: Sequence[bytes],
) -> Bundle:
    """The bundle of a settled receipt, from the bytes behind its CIDs, its block's header (RLP) and all the block's
    receipts as their trie holds them. Raises NotSettled."""
    tx_index, log_index = _find(receipt, receipts)
    entries = [(rlp.encode_integer(index), encoded) for index, encoded in enumerate(receipts)]
    nodes = trie.prove(entries, rlp.encode_integer(tx_index))
    return Bundle(
        schema=SCHEMA,
        receipt=receipt,
        prompt=to_payload(prompt),
        response=to_payload(response),
        model=to_payload(model),
        block=Block(to_hex(keccak256(header)), tuple(to_hex(field) for field in _header_fields(header))),
        inclusion=Inclusion(tx_index, log_index, tuple(to_hex(node) for node in nodes)),
    )


def encode_bundle(bundle: Bundle) -> bytes:
    return encode(bundle)


def decode_bundle(data: bytes) -> Bundle:
    """Raises NotCanonical for anything but the one encoding of a bundle."""
    bundle = decode(data, Bundle, "evidence bundle")
    for payload in (bundle.prompt, bundle.response, bundle.model):
        if to_payload(from_payload(payload)) != payload:
            raise NotCanonical(f"a payload is in {payload.encoding}, but not in the form that its bytes have")
    return bundle


def to_payload(data: bytes) -> Payload:
    try:
        return Payload("utf-8", data.decode())
    except UnicodeDecodeError:
        return Payload("base64", base64.b64encode(data).decode())


def from_payload(payload: Payload) -> bytes:
    """Raises NotCanonical for text that is no base64."""
    if payload.encoding == "utf-8":
        return payload.data.encode()
    try:
        return base64.b64decode(payload.data, validate=True)
    except (binascii.Error, ValueError):
        raise NotCanonical("a payload that says it is base64 is not") from None


def _find(receipt: ReceiptDocument, receipts: Sequence[bytes]) -> tuple[int, int]:
    coordinator, job_id = to_bytes(receipt.coordinator), int(receipt.job_id)
    for tx_index, encoded in enumerate(receipts):
        if coordinator not in encoded:  # spares decoding, and failed transactions are no receipts of ours
            continue
        for log_index, log in enumerate(logs_of(encoded)):
            if is_accepted(log, coordinator, job_id):
                return tx_index, log_index
    raise NotSettled(f"none of the block's {len(receipts)} receipts holds the settlement of job {job_id}")


def _header_fields(header: bytes) -> list[bytes]:
    fields = rlp.decode(header)
    if not isinstance(fields, list) or not all(isinstance(field, bytes) for field in fields):
        raise rlp.BadRlp("a block's header is a flat RLP list")
    return [field for field in fields if isinstance(field, bytes)]
