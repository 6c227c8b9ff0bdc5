"""Bundles and pins, good and bad: those on which the verifiers in Python and in JavaScript must agree step by step.

Where a case's place in the order of checks matters, everything before it is put right: a spoiled prompt is named by its
CID, a spoiled log stands in a block of its own, and the worker signs whatever it is.
"""

import random
import struct
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from receipts.canonical import encode, to_bytes, to_hex
from receipts.deployment import key_digest
from receipts.document import CURVE_ORDER, Engine, Sampling
from receipts.evidence import Bundle, encode_bundle
from tests.clients import contents, settlements
from tests.clients.settlements import word
from tests.receipts.bundles import (
    BLOCK_HASH,
    BUNDLE,
    DATA,
    LIES,
    NO_BUNDLES,
    PAYLOADS,
    UNSETTLED,
    changed_at,
    resigned,
    variants,
)
from tests.receipts.settled import STORED
from tests.receipts.test_proof import MALFORMED

PINS_DATA = (STORED / "deployment.json").read_bytes()
ANCHOR = to_hex(BLOCK_HASH)
CHARACTERS_APART = 97

FLOATS = [
    "0", "-0", "-0.0", "1", "1.0", "1.50", "1e0", "1E5", "1e5", "100000.0", "1e15", "1000000000000000.0", "1e16",
    "1e+16", "10000000000000000.0", "0.00001", "1e-5", "0.000001", "1e-6", "0.1", ".1", "1.", "01.0", "1e", "+1.0",
    "5e-324", "1e308", "2.2250738585072014e-308", "1.7976931348623157e308", "1e309", "-1e309", "NaN", "Infinity",
    "null", "true", '"1.0"', "0.30000000000000004", "0.3000000000000000444", "9007199254740993.0",
]  # fmt: skip
INTEGERS = [
    "0", "-0", "-1", "1.0", "1e3", "00", "7 ", str(2**53 + 1), str(2**64), str(-(10**40)), "1" * 4300, "1" * 4301,
    "true", "[]",
]  # fmt: skip
COUNTS = ["-1", "0.0", "false", str(2**32 - 1), str(2**32), str(2**63 - 1), str(2**63), str(2**70)]
TEXTS = [
    rb'"\u0041"', rb'"\u001f"', rb'"\u001F"', rb'"\u007f"', b'"\x7f"', rb'"\/"', b'"/"', rb'"\b\f\n\r\t"', rb'"\u0009"',
    b'"\t"', b'"\x00"', rb'"\u0000"', rb'"\ud800"', rb'"\udc00\ud800"', rb'"\ud83d\ude00"', '"😀"'.encode(),
    '"\u2028\u2029\ufeff"'.encode(), b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf5\x80\x80\x80"', rb'"\x41"', rb'"\u00e9"',
    '"é"'.encode(), '"e\u0301"'.encode(), rb'"\"', b'"', b"'a'", b'"a" "b"', b"[]", b"{}", b'"none","dtype":"none"',
]  # fmt: skip
ANCHORS = (None, ANCHOR, ANCHOR[:-1] + "0", ANCHOR[:2] + ANCHOR[2:].upper())


class Case(Struct, frozen=True):
    """What is given to a verifier: files as they are, and the hash of a block that is trusted, if any is."""

    bundle: bytes
    deployment: bytes = PINS_DATA
    block_hash: str | None = None


def cases() -> Iterator[Case]:
    """The whole table; most of it fails, at every one of the steps."""
    yield from (Case(DATA, block_hash=block_hash) for block_hash in ANCHORS)
    yield from (Case(data) for data in (*NO_BUNDLES, *_spellings()))
    yield from (Case(encode(changed)) for changed in variants(msgspec.json.decode(DATA)))
    yield from characters(CHARACTERS_APART)
    yield from (Case(encode_bundle(resigned(**changes)), block_hash=ANCHOR) for changes, _ in LIES)
    yield from (Case(encode_bundle(bundle), block_hash=bundle.block.hash) for bundle in UNSETTLED)
    yield from (Case(encode_bundle(bundle)) for bundle in _bundles())
    yield from (Case(DATA, pins, ANCHOR) for pins in _pins())


def characters(apart: int) -> Iterator[Case]:
    """One character in so many is changed."""
    return (Case(changed_at(DATA, at)) for at in range(0, len(DATA), apart))


def _bundles() -> Iterator[Bundle]:
    for name in ("prompt", "response", "model"):
        yield from (replace(BUNDLE, **{name: payload}) for payload in PAYLOADS)
    for each in (_proofs, _signatures, _unlooked_at, contents.asked, contents.answered, contents.named):
        yield from each()
    for each in (settlements.with_logs, settlements.with_receipts, settlements.with_tries):
        yield from each()


