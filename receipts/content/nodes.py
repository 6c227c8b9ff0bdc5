"""Links and bytes in, the dag-pb block of a UnixFS file node out, and back: the protobuf that IPFS stores files in."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from .access import BadCid, Corrupted
from .cid import Cid, from_binary

RAW_TYPE, FILE_TYPE = 0, 2
_KINDS = {1: "a directory", 3: "metadata", 4: "a symbolic link", 5: "a sharded directory"}
_VARINT, _BYTES = 0, 2


class Link(Struct, frozen=True):
    """A child: its name, the bytes of the file it holds, and the bytes of all its blocks."""

    cid: Cid
    file_bytes: int
    block_bytes: int


class FileNode(Struct, frozen=True):
    """A piece of a file: bytes of its own, then those of its children; `file_bytes` is what it says of its size."""

    data: bytes
    children: tuple[Cid, ...]
    file_bytes: int


def encode_leaf(data: bytes) -> bytes:
    content = b"\x08\x02" + (_field(2, data) if data else b"") + b"\x18" + _varint(len(data))
    return _field(1, content)


def encode_parent(links: Sequence[Link]) -> bytes:
    """A node without bytes of its own, as `ipfs add` builds it."""
    sizes = [link.file_bytes for link in links]
    content = b"\x08\x02\x18" + _varint(sum(sizes)) + b"".join([b"\x20" + _varint(size) for size in sizes])
    encoded = [
        _field(2, _field(1, link.cid.binary) + _field(2, b"") + b"\x18" + _varint(link.block_bytes)) for link in links
    ]
    return b"".join(encoded) + _field(1, content)


def decode(block: bytes) -> FileNode:
    """The file node in a dag-pb block; raises Corrupted for anything that is no file."""
    content, children = b"", []
    for number, value in _fields(block):
        if number == 1 and isinstance(value, bytes):
            content = value
        elif number == 2 and isinstance(value, bytes):
            children.append(_child(value))
    return _file(content, tuple(children))


def _child(link: bytes) -> Cid:
    for number, value in _fields(link):
        if number == 1 and isinstance(value, bytes):
            try:
                return from_binary(value)
            except BadCid as fault:
                raise Corrupted(f"a link of the file cannot be followed: {fault}") from None
    raise Corrupted("a link of the file names no block")


def _file(content: bytes, children: tuple[Cid, ...]) -> FileNode:
    kind, data, file_bytes = None, b"", None
    for number, value in _fields(content):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes):
            data = value
        elif number == 3 and isinstance(value, int):
            file_bytes = value
    if kind not in (RAW_TYPE, FILE_TYPE):
        raise Corrupted(f"the block holds {_KINDS.get(kind or 0, 'no UnixFS file')}, where a file was expected")
    return FileNode(data, children, len(data) if file_bytes is None else file_bytes)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if tag & 7 == _VARINT:
            yield tag >> 3, value
        elif tag & 7 == _BYTES and at + value <= len(message):
            yield tag >> 3, message[at : at + value]
            at += value
        else:
            raise Corrupted(f"the block is no dag-pb node: field {tag >> 3} at byte {at} cannot be read")


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise Corrupted(f"the block is no dag-pb node: it ends within a number at byte {at}")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | _BYTES,)) + _varint(len(data)) + data
