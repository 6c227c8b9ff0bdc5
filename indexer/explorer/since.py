"""Which rows changed between two blocks: two heights come in, the rows that the blocks between changed last go out.

A row that later blocks changed again is told with those: whoever takes all rows up to the head has missed nothing.
"""

from collections.abc import Iterator

import duckdb

from .aggregates import ACCOUNTS, JOBS, NODES, RECEIPTS
from .documents import with_documents
from .records import BLOCKS
from .rows import Row
from .storing import read, shown
from .table import Table

FOLLOWED = (BLOCKS, JOBS, RECEIPTS, NODES, ACCOUNTS)


def changed_between(cursor: duckdb.DuckDBPyConnection, after: int, upto: int) -> Iterator[Row]:
    """Rows as they are now whose last change lies above block `after`, up to `upto`. `cursor` must see one moment."""
    for table in FOLLOWED:
        hidden = f" ANTI JOIN tip.{table.name} USING ({table.key})" if table.key else ""
        yield from _read(cursor, table, f"final.{table.name}{hidden}", after, upto)
        yield from _unfinal(cursor, table, after, upto)


def settled_between(cursor: duckdb.DuckDBPyConnection, after: int, upto: int) -> Iterator[Row]:
    """The same of final blocks alone, also where unfinal ones have changed a row again and hide it."""
    for table in FOLLOWED:
        yield from _read(cursor, table, f"final.{table.name}", after, upto)


def _unfinal(cursor: duckdb.DuckDBPyConnection, table: Table, after: int, upto: int) -> list[Row]:
    rows = _read(cursor, table, f"tip.{table.name}", after, upto)
    for row in rows:
        row.is_final = False  # type: ignore[attr-defined]
    return rows


def _read(cursor: duckdb.DuckDBPyConnection, table: Table, source: str, after: int, upto: int) -> list[Row]:
    between = f'"{table.block}" > ? AND "{table.block}" <= ? ORDER BY "{table.block}"'
    found = cursor.execute(f"SELECT {shown(table)} FROM {source} WHERE {between}", [after, upto])
    rows = read(table, found.fetchall())
    return with_documents(cursor, rows) if table is RECEIPTS else rows
