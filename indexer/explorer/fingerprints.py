"""Rows to numbers: equal for equal rows, whether DuckDB works them out over a table or we over rows in memory.

A row's columns, each as text, make a JSON list; the two halves of its MD5 are added up over rows, modulo 2^64. So a row
can be added or taken out without the others, and their order does not matter.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from .columns import Column, Kind
from .rows import Row
from .table import Table
from .tables import TABLE_OF

MODULUS = 2**64

_encode = msgspec.json.Encoder().encode
_escaped_letters = re.compile(rb"(?<!\\)((?:\\\\)*)\\u00([01][a-f])")
"""DuckDB writes the hex digits of control characters in capitals, msgspec does not."""


class Sum(Struct, frozen=True):
    """How many rows were added up, and to what."""

    rows: int = 0
    lower: int = 0
    upper: int = 0

    def plus(self, other: "Sum") -> "Sum":
        return Sum(self.rows + other.rows, (self.lower + other.lower) % MODULUS, (self.upper + other.upper) % MODULUS)

    def minus(self, other: "Sum") -> "Sum":
        return Sum(self.rows - other.rows, (self.lower - other.lower) % MODULUS, (self.upper - other.upper) % MODULUS)

    @property
    def hex(self) -> str:
        return f"{self.upper:016x}{self.lower:016x}"


def sum_of_table(table: Table, where: str = "true") -> str:
    """A query for the three numbers of `Sum` over the final rows of a table."""
    return (
        "SELECT count(*), coalesce(sum(md5_number_lower(text)) % 18446744073709551616, 0), "
        "coalesce(sum(md5_number_upper(text)) % 18446744073709551616, 0) "
        f"FROM (SELECT {text_of(table)} AS text FROM final.{table.name} WHERE {where})"
    )


def text_of(table: Table) -> str:
    """An expression for a row as text that is the same on every machine, whatever its time zone."""
    return f"to_json([{', '.join(map(_cell, table.columns))}])::VARCHAR"


def sum_of_row(row: Row) -> Sum:
    """The same for a row in memory."""
    values, cells = _readers(type(row))
    texts = [None if value is None else cell(value) for value, cell in zip(values(row), cells, strict=True)]
    digest = hashlib.md5(_json(texts), usedforsecurity=False).digest()
    return Sum(1, int.from_bytes(digest[8:], "little"), int.from_bytes(digest[:8], "little"))


def sum_of_rows(rows: Iterable[Row]) -> Sum:
    total = Sum()
    for row in rows:
        total = total.plus(sum_of_row(row))
    return total


def _json(value: Any) -> bytes:
    text = _encode(value)
    if rb"\u00" in text:
        text = _escaped_letters.sub(lambda found: found[1] + rb"\u00" + found[2].upper(), text)
    return text


def _cell(column: Column) -> str:
    name = f'"{column.name}"'
    if column.kind in (Kind.SECONDS, Kind.MILLISECONDS):
        return f"CAST(epoch_us({name}) AS VARCHAR)"
    if column.kind in (Kind.OFFERS, Kind.GPUS, Kind.TEXTS):
        return f"CAST(to_json({name}) AS VARCHAR)"
    return f"CAST({name} AS VARCHAR)"


_CELLS: dict[Kind, Callable[[Any], str]] = {
    Kind.TEXT: str,
    Kind.CID: str,
    Kind.INTEGER: str,
    Kind.WEI: str,
    Kind.JSON: str,
    Kind.FLAG: lambda value: "true" if value else "false",
    Kind.SECONDS: lambda value: f"{value}000000",
    Kind.MILLISECONDS: lambda value: f"{value}000",
    Kind.OFFERS: lambda rows: _json([msgspec.structs.asdict(row) for row in rows]).decode(),
}
"""How a value of a row that follows from the chain is written; no other kinds occur there."""

_known: dict[type[Row], tuple[Callable[[Row], tuple[Any, ...]], list[Callable[[Any], str]]]] = {}


def _readers(kind: type[Row]) -> tuple[Callable[[Row], tuple[Any, ...]], list[Callable[[Any], str]]]:
    if kind not in _known:
        columns = TABLE_OF[kind].columns
        _known[kind] = attrgetter(*(column.name for column in columns)), [_CELLS[column.kind] for column in columns]
    return _known[kind]
