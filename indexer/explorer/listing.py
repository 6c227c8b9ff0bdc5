"""Pages of rows: filters, a place to go on from and the moment meant come in, one page and the next place go out.

The tip is small and the final rows are many, so each is asked apart, and numbered rows from the newest down in pieces:
DuckDB then reads the few row groups that hold them, whole rows of these alone, and joins nothing.
"""

import base64
import binascii
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

import duckdb
import msgspec
from msgspec import Struct

from .aggregates import RECEIPTS
from .columns import Column, Kind
from .documents import with_documents
from .errors import BadCursor
from .prepared import ask
from .ranges import HISTORIED
from .rows import Row
from .storing import read, shown
from .table import Table
from .tables import OVERLAID

R = TypeVar("R", bound=Row)
Value = int | str | bool
LIMIT_MAX = 1000
PIECE_GROWTH = 16

ENDS_MAX = 500

Ends = dict[tuple[str, int | None], int]
"""Where the numbers of a table end, now or as of a block."""

_ends: "weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, Ends]" = weakref.WeakKeyDictionary()


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


class At(Struct, frozen=True):
    """The moment meant: after block `number`, while those up to `final` cannot change any more."""

    number: int
    final: int


class Source(Struct, frozen=True):
    """A schema that holds rows of a table, and which of them count at the moment meant."""

    schema: str
    conditions: tuple[str, ...] = ()
    values: tuple[int, ...] = ()


def page(
    cursor: duckdb.DuckDBPyConnection,
    order: Order,
    where: Mapping[str, Value],
    after: str | None,
    limit: int,
    at: At | None = None,
) -> Page[Any]:
    """One page, as after block `at` or the newest. `cursor` must see one moment. Raises BadCursor."""
    limit = max(1, min(limit, LIMIT_MAX))
    place = open_cursor(order, after) if after else None
    rows = _rows(cursor, order, where, place, limit + 1, at)
    more = len(rows) > limit
    told = with_documents(cursor, rows[:limit]) if order.table is RECEIPTS else rows[:limit]
    return Page(tuple(told), make_cursor(order, rows[limit - 1]) if more else None)


def one(cursor: duckdb.DuckDBPyConnection, table: Table, where: Mapping[str, Value], at: At | None = None) -> Any:
    """The row that these values name, or None. A row that leaves the tip meanwhile is found among the final ones."""
    conditions = tuple(f'"{name}" = {_bound(table, name)}' for name in where)
    named = tuple(where.values())
    skipped = _skipped(cursor, table, conditions, named, at)
    for source in _sources(table, at):
        if source.schema != skipped:
            select = _select(table, source.schema, conditions + source.conditions)
            found = ask(cursor, f"{select} LIMIT 1", (*named, *source.values))
            if rows := _read(table, source, found, at):
                return with_documents(cursor, rows)[0] if table is RECEIPTS else rows[0]
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
    where: Mapping[str, Value],
    place: tuple[Any, ...] | None,
    limit: int,
    at: At | None,
) -> list[Row]:
    found: list[Row] = []
    for least in _pieces(cursor, order, where, place, limit, at):
        found = []
        for source in _sources(order.table, at):
            if order.table.key is None and len(found) >= limit:
                break  # the rows of a table that only grows are all older there
            found += _piece(cursor, order, source, where, place, least, limit, at)
        if len(found) >= limit:
            break
    found.sort(key=order.place, reverse=order.newest_first)
    if found and place is None and isinstance(newest := order.place(found[0])[0], int):
        _remember(cursor, order.table, at, newest)
    return found[:limit]


def _piece(
    cursor: duckdb.DuckDBPyConnection,
    order: Order,
    source: Source,
    where: Mapping[str, Value],
    place: tuple[Any, ...] | None,
    least: int | None,
    limit: int,
    at: At | None,
) -> list[Row]:
    conditions = [f'"{name}" = {_bound(order.table, name)}' for name in where]
    values: list[Value] = list(where.values())
    if least is not None:
        conditions.append(f'"{order.columns[0]}" >= ?')
        values.append(least)
    if place is not None:
        conditions.append(_beyond(order))
        values += [value for i in range(len(place)) for value in place[: i + 1]]
    conditions += source.conditions
    values += source.values
    if source.schema != "final" and not ask(cursor, _is_any(order.table, source.schema, tuple(conditions)), values):
        return []
    direction = " DESC" if order.newest_first else ""
    by = ", ".join(f'"{name}"{direction}' for name in order.columns)
    select = _select(order.table, source.schema, tuple(conditions), hides=True)
    found = ask(cursor, f"{select} ORDER BY {by} LIMIT {limit}", values)
    return _read(order.table, source, found, at)


