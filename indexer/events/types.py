"""A type of the ABI comes in; how it lives in DuckDB and how to read it from a log's words come out.

Numbers that always fit are BIGINT or HUGEINT; wider ones are decimal text. Addresses and bytes are lower-case 0x text,
strings text (bytes that are not UTF-8 stay visible as `\\xff`), arrays and tuples JSON with their integers as decimal
text. What an indexed argument of variable length was the chain does not say: its Keccak-256 stands in its place.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
from msgspec import Struct

from chain.abi import canonical, text

from .errors import BadAbi, Unfit

WORD = 32
WIDTHS = range(8, 257, 8)
BIGINT_BITS, HUGEINT_BITS = 63, 120
"""The widest unsigned types of the ABI that fit into DuckDB's; HUGEINT holds 127 bits, types come in steps of 8."""

Parameter = Mapping[str, Any]
Read = Callable[[bytes], Any]
"""From the log's indexed words and its data, laid end to end."""


class Kind(Struct, frozen=True):
    """A column's type in DuckDB and in Arrow, and whether its numbers are text in JSON."""

    sql: str
    arrow: pa.DataType
    is_wide: bool = False


TEXT = Kind("VARCHAR", pa.string())
FLAG = Kind("BOOLEAN", pa.bool_())
NUMBER = Kind("BIGINT", pa.int64())
HUGE = Kind("HUGEINT", pa.decimal128(38, 0), is_wide=True)
JSON = Kind("JSON", pa.string())

_to_json = msgspec.json.Encoder().encode


def column_of(event: str, parameter: Parameter, at: int, base: int) -> tuple[Kind, Read]:
    """The column of an argument whose word is at byte `at`; the data begins at byte `base`. Raises BadAbi."""
    kind, is_indexed = str(parameter["type"]), bool(parameter.get("indexed"))
    if kind.endswith("]") or kind.startswith("tuple"):
        return (TEXT, _hex_reader(at, WORD)) if is_indexed else (JSON, _nested_reader(event, parameter, at, base))
    if kind in ("string", "bytes"):
        if is_indexed:
            return TEXT, _hex_reader(at, WORD)
        return TEXT, _string_reader(at, base) if kind == "string" else _bytes_reader(at, base)
    if kind == "address":
        return TEXT, _address_reader(at)
    if kind == "bool":
        return FLAG, _flag_reader(at)
    number = re.fullmatch(r"(u?)int(\d{0,3})", kind)
    if number and (bits := int(number[2] or 256)) in WIDTHS:
        return _number(at, bits, is_signed=not number[1])
    size = re.fullmatch(r"bytes(\d{1,2})", kind)
    if size and 8 * int(size[1]) in WIDTHS:
        return TEXT, _hex_reader(at, int(size[1]))
    if kind == "function":
        return TEXT, _hex_reader(at, 24)
    raise BadAbi(f"event {event}: argument {parameter.get('name')!r} has the type {kind!r}, which no ABI knows")


def size_of(parameter: Parameter) -> int:
    """Bytes that an argument takes in the head of the data: a place, or all of a tuple or array of fixed size."""
    if parameter.get("indexed") or is_dynamic(parameter):
        return WORD
    kind = str(parameter["type"])
    if kind.endswith("]"):
        element, count = element_of(parameter)
        return (count or 0) * size_of(element)
    if kind == "tuple":
        return sum(size_of(each) for each in parameter["components"])
    return WORD


def is_dynamic(parameter: Parameter) -> bool:
    kind = str(parameter["type"])
    if kind.endswith("]"):
        element, count = element_of(parameter)
        return count is None or is_dynamic(element)
    if kind == "tuple":
        return any(is_dynamic(each) for each in parameter["components"])
    return kind in ("string", "bytes")


def element_of(parameter: Parameter) -> tuple[dict[str, Any], int | None]:
    """What an array holds, and how many where that is fixed."""
    inner, _, count = str(parameter["type"])[:-1].rpartition("[")
    return {**parameter, "type": inner, "indexed": False}, int(count) if count else None


def _number(at: int, bits: int, is_signed: bool) -> tuple[Kind, Read]:
    def read(words: bytes) -> int:
        value = int.from_bytes(words[at : at + WORD], "big", signed=is_signed)
        if (value if value >= 0 else ~value) >> (bits - is_signed):
            raise Unfit(f"{value:#x} does not fit into {'' if is_signed else 'u'}int{bits}")
        return value

    if bits - is_signed <= BIGINT_BITS:
        return NUMBER, read
    return (HUGE, read) if bits <= HUGEINT_BITS else (TEXT, lambda words: str(read(words)))


def _address_reader(at: int) -> Read:
    def read(words: bytes) -> str:
        if any(words[at : at + 12]):
            raise Unfit(f"0x{words[at : at + WORD].hex()} is not an address")
        return "0x" + words[at + 12 : at + WORD].hex()

    return read


def _flag_reader(at: int) -> Read:
    def read(words: bytes) -> bool:
        value = int.from_bytes(words[at : at + WORD], "big")
        if value > 1:
            raise Unfit(f"{value:#x} is neither true nor false")
        return value == 1

    return read


def _hex_reader(at: int, size: int) -> Read:
    return lambda words: "0x" + words[at : at + size].hex()


def _bytes_reader(at: int, base: int) -> Read:
    return lambda words: "0x" + _octets(words, at, base).hex()


def _string_reader(at: int, base: int) -> Read:
    return lambda words: text(_octets(words, at, base))


def _octets(words: bytes, at: int, base: int) -> bytes:
    begin = base + int.from_bytes(words[at : at + WORD], "big")
    end = begin + WORD + int.from_bytes(words[begin : begin + WORD], "big")
    if begin + WORD > len(words) or end > len(words):
        raise Unfit(f"an argument ends at byte {end - base:#x}, the data at {len(words) - base:#x}")
    return words[begin + WORD : end]


def _nested_reader(event: str, parameter: Parameter, at: int, base: int) -> Read:
    """Arrays and tuples are rare: they are read by the general decoder, which is slow to import."""
    from eth_abi.abi import decode, is_encodable_type
    from eth_abi.exceptions import DecodingError

    spelt = re.sub(r"\bstring\b", "bytes", canonical(parameter))
    if not is_encodable_type(spelt):
        raise BadAbi(f"event {event}: argument {parameter.get('name')!r} has the type {spelt}, which no ABI knows")
    dynamic = is_dynamic(parameter)

    def read(words: bytes) -> str:
        begin = base + int.from_bytes(words[at : at + WORD], "big") if dynamic else at
        # A tuple of its own stands behind a place, as it would be the only argument.
        data = WORD.to_bytes(WORD, "big") + words[begin:] if dynamic else words[begin:]
        try:
            value = decode([spelt], data)[0]
        except (DecodingError, OverflowError) as fault:
            raise Unfit(f"argument {parameter.get('name')}: {fault}") from None
        return _to_json(_plain(parameter, value)).decode()

    return read


def _plain(parameter: Parameter, value: Any) -> Any:
    """A decoded value as JSON has it."""
    kind = str(parameter["type"])
    if kind.endswith("]"):
        element, _ = element_of(parameter)
        return [_plain(element, each) for each in value]
    if kind == "tuple":
        parts = [
            (each.get("name", ""), _plain(each, inner))
            for each, inner in zip(parameter["components"], value, strict=True)
        ]
        return dict(parts) if all(name for name, _ in parts) else [part for _, part in parts]
    if kind == "string":
        return text(value)
    if kind == "address":
        return str(value).lower()
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value if isinstance(value, bool) else str(value)
