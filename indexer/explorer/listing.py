"""Pages of rows: filters, a place to go on from and the moment meant come in, one page and the next place go out.

The tip is small and the final rows are many, so each is asked apart, and rows that follow their age from that end on in
pieces: DuckDB then reads the few row groups that hold them, whole rows of these alone, and joins nothing. In any other
order the rows of a page are found by the columns that matter, and only these are read whole.
"""

import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

import duckdb
from msgspec import Struct

from .aggregates import RECEIPTS
from .documents import with_documents
from .filters import FINALITY, Operator, Value, Where
from .ordering import Order, Place, beyond, bound_of, make_cursor, open_cursor, sorted_by
from .prepared import ask
from .ranges import HISTORIED
from .rows import Row
from .storing import read, shown
from .table import Table
from .tables import DOCUMENT, DOCUMENT_COLUMNS, DOCUMENT_OF_RECEIPT, OVERLAID

R = TypeVar("R", bound=Row)
LIMIT_MAX = 1000
PIECE_GROWTH = 16
FEW_VALUES = 12  # rows that any of more values names lie anywhere, whatever they are sorted by
OPERATORS: dict[Operator, str] = {
    "=": "{column} = {bound}",
    ">=": "{column} >= {bound}",
    "<=": "{column} <= {bound}",
    "offers": "list_contains(list_transform({column}, lambda each: each.model_id), ?)",
    "filled": "(len({column}) > 0) = ?",
}

ENDS_MAX = 500

EndName = tuple[str, str, bool, int | None]
Ends = dict[EndName, int]
"""Where the numbers of a table end, now or as of a block."""

_ends: "weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, Ends]" = weakref.WeakKeyDictionary()


class Page(Struct, Generic[R], frozen=True):
    """Rows in order. `next` is the cursor of the page after this, None at the end."""

    rows: tuple[R, ...]
    next: str | None = None


class At(Struct, frozen=True):
    """The moment meant: after block `number`, while those up to `final` cannot change any more."""

    number: int
    final: int


class Source(Struct, frozen=True):
    """A schema that holds rows of a table, and which of them count at the moment meant."""

    schema: str
    conditions: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()


class Wanted(Struct, frozen=True):
    """The rows asked for: in which order, which of them, after which place, how many at most, at which moment."""

    order: Order
    where: Where
    place: Place | None
    limit: int
    at: At | None


def page(
    cursor: duckdb.DuckDBPyConnection, order: Order, where: Where, after: str | None, limit: int, at: At | None = None
) -> Page[Any]:
    """One page, as after block `at` or the newest. `cursor` must see one moment. Raises BadCursor."""
    limit = max(1, min(limit, LIMIT_MAX))
    rows = _rows(cursor, Wanted(order, where, open_cursor(order, after) if after else None, limit + 1, at))
    more = len(rows) > limit
    return Page(tuple(rows[:limit]), make_cursor(order, rows[limit - 1]) if more else None)


def one(cursor: duckdb.DuckDBPyConnection, table: Table, where: Mapping[str, Value], at: At | None = None) -> Any:
    """The row that these values name, or None. A row that leaves the tip meanwhile is found among the final ones."""
    conditions = tuple(f'"{name}" = {bound_of(table, name)}' for name in where)
    named = tuple(where.values())
    skipped = _skipped(cursor, table, conditions, named, at)
    for source in sources(table, at):
        if source.schema != skipped:
            named_rows = f"{source.schema}.{table.name}{all_of(conditions + source.conditions)}"
            found = ask(cursor, f"SELECT {shown(table)} FROM {named_rows} LIMIT 1", (*named, *source.values))
            if rows := _read(table, source, found, at):
                return with_documents(cursor, rows)[0] if table is RECEIPTS else rows[0]
    return None


def sources(table: Table, at: At | None, where: Where = ()) -> tuple[Source, ...]:
    """The newest rows first. At a block, a row that was replaced since lies in `history` with the block that did it."""
    wanted = _finality(where)
    if table not in OVERLAID:
        return (Source("final"),)
    if at is None:
        here = (Source("tip"), Source("final"))
    else:
        known = (f'"{table.block}" <= ?',)
        here = (Source("tip", known, (at.number,)), Source("final", known, (at.number,)))
    kept = tuple(source for source in here if wanted is None or wanted is (source.schema == "final"))
    if at is None or table not in HISTORIED:
        return kept
    held, values = (f'"{table.block}" <= ?', '"until" > ?'), (at.number, at.number)
    if wanted is None:
        return (*kept, Source("history", held, values))
    return (*kept, Source("history", (*held, f'("{table.block}" <= ?) = ?'), (*values, at.final, wanted)))


def matching(table: Table, where: Where) -> tuple[tuple[str, ...], tuple[Value, ...]]:
    """Conditions as SQL, and the values for them; whether a row is final is told by where it lies."""
    told = [each for each in where if each.columns != (FINALITY,)]
    texts = tuple(_condition(table, each.columns, each.operator, len(each.values)) for each in told)
    return texts, tuple(value for each in told for _ in each.columns for value in each.values)


