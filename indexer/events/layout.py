"""Events of ABIs come in; tables with their columns, and how to read each log into them, come out."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from chain.abi import signature_hash, snake_case

from .errors import Unfit
from .types import Kind, Parameter, Read, column_of, size_of

WORD = 32
TAKEN = frozenset({"events", "raw_logs", "blocks", "integrity", "reorgs", "progress"})
PLACE = ("block", "log_index", "tx_hash", "contract", "is_final")
"""Columns that every event has beside its arguments."""

Abi = Sequence[Parameter]


class Field(Struct, frozen=True):
    """A column: one argument of the event."""

    name: str
    kind: Kind
    argument: str
    comment: str


class Layout(Struct, frozen=True):
    """The table of one kind of event."""

    event: str
    signature: str
    table: str
    fields: tuple[Field, ...]


class Reader(Struct, frozen=True):
    """How one contract's logs of one event are read: contracts may index other arguments of the same event."""

    layout: Layout
    topics: int
    head_bytes: int
    reads: tuple[Read, ...]

    def values(self, topics: Sequence[bytes], data: bytes) -> list[Any]:
        """The log's arguments in the order of the table's columns. Raises Unfit."""
        if len(topics) != self.topics:
            raise Unfit(f"{len(topics)} topics instead of {self.topics}")
        words = b"".join(topics[1:]) + data
        if len(words) < self.head_bytes:
            raise Unfit(f"{len(data)} bytes of data are too few")
        return [read(words) for read in self.reads]


Readers = dict[tuple[bytes, bytes], Reader]
"""By contract and first topic."""


def layouts_of(contracts: Iterable[tuple[bytes, Abi]]) -> tuple[tuple[Layout, ...], Readers]:
    """The tables that hold these contracts' events, and how to read a log of each. Raises BadAbi."""
    layouts: dict[tuple[str, tuple[tuple[str, str], ...]], Layout] = {}
    readers: Readers = {}
    for address, abi in contracts:
        for entry in abi:
            if entry.get("type") == "event" and not entry.get("anonymous"):
                fields, topics, head_bytes, reads = _columns(entry)
                shape = entry["name"], tuple([(field.name, field.kind.sql) for field in fields])
                if shape not in layouts:
                    names = {layout.table for layout in layouts.values()}
                    layouts[shape] = Layout(entry["name"], _signature(entry), _table(entry, names), fields)
                readers[address, signature_hash(entry)] = Reader(layouts[shape], topics, head_bytes, reads)
    return tuple(layouts.values()), readers


def _columns(entry: Parameter) -> tuple[tuple[Field, ...], int, int, tuple[Read, ...]]:
    inputs = entry["inputs"]
    indexed = sum(bool(each.get("indexed")) for each in inputs)
    base, topic, head = WORD * indexed, 0, WORD * indexed
    fields: list[Field] = []
    reads: list[Read] = []
    for i, each in enumerate(inputs):
        at = topic if each.get("indexed") else head
        topic += WORD * bool(each.get("indexed"))
        head += 0 if each.get("indexed") else size_of(each)
        kind, read = column_of(entry["name"], each, at, base)
        name = _column(each.get("name") or f"arg{i}", {field.name for field in fields})
        fields.append(Field(name, kind, each.get("name") or f"arg{i}", _comment(each)))
        reads.append(read)
    return tuple(fields), 1 + indexed, head, tuple(reads)


def _table(entry: Parameter, taken: set[str]) -> str:
    """The event's name in snake case; one that is taken is told apart by its signature's hash."""
    name = snake_case(entry["name"])
    return name if name not in taken | TAKEN else f"{name}_{signature_hash(entry).hex()[:8]}"


def _column(argument: str, taken: set[str]) -> str:
    name = snake_case(argument.strip("_") or argument)
    while name in taken or name in PLACE:
        name += "_"
    return name


def _comment(parameter: Parameter) -> str:
    kind, indexed = str(parameter["type"]), bool(parameter.get("indexed"))
    if indexed and (kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple")):
        return f"{parameter.get('name')}: Keccak-256 of the {kind}, which the chain does not hold"
    return f"{parameter.get('name')}: {kind}{', indexed' if indexed else ''}"


def _signature(entry: Parameter) -> str:
    return f"{entry['name']}({', '.join(each['type'] for each in entry['inputs'])})"