def _pieces(
    cursor: duckdb.DuckDBPyConnection,
    order: Order,
    where: Mapping[str, Value],
    place: tuple[Any, ...] | None,
    limit: int,
    at: At | None,
) -> Iterator[int | None]:
    """How far down to look, further each time, until there is nothing left to look at."""
    leading = order.columns[0]
    if leading not in where and _column(order.table, leading).kind is Kind.INTEGER:
        newest = place[0] if place else _newest(cursor, order.table, leading, at)
        span = 2 * limit * (PIECE_GROWTH if where else 1)
        while newest > span:
            yield newest - span
            span *= PIECE_GROWTH
    yield None


def _newest(cursor: duckdb.DuckDBPyConnection, table: Table, leading: str, at: At | None) -> int:
    """About where the numbers of a table end; asked once a cursor, and known from what it read after that."""
    if at and leading == table.block:
        return at.number
    known, name = _ends.setdefault(cursor, {}), (table.name, at.number if at else None)
    if name not in known:
        _remember(cursor, table, at, max(_end(cursor, table, leading, source) for source in _sources(table, at)))
    return known[name]


def _end(cursor: duckdb.DuckDBPyConnection, table: Table, leading: str, source: Source) -> int:
    wanted = f" WHERE {' AND '.join(source.conditions)}" if source.conditions else ""
    text = f'SELECT coalesce(max("{leading}"), 0) FROM {source.schema}.{table.name}{wanted}'
    found: int = ask(cursor, text, source.values)[0][0]
    return found


def _remember(cursor: duckdb.DuckDBPyConnection, table: Table, at: At | None, newest: int) -> None:
    known, name = _ends.setdefault(cursor, {}), (table.name, at.number if at else None)
    if len(known) >= ENDS_MAX:
        known.clear()
    known[name] = max(newest, known.get(name, 0))


def _sources(table: Table, at: At | None) -> tuple[Source, ...]:
    """The newest rows first. At a block, a row that was replaced since lies in `history` with the block that did it."""
    if table not in OVERLAID:
        return (Source("final"),)
    if at is None:
        return Source("tip"), Source("final")
    known = (f'"{table.block}" <= ?',)
    here = tuple(Source(schema, known, (at.number,)) for schema in ("tip", "final"))
    if table not in HISTORIED:
        return here
    return (*here, Source("history", (*known, '"until" > ?'), (at.number, at.number)))


def _read(table: Table, source: Source, found: list[Any], at: At | None) -> list[Row]:
    """Whether a row is final is judged now, not at the moment meant."""
    rows = read(table, found)
    if source.schema == "tip":
        for row in rows:
            row.is_final = False  # type: ignore[attr-defined]
    elif source.schema == "history" and at:
        for row in rows:
            row.is_final = row.block <= at.final  # type: ignore[attr-defined]
    return rows


def _skipped(
    cursor: duckdb.DuckDBPyConnection, table: Table, conditions: tuple[str, ...], named: Sequence[Value], at: At | None
) -> str:
    """The schema that need not be asked for a row."""
    if table not in OVERLAID:
        return ""
    if not ask(cursor, _is_any(table, "tip", conditions), named):
        return "tip"
    return "final" if at and table.key else ""


@cache
def _is_any(table: Table, schema: str, conditions: tuple[str, ...]) -> str:
    """A question that costs a tenth of reading all columns, and often saves that."""
    wanted = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT true FROM {schema}.{table.name}{wanted} LIMIT 1"


@cache
def _select(table: Table, schema: str, conditions: tuple[str, ...], hides: bool = False) -> str:
    """What lies in `tip` hides what lies in `final` under the same key."""
    hides = hides and schema == "final" and table in OVERLAID and table.key is not None
    hidden = f" ANTI JOIN tip.{table.name} USING ({table.key})" if hides else ""
    wanted = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {shown(table)} FROM {schema}.{table.name}{hidden}{wanted}"


@cache
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
    return _column(table, name).kind.value.bound


def _kind(table: Table, name: str) -> type:
    return str if _column(table, name).kind is Kind.TEXT else int


@cache
def _column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)