def all_of(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def columns_named(where: Where) -> set[str]:
    return {name for each in where for name in each.columns}


def relation(table: Table, schema: str, columns: Collection[str]) -> str:
    """The rows of a schema; receipts with what their documents tell, where any of these columns is of those."""
    rows = f"{schema}.{table.name}"
    if table is RECEIPTS and any(column.name in columns for column in DOCUMENT_COLUMNS):
        return f"(SELECT r.rowid, r.*, {DOCUMENT} FROM {rows} r {DOCUMENT_OF_RECEIPT})"
    return rows


def hiding(table: Table, schema: str) -> str:
    """What lies in `tip` hides what lies in `final` under the same key."""
    hides = schema == "final" and table in OVERLAID and table.key is not None
    return f" ANTI JOIN tip.{table.name} USING ({table.key})" if hides else ""


def _finality(where: Where) -> bool | None:
    return next((bool(each.values[0]) for each in where if each.columns == (FINALITY,)), None)


@cache
def _condition(table: Table, columns: tuple[str, ...], operator: Operator, count: int) -> str:
    ways = [
        OPERATORS[operator].format(column=f'"{column}"', bound=bound_of(table, column))
        for column in columns
        for _ in range(count)
    ]
    return f"({' OR '.join(ways)})"


def _rows(cursor: duckdb.DuckDBPyConnection, wanted: Wanted) -> list[Row]:
    order = wanted.order
    found: list[Row] = []
    for edge in _pieces(cursor, wanted):
        found = []
        for source in sources(order.table, wanted.at, wanted.where):
            if order.table.key is None and order.is_by_age and order.descending and len(found) >= wanted.limit:
                break  # the rows of a table that only grows are all older there
            found += _piece(cursor, wanted, source, edge)
        if len(found) >= wanted.limit:
            break
    if order.table is RECEIPTS:
        found = with_documents(cursor, found)
    order.sort(found)
    if found and wanted.place is None and order.is_by_age:
        _remember(cursor, order, wanted.at, order.place(found[0])[0])
    return found[: wanted.limit]


def _piece(cursor: duckdb.DuckDBPyConnection, wanted: Wanted, source: Source, edge: int | None) -> list[Row]:
    order, table = wanted.order, wanted.order.table
    conditions, values = _narrowed(wanted, source, edge)
    rows = relation(table, source.schema, {*order.columns, *columns_named(wanted.where)})
    if source.schema != "final" and not ask(cursor, f"SELECT true FROM {rows}{all_of(conditions)} LIMIT 1", values):
        return []  # this costs a tenth of reading all columns
    matching_rows = f"{rows}{hiding(table, source.schema)}{all_of(conditions)}"
    first = f"FROM {matching_rows} ORDER BY {sorted_by(order)} LIMIT {wanted.limit}"
    if order.is_by_age and len(values) <= FEW_VALUES:
        found = ask(cursor, f"SELECT {shown(table)} {first}", values)
    else:
        among = f"{source.schema}.{table.name} WHERE rowid IN (SELECT rowid {first})"
        found = ask(cursor, f"SELECT {shown(table)} FROM {among}", values)
    return _read(table, source, found, wanted.at)


def _narrowed(wanted: Wanted, source: Source, edge: int | None) -> tuple[tuple[str, ...], tuple[Value, ...]]:
    order = wanted.order
    conditions, values = matching(order.table, wanted.where)
    if edge is not None:
        conditions += (f'"{order.columns[0]}" {">=" if order.descending else "<="} ?',)
        values += (edge,)
    if wanted.place is not None:
        further, place = beyond(order, wanted.place)
        conditions += (further,)
        values += tuple(place)
    return conditions + source.conditions, values + source.values


def _pieces(cursor: duckdb.DuckDBPyConnection, wanted: Wanted) -> Iterator[int | None]:
    """How far to look from the end where the list begins, further each time, until there is nothing left to look at."""
    order, at = wanted.order, wanted.at
    leading = order.columns[0]
    if order.is_by_age and not any(each.columns == (leading,) and each.operator == "=" for each in wanted.where):
        begin = wanted.place[0] if wanted.place else _end(cursor, order, at)
        far = _end(cursor, Order(order.table, order.columns, not order.descending), at) if not order.descending else 0
        span = 2 * wanted.limit * (PIECE_GROWTH if wanted.where else 1)
        while abs(begin - far) > span:
            yield begin - span if order.descending else begin + span
            span *= PIECE_GROWTH
    yield None


def _end(cursor: duckdb.DuckDBPyConnection, order: Order, at: At | None) -> int:
    """About where the numbers of a table end, or begin; asked once a cursor, and known from what it read after that."""
    if at and order.descending and order.columns[0] == order.table.block:
        return at.number
    known, name = _ends.setdefault(cursor, {}), _end_name(order, at)
    if name not in known:
        ends = [_end_of(cursor, order, source) for source in sources(order.table, at)]
        _remember(cursor, order, at, max(ends) if order.descending else min(ends))
    return known[name]


def _end_of(cursor: duckdb.DuckDBPyConnection, order: Order, source: Source) -> int:
    furthest = "max" if order.descending else "min"
    rows = f"{source.schema}.{order.table.name}{all_of(source.conditions)}"
    found: int = ask(cursor, f'SELECT coalesce({furthest}("{order.columns[0]}"), 0) FROM {rows}', source.values)[0][0]
    return found


def _end_name(order: Order, at: At | None) -> EndName:
    return order.table.name, order.columns[0], order.descending, at.number if at else None


def _remember(cursor: duckdb.DuckDBPyConnection, order: Order, at: At | None, end: int) -> None:
    known, name = _ends.setdefault(cursor, {}), _end_name(order, at)
    if len(known) >= ENDS_MAX:
        known.clear()
    before = known.get(name, end)
    known[name] = max(end, before) if order.descending else min(end, before)


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
    if not ask(cursor, f"SELECT true FROM tip.{table.name}{all_of(conditions)} LIMIT 1", named):
        return "tip"
    return "final" if at and table.key else ""
