"""Logs, transaction receipts and tries, good and bad, out: bundles whose settlement stands in a block of our own."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from receipts import rlp
from receipts.canonical import to_bytes, to_hex
from receipts.evidence import RECEIPTS_ROOT, Block, Bundle, Inclusion
from receipts.keccak import keccak256
from receipts.settlement import Log, logs_of
from receipts.trie import prove, trie_root, verify_proof
from tests.receipts.bundles import BUNDLE, inclusion_of

PLACE = rlp.encode_integer(BUNDLE.inclusion.tx_index)
NODES = [to_bytes(node) for node in BUNDLE.inclusion.nodes]
BEFORE, ACCEPTED = logs_of(verify_proof(BUNDLE.block.receipts_root, PLACE, NODES))
SIZES_AND_PLACES = (
    (1, 0),
    (2, 0),
    (2, 1),
    (17, 16),
    (127, 126),
    (128, 127),
    (129, 128),
    (300, 0),
    (300, 255),
    (300, 299),
)


def in_block(receipts: list[bytes], tx_index: int = 0) -> Bundle:
    """The settlement is the second log of one of these transaction receipts."""
    entries = [(rlp.encode_integer(index), encoded) for index, encoded in enumerate(receipts)]
    nodes = tuple(to_hex(node) for node in prove(entries, rlp.encode_integer(tx_index)))
    return under(trie_root(entries), Inclusion(tx_index, 1, nodes))


def under(root: bytes, inclusion: Inclusion) -> Bundle:
    header = list(BUNDLE.block.header)
    header[RECEIPTS_ROOT] = to_hex(root)
    digest = keccak256(rlp.encode([to_bytes(field) for field in header]))
    return replace(BUNDLE, block=Block(to_hex(digest), tuple(header)), inclusion=inclusion)


def receipt(logs: Any, kind: bytes = b"\x02", **changes: Any) -> bytes:
    parts = {"status": b"\x01", "gas": b"\x52\x08", "bloom": bytes(256), "logs": logs, **changes}
    return kind + rlp.encode(list(parts.values()))


def encoded(log: Log) -> rlp.Encodable:
    return [log.address, log.topics, log.data]


def with_logs() -> Iterator[Bundle]:
    """The coordinator's word, and what is not quite that."""
    for topics in _topics(ACCEPTED.topics):
        yield in_block([receipt([encoded(BEFORE), encoded(replace(ACCEPTED, topics=topics))])])
    for data in _data(ACCEPTED.data):
        yield in_block([receipt([encoded(BEFORE), encoded(replace(ACCEPTED, data=data))])])
    yield in_block([receipt([encoded(BEFORE), encoded(replace(ACCEPTED, address=bytes(20)))])])


def _topics(topics: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    event, job, worker, key = topics
    yield from (
        topics,
        (),
        topics[:3],
        (word(1), job, worker, key),
        (event, word(2), worker, key),
        (event, job, worker, word(3)),
    )
    yield from ((event, job, b"\x01" + worker[1:], key), (event, job, worker[:31] + b"\x00", key))


def _data(data: bytes) -> Iterator[bytes]:
    first = int.from_bytes(data[:32], "big")
    yield from (b"", data[:-32], data + bytes(32), data[:-1] + b"\x01", data[32:64] + data[32:])
    yield from (word(number) + data[32:] for number in (0, first + 32, len(data), 2**64, 2**255))
    yield from (data[:first] + word(number) + data[first + 32 :] for number in (0, 45, 47, 2**53, 2**256 - 1))
    yield data[: first + 32] + b"\xff" + data[first + 33 :]
    yield from (data[: 32 * at] + word(5) + data[32 * (at + 1) :] for at in range(4, 9))


def with_receipts() -> Iterator[Bundle]:
    """Transaction receipts of all types and forms."""
    logs, address = [encoded(BEFORE), encoded(ACCEPTED)], ACCEPTED.address
    yield from (
        in_block([receipt(logs, kind)])
        for kind in (b"", b"\x00", b"\x01", b"\x03", b"\x04", b"\x05", b"\x7f", b"\x02\x02")
    )
    yield from (
        in_block([receipt(logs, status=status)]) for status in (b"", b"\x00", b"\x02", bytes(32), [], b"\x00\x01")
    )
    yield from (in_block([receipt(logs, gas=gas)]) for gas in (b"", b"\x00\x01", [], bytes([1]) * 40))
    yield from (in_block([receipt(logs, bloom=bloom)]) for bloom in (bytes(255), b"", []))
    logs_too = [
        [address, [bytes(32)] * 5, b""],
        [address, [[]], b""],
        [address, b"", b""],
        [bytes(19), [], b""],
        [[], [], b""],
        [],
        b"",
    ]
    yield from (in_block([receipt(pair)]) for each in logs_too for pair in ([logs[0], each], [each, logs[1]]))
    yield from (
        in_block([each]) for each in (receipt(b""), receipt(logs, more=b""), receipt(logs) + b"\x00", *_no_rlp())
    )


def _no_rlp() -> Iterator[bytes]:
    """Bytes that a lax reader would take for a receipt, the good one's among them, and others that nobody would."""
    whole = receipt([encoded(BEFORE), encoded(ACCEPTED)], kind=b"")
    prefix = 3  # of a list of more than 255 bytes
    yield from (b"\x02\xfa\x00" + whole[1:], b"\x02" + rlp.encode_list(b"\x81" + whole[prefix:]))
    yield from (b"\x02\xf8\x05\x01\x01\x01\x01\x01", b"\x02\xc0\xc0\xc0", b"\x02\xc4\x83\x01", b"\x02" + b"\xff" * 9)
    nested = b""
    for _ in range(40):
        nested = rlp.encode_list(nested)
    yield nested


def with_tries() -> Iterator[Bundle]:
    """Blocks of one transaction, of few and of many: leaves, extensions and branches of all depths on the way."""
    good = receipt([encoded(BEFORE), encoded(ACCEPTED)])
    for size, place in SIZES_AND_PLACES:
        others = [receipt([]) if index % 3 else b"\x01" for index in range(size)]
        yield in_block([*others[:place], good, *others[place + 1 :]], place)
    yield from (inclusion_of(tx_index=index) for index in (0, 9, 127, 128, 2**53, 2**63 - 1))
    yield from (inclusion_of(log_index=index) for index in (2, 2**53, 2**63 - 1))
    yield inclusion_of(nodes=BUNDLE.inclusion.nodes[::-1])
    yield from (under(keccak256(node), Inclusion(0, 1, (to_hex(node),))) for node in _roots(good))


def _roots(good: bytes) -> Iterator[bytes]:
    """Nodes that stand alone in their trie; the key is 0x80."""
    yield from (
        b"",
        b"\x80",
        b"\xc0",
        *(rlp.encode([filler] * count) for filler in (b"", b"a") for count in (3, 16, 17)),
    )
    paths = (b"", b"\x00", b"\x10", b"\x20", b"\x21", b"\x30", b"\x38", b"\x40", b"\x20\x80", b"\x20\x08", b"\x00\x80")
    for path in paths:
        yield from (rlp.encode([path, item]) for item in (good, b"", b"a" * 32, [b"\x20", good], [b"a"]))
    yield from (rlp.encode([b"\x21\x80", good]), rlp.encode([b"\x00", [b"\x20\x80", good]]), rlp.encode([[], good]))
    yield from (rlp.encode([b"\x18", [b"\x30", good]]), rlp.encode([b"\x1a", [b"\x30", good]]))


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")
