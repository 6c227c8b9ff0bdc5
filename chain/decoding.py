"""Logs of our contracts go in, facts come out, by the ABIs of the deployment and the names of the facts' fields.

Most logs are read in one cut along the fixed places of their event, once one mask over all of them has shown that no
value passes its bounds; the others argument by argument, which also tells what is wrong with one.

A log that does not fit its ABI becomes the fact LogUnreadable: a contract's quirk must not stop the indexer. Text that
is not UTF-8 keeps its odd bytes as `\\xff`; a count or time beyond 63 bits is recorded as 2^63 - 1. Amounts are exact.
"""

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from types import UnionType
from typing import Any, get_args

import msgspec
from msgspec import Struct

from chain.abi import signature_hash, snake_case, text
from chain.errors import UnfitAbi
from chain.integrity import Log
from domain.facts import ChainFact, Fact, JobCompleted, JobRequested, LogUnreadable, Occurrence, Wei
from receipts.deployment import Deployment

WORD = 32
COUNT_MAX = 2**63 - 1
RENAMED: Mapping[str, type[Fact]] = {"InferenceRequested": JobRequested, "InferenceCompleted": JobCompleted}

Abi = list[dict[str, Any]]
Read = Callable[[bytes], Any]
Late = Callable[[bytes, Any], Any]
"""From all words of a log and what stands in an argument's own to its value."""

from_bytes = int.from_bytes  # big-endian, as all numbers here
WHOLE = (1 << 8 * WORD) - 1


class Unfit(Exception):
    """A log's data that its ABI does not describe; never leaves this module."""


class _Event(Struct, frozen=True):
    name: str
    fact: type[Fact]
    topic_count: int
    head_bytes: int
    reads: tuple[Read, ...]
    cut: "_Cut | None"


class _Cut(Struct, frozen=True):
    """How to read an event at once: the places of its arguments, the bits that must be zero, and what is left to do."""

    layout: struct.Struct
    zeros: int
    late: tuple[tuple[int, Late], ...]


class _Slice(Struct, frozen=True):
    """One argument's share of that: the format of its word, the bits in it that must be zero."""

    form: str
    zeros: int
    late: Late | None = None


class Decoder:
    """Knows the logs of some contracts, each by its address and ABI."""

    def __init__(self, contracts: Iterable[tuple[bytes, Abi]]) -> None:
        self.addresses: set[bytes] = set()
        self._events: dict[tuple[bytes, bytes], _Event | None] = {}
        for address, abi in contracts:
            self.addresses.add(address)
            for entry in abi:
                if entry.get("type") == "event":
                    self._events[address, signature_hash(entry)] = _event(entry)

    @classmethod
    def of(cls, deployment: Deployment) -> "Decoder":
        return cls((deployment.address(name), each.abi) for name, each in deployment.contracts.items())

    def occurrence(self, log: Log) -> Occurrence | None:
        """The fact of a log at its place; None for others' logs, and for events that no fact is named after."""
        try:
            event = self._events[log.address, log.topics[0] if log.topics else b""]
        except KeyError:
            if log.address not in self.addresses:
                return None
            stranger = LogUnreadable("", log.topics, log.data, "its first topic names no event of the deployment's ABI")
            return Occurrence(stranger, log.address, log.tx_index, log.log_index)
        return Occurrence(_fact(event, log), log.address, log.tx_index, log.log_index) if event else None


def _fact_named(name: str) -> type[Fact] | None:
    kinds: UnionType = ChainFact
    named = {kind.__name__: kind for kind in get_args(kinds) if kind is not LogUnreadable}
    return RENAMED.get(name) or (None if name in {kind.__name__ for kind in RENAMED.values()} else named.get(name))


def _event(entry: Mapping[str, Any]) -> _Event | None:
    """How to read an event's logs: each field of its fact from a fixed place among topics and data."""
    name, fact = entry["name"], _fact_named(entry["name"])
    if fact is None:
        return None
    indexed = [each for each in entry["inputs"] if each["indexed"]]
    plain = [each for each in entry["inputs"] if not each["indexed"]]
    for each in plain:
        if each["type"].startswith("tuple") or each["type"].endswith("]"):
            raise UnfitAbi(f"event {name}: argument {each['name']} is {each['type']}, no fact holds such a value")
    base = WORD * len(indexed)
    places = {snake_case(each["name"]): (each, i * WORD) for i, each in enumerate(indexed + plain)}
    reads: list[Read] = []
    slices: dict[int, _Slice | None] = {}
    for field in msgspec.structs.fields(fact):
        if field.name not in places:
            raise UnfitAbi(
                f"event {name} of the deployment has no argument for {fact.__name__}.{field.name}: deploy the "
                "contracts of this version, or run the version that deployed them"
            )
        parameter, at = places[field.name]
        reads.append(_reader(name, parameter, at, base, field.type))
        slices[at] = _slice(parameter["type"], base, field.type)
    head_bytes = WORD * len(places)
    return _Event(name, fact, 1 + len(indexed), head_bytes, tuple(reads), _cut(slices, head_bytes))


