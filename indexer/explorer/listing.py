"""Pages of rows: filters and a place to go on from come in, one page and the next place go out.

The tip is small and the final rows are many, so both are asked apart: the final ones by a query that DuckDB answers
from a few row groups, without the join that the views need.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import duckdb
import msgspec
from msgspec import Struct

from .columns import Kind
from .errors import BadCursor
from .rows import ReceiptRow, Row
from .storing import read, shown
from .table import Table
from .tables import DOCUMENT_OF_RECEIPT, OVERLAID, SHOWN_DOCUMENT

R = TypeVar("R", bound=Row)
LIMIT_MAX = 1000


class Page(Struct, Generic[R], frozen=True):
    """Rows in order. `next` is the cursor of the page after this, None at the end."""

    rows: tuple[R, ...]
    next: str | None = None


class Order(Struct, frozen=True):
    """A table's rows by columns that name each one, newest first or by name."""

    table: Table
    columns: tuple[str, ...]
    newest_first: bool = True

    def place(self, row: Row) -> tuple[Any, ...]:
        return tuple(getattr(row, name) for name in self.columns)


def page(
    cursor: duckdb.DuckDBPyConnection, order: Order, where: Mapping[str, Any], after: str | None, limit: int
) -> Page[Any]:
    """One page. `cursor` must see one moment. Raises BadCursor."""
    limit = max(1, min(limit, LIMIT_MAX))
    place = open_cursor(order, after) if after else None
    rows = _rows(cursor, order, where, place, limit + 1)
    more = len(rows) > limit
    return Page(tuple(rows[:limit]), make_cursor(order, rows[limit - 1]) if more else None)


def one(cursor: duckdb.DuckDBPyConnection, order: Order, where: Mapping[str, Any]) -> Any:
    """The row that these values name, or None. A row that leaves the tip meanwhile is found among the final ones."""
    table = order.table
    schemas = ("tip", "final") if table in OVERLAID and _is_in_tip(cursor, table, where) else ("final",)
    for schema in schemas:
        if rows := _select(cursor, order, schema, where, None, None):
            return rows[0]
    return None


def make_cursor(order: Order, row: Row) -> str:
    text = msgspec.json.encode([order.table.name, *order.place(row)])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def open_cursor(order: Order, text: str) -> tuple[Any, ...]:
    """The place within `order` that a cursor names."""
    try:
        name, *place = msgspec.json.decode(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=list[int | str]
        )
    except (msgspec.MsgspecError, binascii.Error, ValueError) as fault:
        raise BadCursor(f"cursor {text!r} is none of ours: take it from `next` of a page, unchanged") from fault
    kinds = [type(value) for value in place]
    if name != order.table.name or kinds != [_kind(order.table, column) for column in order.columns]:
        raise BadCursor(f"cursor {text!r} is of another list than {order.table.name}: start without one")
    return tuple(place)


def _rows(
    cursor: duckdb.DuckDBPyConnection,
    order: Order,
    where: Mapping[str, Any],
    place: tuple[Any, ...] | None,
    limit: int,
) -> list[Row]:
    table = order.table
    if table not in OVERLAID:
        return _select(cursor, order, "final", where, place, limit)
    if table.key is None:
        rows = _select(cursor, order, "tip", where, place, limit)
        return rows + _select(cursor, order, "final", where, place, limit - len(rows)) if len(rows) < limit else rows
    hidden = {key for (key,) in cursor.execute(f"SELECT {table.key} FROM tip.{table.name}").fetchall()}
    final = _select(cursor, order, "final", where, place, limit + len(hidden))
    rows = [row for row in final if getattr(row, table.key) not in hidden]
    if hidden:
        rows += _select(cursor, order, "tip", where, place, limit)
        rows.sort(key=order.place, reverse=order.newest_first)
    return rows[:limit]


def _select(
    cursor: duckdb.DuckDBPyConnection,
    order: Order,
    schema: str,
    where: Mapping[str, Any],
    place: tuple[Any, ...] | None,
    limit: int | None,
) -> list[Row]:
    table = order.table
    conditions = [f'"{name}" = {_bound(table, name)}' for name in where]
    parameters = list(where.values())
    if place is not None:
        conditions.append(_beyond(order))
        parameters += [value for i in range(len(place)) for value in place[: i + 1]]
    direction = " DESC" if order.newest_first else ""
    source = f"{schema}.{table.name}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
    if limit is not None:
        by = ", ".join(f'"{name}"{direction}' for name in order.columns)
        source = f"{source} ORDER BY {by} LIMIT {limit}"
    columns, joined = [shown(table, "r")], ""
    if table in OVERLAID:
        columns.append("true" if schema == "final" else "false")
    if table.row is ReceiptRow:
        columns.append(SHOWN_DOCUMENT)
        joined = DOCUMENT_OF_RECEIPT
    found = cursor.execute(f"SELECT {', '.join(columns)} FROM (FROM {source}) r {joined}", parameters)
    # A join, and the outer query as such, promise no order; a page is small.
    return sorted(read(table, found.fetchall()), key=order.place, reverse=order.newest_first)


def _is_in_tip(cursor: duckdb.DuckDBPyConnection, table: Table, where: Mapping[str, Any]) -> bool:
    """A question that costs a tenth of reading all columns, and mostly saves that."""
    named = " AND ".join(f'"{name}" = {_bound(table, name)}' for name in where)
    found = cursor.execute(f"SELECT true FROM tip.{table.name} WHERE {named} LIMIT 1", list(where.values()))
    return found.fetchone() is not None


def _beyond(order: Order) -> str:
    """Rows after a place: further in the first column, or the same there and further in the next, and so on."""
    sign = "<" if order.newest_first else ">"
    bound = {name: _bound(order.table, name) for name in order.columns}
    ways = []
    for i, name in enumerate(order.columns):
        same = [f'"{before}" = {bound[before]}' for before in order.columns[:i]]
        ways.append("(" + " AND ".join([*same, f'"{name}" {sign} {bound[name]}']) + ")")
    return "(" + " OR ".join(ways) + ")"


def _bound(table: Table, name: str) -> str:
    return next(column.kind.value.bound for column in table.columns if column.name == name)


def _kind(table: Table, name: str) -> type:
    kind = next(column.kind for column in table.columns if column.name == name)
    return str if kind is Kind.TEXT else int