def _spellings() -> Iterator[bytes]:
    """Other ways to write a number or a text, few of them canonical; the signature holds for none of them."""
    rng = random.Random(7)
    doubles = [struct.unpack("d", rng.randbytes(8))[0] for _ in range(150)]
    floats = [*FLOATS, *(encode(each).decode() for each in doubles), *(repr(each) for each in doubles)]
    yield from (DATA.replace(b'"temperature":0.0', b'"temperature":' + each.encode()) for each in floats)
    yield from (DATA.replace(b'"seed":null', b'"seed":' + each.encode()) for each in INTEGERS)
    for name, value in ((b'"units":', b"110"), (b'"prompt_tokens":', b"58"), (b'"tx_index":', b"8")):
        yield from (DATA.replace(name + value, name + each.encode()) for each in COUNTS)
    yield from (DATA.replace(b'"dtype":"none"', b'"dtype":' + each) for each in TEXTS)
    yield from (DATA.replace(b'{"device"', each) for each in (b'{ "device"', b'{"__proto__":1,"device"', b'{"device" '))
    yield "\ufeff".encode() + DATA


def _proofs() -> Iterator[Bundle]:
    for words, _ in MALFORMED.values():
        if len(words) == 8 and min(words) >= 0 and max(words) < 2**256:
            yield resigned(proof=tuple(f"0x{number:064x}" for number in words))


def _signatures() -> Iterator[Bundle]:
    signature = BUNDLE.receipt.signature
    sig = to_bytes(signature.sig)
    r, s, v = sig[:32], sig[32:64], sig[64:]
    flipped, high = bytes([55 - sig[64]]), word(CURVE_ORDER - int.from_bytes(s, "big"))
    limits = (0, 1, 2, 3, CURVE_ORDER // 2, CURVE_ORDER // 2 + 1, CURVE_ORDER - 1, CURVE_ORDER, 2**256 - 1)
    spoiled = [
        r + s + flipped,
        r + high + flipped,
        r + high + v,
        *(r + s + bytes([byte]) for byte in (0, 1, 26, 29, 255)),
    ]
    spoiled += [first + second + v for number in limits for first, second in ((r, word(number)), (word(number), s))]
    for each in spoiled:
        yield replace(BUNDLE, receipt=replace(BUNDLE.receipt, signature=replace(signature, sig=to_hex(each))))


def _unlooked_at() -> Iterator[Bundle]:
    """What no check looks at, but the signature is over: all of these hold."""
    rng = random.Random(8)
    letters = [*map(chr, range(0x80)), "é", "\u2028", "\ufeff", "\uffff", "😀"]
    for number in range(40):
        text = "".join(rng.choices(letters, k=12))
        sampling = Sampling(
            temperature=rng.choice([rng.random(), float(number), 10.0 ** rng.randint(-30, 30), -0.0]),
            top_p=rng.random(),
            max_tokens=rng.getrandbits(32),
            stop=(text, ""),
            seed=rng.choice([None, 0, rng.getrandbits(80), -rng.getrandbits(70)]),
        )
        yield resigned(engine=Engine(name=text, version="", dtype='\\"/', device="😀"), sampling=sampling)


def _pins() -> Iterator[bytes]:
    """Deployment files: the sample's with something else in it."""
    pins: dict[str, Any] = msgspec.json.decode(PINS_DATA)
    circuit, contracts = pins["circuit"], pins["contracts"]
    key, coordinator = circuit["verifying_key"], contracts["InferenceCoordinator"]
    yield from (
        b"",
        b"{}",
        b"[]",
        b"\xff",
        PINS_DATA[:-5],
        encode(pins),
        encode({**pins, "more": 1}),
        b"\n" + PINS_DATA + b" ",
    )
    changes = [{name: value} for name in pins for value in (None, 1, -1, 1.0, "", [], {})]
    changes += [{"chain_id": 1337}, {"block": 0}, {"genesis_hash": "0x" + "AA" * 32}]
    for part in (
        {"development": False},
        {"development": 1},
        {"verifier_version": 2},
        {"verifier_version": 1.0},
        {"name": None},
        {"digest": word(1).hex()},
    ):
        changes.append({"circuit": {**circuit, **part}})
    for address in ("0x" + "12" * 20, "0x" + "AB" * 20, "0x12", "", None):
        changes.append({"contracts": {**contracts, "InferenceCoordinator": {**coordinator, "address": address}}})
    changes += [
        {"contracts": {**contracts, "Other": {"address": "0x12", "abi": []}}},
        {"contracts": {"InferenceCoordinator": coordinator}},
    ]
    for other in ({**key, "more": [1, 1.5, None, True, "é"]}, {**key, "vk_alpha_1": key["IC"][0]}):
        changes.append({"circuit": {**circuit, "verifying_key": other, "digest": to_hex(key_digest(other))}})
    yield from (encode({**pins, **each}) for each in changes)