def _cut(slices: Mapping[int, _Slice | None], head_bytes: int) -> _Cut | None:
    """The slices side by side, if the fact wants them in the order of the log."""
    if list(slices) != sorted(slices):
        return None
    form, zeros, late = ">", 0, []
    for at in range(0, head_bytes, WORD):
        each = slices.get(at, _Slice("32x", 0))
        if each is None:
            return None
        form += each.form
        zeros = zeros << 8 * WORD | each.zeros
        if each.late is not None:
            late.append((list(slices).index(at), each.late))
    return _Cut(struct.Struct(form), zeros, tuple(late))


def _slice(kind: str, base: int, wanted: type) -> _Slice | None:
    """How an argument of this type lies in its word; None where it has to be read by itself."""
    if kind == "string":
        return _Slice("24xQ", WHOLE ^ COUNT_MAX, _late_text(base))
    if kind == "address":
        return _Slice("12x20s", WHOLE ^ (1 << 160) - 1)
    if kind == "bool":
        return _Slice("31x?", WHOLE ^ 1)
    if kind.startswith("uint"):
        bits = int(kind[4:])
        if wanted is Wei:
            return _Slice("32s", WHOLE ^ (1 << bits) - 1, _late_amount)
        return _Slice("24xQ", WHOLE ^ (1 << min(bits, 63)) - 1)
    if re.fullmatch(r"bytes\d+", kind):
        return _Slice(f"{int(kind[5:])}s{WORD - int(kind[5:])}x", 0)
    return None


def _reader(event: str, parameter: Mapping[str, Any], at: int, base: int, wanted: type) -> Read:
    """A function that reads one argument from the log's topics and data laid end to end."""
    kind = parameter["type"]
    if kind in ("string", "bytes") and not parameter["indexed"] and wanted in (str, bytes):
        return _text_reader(at, base) if kind == "string" else _octets_reader(at, base)
    if kind == "address" and wanted is bytes:
        return _address_reader(at)
    if kind == "bool" and wanted is bool:
        return _flag_reader(at)
    if kind.startswith("uint") and wanted in (int, Wei):
        return _amount_reader(at, int(kind[4:])) if wanted is Wei else _count_reader(at, int(kind[4:]))
    if re.fullmatch(r"bytes\d+", kind) and wanted is bytes:
        return lambda words, end=at + int(kind[5:]): words[at:end]  # type: ignore[misc]
    raise UnfitAbi(f"event {event}: argument {parameter['name']} is {kind}, the fact wants {wanted.__name__}")


def _late_text(base: int) -> Late:
    first = base + WORD

    def read(words: bytes, offset: int) -> str:
        begin = first + offset
        end = begin + from_bytes(words[begin - WORD : begin])
        if end > len(words) or begin > len(words):
            raise _beyond(words, base, end)
        try:
            return words[begin:end].decode()
        except UnicodeDecodeError:
            return text(words[begin:end])

    return read


def _late_amount(_: bytes, word: bytes) -> Wei:
    return Wei(from_bytes(word))


def _fact(event: _Event, log: Log) -> Any:
    try:
        if len(log.topics) != event.topic_count:
            raise Unfit(f"{len(log.topics)} topics instead of {event.topic_count}")
        words = b"".join([*log.topics[1:], log.data])
        if len(words) < event.head_bytes:
            raise Unfit(f"{len(log.data)} bytes of data are too few")
        cut = event.cut
        if cut is not None and not from_bytes(words[: event.head_bytes]) & cut.zeros:
            values = list(cut.layout.unpack_from(words))
            for index, late in cut.late:
                values[index] = late(words, values[index])
            return event.fact(*values)
        return event.fact(*[read(words) for read in event.reads])
    except Unfit as fault:
        return LogUnreadable(event.name, log.topics, log.data, str(fault))


def _amount_reader(at: int, bits: int) -> Read:
    def read(words: bytes) -> Wei:
        return Wei(_unsigned(words, at, bits))

    return read


def _count_reader(at: int, bits: int) -> Read:
    def read(words: bytes) -> int:
        return min(_unsigned(words, at, bits), COUNT_MAX)

    return read


def _address_reader(at: int) -> Read:
    def read(words: bytes) -> bytes:
        if any(words[at : at + 12]):
            raise Unfit(f"0x{words[at : at + WORD].hex()} is not an address")
        return words[at + 12 : at + WORD]

    return read


def _flag_reader(at: int) -> Read:
    def read(words: bytes) -> bool:
        return bool(_unsigned(words, at, 1))

    return read


def _octets_reader(at: int, base: int) -> Read:
    def read(words: bytes) -> bytes:
        return _tail(words, base, from_bytes(words[at : at + WORD]))

    return read


def _text_reader(at: int, base: int) -> Read:
    octets = _octets_reader(at, base)

    def read(words: bytes) -> str:
        return text(octets(words))

    return read


def _tail(words: bytes, base: int, offset: int) -> bytes:
    """A string or bytes: its length, and so many bytes behind it."""
    begin = base + offset + WORD
    end = begin + from_bytes(words[begin - WORD : begin])
    if end > len(words) or begin > len(words):
        raise _beyond(words, base, end)
    return words[begin:end]


def _beyond(words: bytes, base: int, end: int) -> Unfit:
    return Unfit(f"an argument ends at byte {end - base:#x}, the data at {len(words) - base:#x}")


def _unsigned(words: bytes, at: int, bits: int) -> int:
    number = from_bytes(words[at : at + WORD])
    if number >> bits:
        raise Unfit(f"{number:#x} does not fit into {bits} bits")
    return number
