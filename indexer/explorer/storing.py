"""Rows to DuckDB and back: structs come in, one or two statements a table go out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from domain.faultpoints import reach

from .columns import Column
from .folds import Key
from .rows import Row
from .table import Table
from .tables import TABLE_OF

FEW_ROWS = 16  # up to here bound parameters are quicker than an Arrow table


def store(
    cursor: duckdb.DuckDBPyConnection,
    schema: str,
    changes: dict[type[Row], list[Row]],
    replaced: Mapping[type[Row], Sequence[Key]] | None = None,
) -> None:
    """Writes all rows; a row with a key replaces the one before. Who knows which are there says so by `replaced`."""
    for kind, rows in changes.items():
        table = TABLE_OF[kind]
        if table.key:
            before = [getattr(row, table.key) for row in rows] if replaced is None else replaced.get(kind, ())
            _forget(cursor, schema, table, before)
        append(cursor, schema, table, rows)
        reach("explorer.stored")


def append(
    cursor: duckdb.DuckDBPyConnection, schema: str, table: Table, rows: list[Row], until: Sequence[int] = ()
) -> None:
    """Adds the rows as they are; in schema `history`, each with the block that replaced it."""
    insert = _insert_few if len(rows) <= FEW_ROWS else _insert_many
    insert(cursor, f"{schema}.{table.name}", table, rows, until)


def load(cursor: duckdb.DuckDBPyConnection, schema: str, kind: type[Row], keys: Collection[Key]) -> list[Row]:
    """The rows that bear one of these keys."""
    if not keys:
        return []
    table = TABLE_OF[kind]
    condition, parameters = _among(table, keys)
    found = cursor.execute(f"SELECT {shown(table)} FROM {schema}.{table.name} WHERE {condition}", parameters)
    return read(table, found.fetchall())


def shown(table: Table, alias: str = "") -> str:
    """The columns of a table as `read` wants them."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(column.kind.value.shown.format(f'{prefix}"{column.name}"') for column in table.columns)


def read(table: Table, found: Iterable[Sequence[Any]]) -> list[Row]:
    """Rows from what DuckDB answered, whose values stand in the order of the row's fields."""
    takes = [(i, take) for i, column in enumerate(table.columns) if (take := column.kind.value.take)]
    if not takes:
        return [table.row(*values) for values in found]
    rows = []
    for values in found:
        changed = list(values)
        for i, take in takes:
            changed[i] = take(changed[i])
        rows.append(table.row(*changed))
    return rows


def _forget(cursor: duckdb.DuckDBPyConnection, schema: str, table: Table, keys: Sequence[Key]) -> None:
    if not keys:
        return
    condition, parameters = _among(table, keys)
    cursor.execute(f"DELETE FROM {schema}.{table.name} WHERE {condition}", parameters)


def _among(table: Table, keys: Collection[Key]) -> tuple[str, list[Any]]:
    """The rows of these keys. Numbers lie close together: bounds spare DuckDB all groups of rows that lie elsewhere."""
    few = len(keys) <= FEW_ROWS
    wanted = ", ".join("?" * len(keys)) if few else "SELECT unnest(?)"
    condition = f"{table.key} IN ({wanted})"
    parameters: list[Any] = list(keys) if few else [list(keys)]
    numbers = [key for key in keys if isinstance(key, int)]
    if not numbers:
        return condition, parameters
    return f"{condition} AND {table.key} BETWEEN ? AND ?", [*parameters, min(numbers), max(numbers)]


def _insert_few(
    cursor: duckdb.DuckDBPyConnection, into: str, table: Table, rows: list[Row], until: Sequence[int]
) -> None:
    bounds = [column.kind.value.bound for column in table.columns]
    one = "(" + ", ".join([*bounds, "?"] if until else bounds) + ")"
    values = [[_put(column, row) for column in table.columns] for row in rows]
    for each, end in zip(values, until, strict=False):
        each.append(end)
    cursor.execute(f"INSERT INTO {into} VALUES " + ", ".join([one] * len(rows)), list(chain.from_iterable(values)))


def _insert_many(
    cursor: duckdb.DuckDBPyConnection, into: str, table: Table, rows: list[Row], until: Sequence[int]
) -> None:
    arrays = {column.name: _array(column, rows) for column in table.columns}
    if until:
        arrays["until"] = pa.array(until, pa.int64())
    cursor.register("incoming", pa.table(arrays))
    try:
        cursor.execute(f"INSERT INTO {into} FROM incoming")
    finally:
        cursor.unregister("incoming")


def _array(column: Column, rows: list[Row]) -> pa.Array:
    shape = column.kind.value
    values = list(map(attrgetter(column.name), rows))
    if put := shape.put:
        values = [None if value is None else put(value) for value in values]
    return pa.array(values, shape.arrow, memory_pool=pa.system_memory_pool())  # its own pool gives little back


def _put(column: Column, row: Row) -> Any:
    value, put = getattr(row, column.name), column.kind.value.put
    return value if put is None or value is None else put(value)
