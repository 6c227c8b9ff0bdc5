"""A fingerprint of the final tables that does not depend on the order of rows: equal where the same was indexed.

Each row's text is hashed and the hashes are added up, so that a row can be added or taken out without the others.
"""

import hashlib

import duckdb
from msgspec import Struct

from .columns import Column, Kind
from .table import Table
from .tables import OVERLAID, TABLES

LISTED_MAX = 20


class TableDigest(Struct, frozen=True):
    table: str
    rows: int
    sum: str


class Digest(Struct, frozen=True):
    """Digests of tables, in a fixed order."""

    tables: tuple[TableDigest, ...]

    @property
    def text(self) -> str:
        """One fingerprint of all these tables."""
        parts = "\n".join(f"{each.table} {each.rows} {each.sum}" for each in self.tables)
        return hashlib.sha256(parts.encode()).hexdigest()


class Difference(Struct, frozen=True):
    """Rows of one table that only one side has, the first few as text."""

    table: str
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]


def digest_of_chain(cursor: duckdb.DuckDBPyConnection) -> Digest:
    """Of what follows from the chain alone: comparable between any two indexes of it that are final up to one block."""
    return Digest(tuple(_digest(cursor, table) for table in OVERLAID))


def digest_of_ledger(cursor: duckdb.DuckDBPyConnection) -> Digest:
    """Of everything in the ledger: comparable between projections of the same one."""
    return Digest(tuple(_digest(cursor, table) for table in TABLES))


def differences(left: duckdb.DuckDBPyConnection, right: duckdb.DuckDBPyConnection) -> list[Difference]:
    """The tables in which two databases differ, and in which rows."""
    pairs = ((table, _digest(left, table), _digest(right, table)) for table in TABLES)
    return [_difference(left, right, table) for table, ours, theirs in pairs if ours != theirs]


def _digest(cursor: duckdb.DuckDBPyConnection, table: Table) -> TableDigest:
    found = cursor.execute(
        "SELECT count(*), coalesce(sum(md5_number_lower(text)), 0), coalesce(sum(md5_number_upper(text)), 0) "
        f"FROM (SELECT {_text(table)} AS text FROM final.{table.name})"
    ).fetchall()
    rows, lower, upper = found[0]
    return TableDigest(table.name, rows, f"{lower:x}-{upper:x}")


def _difference(left: duckdb.DuckDBPyConnection, right: duckdb.DuckDBPyConnection, table: Table) -> Difference:
    ours, theirs = _texts(left, table), _texts(right, table)
    return Difference(table.name, tuple(sorted(ours - theirs)[:LISTED_MAX]), tuple(sorted(theirs - ours)[:LISTED_MAX]))


def _texts(cursor: duckdb.DuckDBPyConnection, table: Table) -> set[str]:
    return {text for (text,) in cursor.execute(f"SELECT {_text(table)} FROM final.{table.name}").fetchall()}


def _text(table: Table) -> str:
    """A row as text that is the same on every machine, whatever its time zone."""
    return f"to_json([{', '.join(map(_cell, table.columns))}])::VARCHAR"


def _cell(column: Column) -> str:
    name = f'"{column.name}"'
    shown = f"epoch_us({name})" if column.kind in (Kind.SECONDS, Kind.MILLISECONDS) else name
    return f"CAST({shown} AS VARCHAR)"
