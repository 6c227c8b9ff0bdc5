"""How the rows of a list follow each other: an order and a place in it come in, SQL and the text of a cursor go out."""

import base64
import binascii
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from .aggregates import RECEIPTS
from .columns import Column, Kind
from .errors import BadCursor
from .rows import Row
from .table import Table
from .tables import DOCUMENT_COLUMNS

PLACES = {Kind.TEXT: str, Kind.WEI: str, Kind.INTEGER: int, Kind.SECONDS: int, Kind.MILLISECONDS: int}
"""What stands in a cursor for a value of each kind that rows may be sorted by. JSON readers would round wei."""

LARGEST = {Kind.WEI: 2**127, Kind.INTEGER: 2**63, Kind.SECONDS: 2**43, Kind.MILLISECONDS: 2**53}

Place = tuple[Any, ...]
"""The values of a row in the columns of an order."""


class Order(Struct, frozen=True):
    """A table's rows by columns that together name each one, all downwards or all upwards; what is missing is last."""

    table: Table
    columns: tuple[str, ...]
    descending: bool = True

    @property
    def name(self) -> str:
        return ("-" if self.descending else "") + self.columns[0]

    @property
    def is_by_age(self) -> bool:
        """Whether rows lie in the file about in this order: what is looked for is then near one end."""
        return self.columns[0] in (self.table.key, self.table.block, "reorg", "first") and (
            column_of(self.table, self.columns[0]).kind is Kind.INTEGER
        )

    def place(self, row: Row) -> Place:
        return tuple(getattr(row, name) for name in self.columns)

    def sort(self, rows: list[Row]) -> None:
        for name in reversed(self.columns):
            rows.sort(key=lambda row: self._rank(getattr(row, name)), reverse=self.descending)

    def _rank(self, value: Any) -> tuple[bool, Any]:
        return (value is None) is not self.descending, value


@cache
def columns_of(table: Table) -> dict[str, Column]:
    """The columns by which rows may be filtered and sorted: those of a receipt's document too."""
    documents = DOCUMENT_COLUMNS if table is RECEIPTS else ()
    return {column.name: column for column in (*table.columns, *documents)}


def column_of(table: Table, name: str) -> Column:
    return columns_of(table)[name]


def bound_of(table: Table, name: str) -> str:
    return column_of(table, name).kind.value.bound


@cache
def may_miss(table: Table, name: str) -> bool:
    fields = {field.name: field for field in msgspec.structs.fields(table.row)}
    return type(None) in getattr(fields[name].type, "__args__", ())


def sorted_by(order: Order) -> str:
    direction = "DESC" if order.descending else "ASC"
    return ", ".join(f'"{name}" {direction} NULLS LAST' for name in order.columns)


def beyond(order: Order, place: Place) -> tuple[str, list[Any]]:
    """Rows after a place: further in the first column, or the same there and further in the next, and so on."""
    ways: list[str] = []
    values: list[Any] = []
    for i, name in enumerate(order.columns):
        if place[i] is None:
            continue  # nothing comes after what is missing
        same = [_same(order.table, *each) for each in zip(order.columns[:i], place[:i], strict=True)]
        ways.append("(" + " AND ".join([*same, _further(order, name)]) + ")")
        values += [value for value in place[: i + 1] if value is not None]
    return f"({' OR '.join(ways)})", values


def _same(table: Table, name: str, value: Any) -> str:
    return f'"{name}" IS NULL' if value is None else f'"{name}" = {bound_of(table, name)}'


def _further(order: Order, name: str) -> str:
    further = f'"{name}" {"<" if order.descending else ">"} {bound_of(order.table, name)}'
    return f'({further} OR "{name}" IS NULL)' if may_miss(order.table, name) else further


def make_cursor(order: Order, row: Row) -> str:
    place = [_put(order.table, *each) for each in zip(order.columns, order.place(row), strict=True)]
    text = msgspec.json.encode([order.table.name, order.name, *place])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def open_cursor(order: Order, text: str) -> Place:
    """The place within `order` that a cursor names. Raises BadCursor."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        name, by, *place = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=list[int | str | None])
    except (msgspec.MsgspecError, binascii.Error, ValueError) as fault:
        raise BadCursor(f"cursor {text!r} is none of ours: take it from `next` of a page, unchanged") from fault
    if (name, by) != (order.table.name, order.name) or len(place) != len(order.columns):
        raise BadCursor(
            f"cursor {text!r} is of another list than {order.table.name}, or sorted otherwise: start without one"
        )
    return tuple(_take(order.table, text, *each) for each in zip(order.columns, place, strict=True))


def _put(table: Table, name: str, value: Any) -> int | str | None:
    return None if value is None else PLACES[column_of(table, name).kind](value)


def _take(table: Table, text: str, name: str, value: int | str | None) -> Any:
    kind = column_of(table, name).kind
    is_missing = value is None and may_miss(table, name)
    if not is_missing and not isinstance(value, PLACES[kind]):
        raise BadCursor(f"cursor {text!r} is none of ours: take it from `next` of a page, unchanged")
    return value if value is None or kind is Kind.TEXT else _counted(kind, text, value)


def _counted(kind: Kind, text: str, value: int | str) -> int:
    if (isinstance(value, str) and not value.isdecimal()) or not abs(int(value)) < LARGEST[kind]:
        raise BadCursor(f"cursor {text!r} names a number that no row has: take it from `next` of a page, unchanged")
    return int(value)
