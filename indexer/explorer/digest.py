"""A fingerprint of the final tables that does not depend on the order of rows: equal where the same was indexed."""

import hashlib
from collections.abc import Iterable, Mapping

import duckdb
from msgspec import Struct

from .fingerprints import Sum, sum_of_table, text_of
from .rows import Row
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
    return digest_of_sums({table.row: sum_of(cursor, table) for table in OVERLAID})


def digest_of_ledger(cursor: duckdb.DuckDBPyConnection) -> Digest:
    """Of everything in the ledger: comparable between projections of the same one."""
    return _digest(TABLES, {table.row: sum_of(cursor, table) for table in TABLES})


def digest_of_sums(sums: Mapping[type[Row], Sum]) -> Digest:
    """Of what follows from the chain alone, when the tables were added up already."""
    return _digest(OVERLAID, sums)


def sum_of(cursor: duckdb.DuckDBPyConnection, table: Table, where: str = "true") -> Sum:
    """The final rows of a table added up, by reading them all."""
    found = cursor.execute(sum_of_table(table, where)).fetchall()
    return Sum(*map(int, found[0]))


def differences(left: duckdb.DuckDBPyConnection, right: duckdb.DuckDBPyConnection) -> list[Difference]:
    """The tables in which two databases differ, and in which rows."""
    pairs = ((table, sum_of(left, table), sum_of(right, table)) for table in TABLES)
    return [_difference(left, right, table) for table, ours, theirs in pairs if ours != theirs]


def _digest(tables: Iterable[Table], sums: Mapping[type[Row], Sum]) -> Digest:
    return Digest(tuple(TableDigest(table.name, sums[table.row].rows, sums[table.row].hex) for table in tables))


def _difference(left: duckdb.DuckDBPyConnection, right: duckdb.DuckDBPyConnection, table: Table) -> Difference:
    ours, theirs = _texts(left, table), _texts(right, table)
    return Difference(table.name, tuple(sorted(ours - theirs)[:LISTED_MAX]), tuple(sorted(theirs - ours)[:LISTED_MAX]))


def _texts(cursor: duckdb.DuckDBPyConnection, table: Table) -> set[str]:
    return {text for (text,) in cursor.execute(f"SELECT {text_of(table)} FROM final.{table.name}").fetchall()}
