"""Nested byte strings in, their one Recursive Length Prefix encoding out, and back; any other encoding is refused."""

from collections.abc import Sequence
from typing import TypeAlias

Item: TypeAlias = bytes | list["Item"]
Encodable: TypeAlias = bytes | Sequence["Encodable"]

TEXT, LIST = 0x80, 0xC0
SHORT_MAX = 55
DEPTH_MAX = 32


class BadRlp(ValueError):
    """Bytes that no encoder would have written."""


def encode(item: Encodable) -> bytes:
    """The encoding of a byte string, or of a list of what can be encoded."""
    if isinstance(item, bytes):
        return encode_text(item)
    return encode_list(b"".join([encode(part) for part in item]))


def encode_text(data: bytes) -> bytes:
    return data if len(data) == 1 and data[0] < TEXT else _prefix(len(data), TEXT) + data


def encode_list(payload: bytes) -> bytes:
    """A list whose parts are encoded already and joined."""
    return _prefix(len(payload), LIST) + payload


def encode_integer(number: int) -> bytes:
    return encode_text(integer_bytes(number))


def integer_bytes(number: int) -> bytes:
    """An integer as RLP's users write it: big-endian without leading zeros, zero as the empty string."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode(data: bytes) -> Item:
    """The one item that `data` encodes."""
    item, end = _decode_at(data, 0, len(data), 0)
    if end != len(data):
        raise BadRlp(f"{len(data) - end} bytes follow the RLP item of {end} bytes")
    return item


def decode_integer(item: Item) -> int:
    if not isinstance(item, bytes):
        raise BadRlp("an RLP list stands where an integer belongs")
    if item[:1] == b"\0":
        raise BadRlp(f"integer 0x{item.hex()} has a leading zero")
    return int.from_bytes(item, "big")


def _prefix(length: int, offset: int) -> bytes:
    if length <= SHORT_MAX:
        return bytes((offset + length,))
    size = integer_bytes(length)
    return bytes((offset + SHORT_MAX + len(size),)) + size


def _decode_at(data: bytes, start: int, limit: int, depth: int) -> tuple[Item, int]:
    if start >= limit:
        raise BadRlp(f"RLP ends at byte {limit} where an item should begin")
    first = data[start]
    if first < TEXT:
        return data[start : start + 1], start + 1
    begin, end = _payload(data, start, limit, TEXT if first < LIST else LIST)
    if first >= LIST:
        return _decode_list(data, begin, end, depth + 1), end
    text = data[begin:end]
    if len(text) == 1 and text[0] < TEXT:
        raise BadRlp(f"byte 0x{text.hex()} at {start} is encoded with a prefix it does not need")
    return text, end


def _decode_list(data: bytes, at: int, end: int, depth: int) -> list[Item]:
    if depth > DEPTH_MAX:
        raise BadRlp(f"RLP lists are nested deeper than {DEPTH_MAX}")
    items: list[Item] = []
    while at < end:
        item, at = _decode_at(data, at, end, depth)
        items.append(item)
    return items


def _payload(data: bytes, start: int, limit: int, offset: int) -> tuple[int, int]:
    """Where the payload of the text or list that begins at `start` begins and ends."""
    length, begin = data[start] - offset, start + 1
    if length > SHORT_MAX:
        begin = start + 1 + length - SHORT_MAX
        size = data[start + 1 : min(begin, limit)]
        length = int.from_bytes(size, "big")
        if size[:1] == b"\0" or length <= SHORT_MAX:
            raise BadRlp(f"the length at byte {start} is not written in its shortest form")
    if begin + length > limit:
        raise BadRlp(f"the item at byte {start} ends at {begin + length}, beyond its {limit} bytes")
    return begin, begin + length
