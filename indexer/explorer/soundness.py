"""How well founded the tables are: what was checked of which blocks, what was not, and what the chain took back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from msgspec import Struct

from .errors import OtherDatabase, explain
from .prepared import ask
from .progress import read_progress
from .records import INTEGRITY, REORGS
from .rows import IntegrityRow, ReorgRow, Row
from .storing import read, shown
from .table import Table

GAPS_MAX = 100


class Gap(Struct, frozen=True):
    """Blocks of which no check is on record, or two ranges that do not join."""

    first: int
    last: int
    reason: str


class Level(Struct, frozen=True):
    level: str
    blocks: int


class Soundness(Struct, frozen=True):
    """All ranges together, heights of -1 before the first. `open` blocks are final, and their range is not closed yet.

    `gaps` are the first few; `doubts` counts ranges that name any.
    """

    first: int
    last: int
    open: int
    levels: tuple[Level, ...]
    doubts: int
    gaps: tuple[Gap, ...]

    @property
    def is_whole(self) -> bool:
        return not self.gaps


def read_soundness(cursor: duckdb.DuckDBPyConnection) -> Soundness:
    """`cursor` must see one moment."""
    first, last, doubts = ask(
        cursor,
        "SELECT coalesce(min(first), -1), coalesce(max(last), -1), count(*) FILTER (len(doubts) > 0) FROM integrity",
        (),
    )[0]
    levels = ask(cursor, "SELECT level, sum(last - first + 1)::BIGINT FROM integrity GROUP BY 1 ORDER BY 1", ())
    final = read_progress(cursor).final_number
    return Soundness(
        first,
        last,
        max(0, final - last) if last >= 0 else 0,
        tuple(Level(*each) for each in levels),
        doubts,
        _gaps(cursor),
    )


def newest_ranges(cursor: duckdb.DuckDBPyConnection, limit: int) -> tuple[IntegrityRow, ...]:
    """What was checked last, newest first."""
    found = _rows(cursor, INTEGRITY, f"true ORDER BY first DESC LIMIT {limit}", ())
    return tuple(row for row in found if isinstance(row, IntegrityRow))


@contextmanager
def opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of an index that does not run, also of one of anybody's contracts. Raises DatabaseInUse and others."""
    try:
        with duckdb.connect(str(file.resolve()), read_only=True) as tables:
            tables.execute("SET TimeZone = 'UTC'")
            tables.execute("SET disabled_optimizers = 'row_group_pruner'")  # as in our own process: see `database`
            yield tables
    except duckdb.CatalogException:
        raise OtherDatabase(f"{file} holds no tables of ours: name explorer.duckdb or events.duckdb") from None
    except duckdb.Error as fault:
        raise explain(fault, str(file)) from None


def integrity_of(cursor: duckdb.DuckDBPyConnection, number: int) -> IntegrityRow | None:
    """The range that holds block `number`, the newest if there are several."""
    where = "first <= ? AND last >= ? ORDER BY checked_at DESC LIMIT 1"
    found = _rows(cursor, INTEGRITY, where, (number, number))
    return next((row for row in found if isinstance(row, IntegrityRow)), None)


def reorgs_of(cursor: duckdb.DuckDBPyConnection, number: int) -> tuple[ReorgRow, ...]:
    """The reorganisations that took back a block at this height, newest first."""
    where = "from_number <= ? AND from_number + depth > ? ORDER BY reorg DESC"
    return tuple(row for row in _rows(cursor, REORGS, where, (number, number)) if isinstance(row, ReorgRow))


def was_dropped(cursor: duckdb.DuckDBPyConnection, hash_: str) -> bool:
    return bool(ask(cursor, "SELECT true FROM reorgs WHERE list_contains(dropped, ?) LIMIT 1", (hash_,)))


def _gaps(cursor: duckdb.DuckDBPyConnection) -> tuple[Gap, ...]:
    found = ask(
        cursor,
        "SELECT before, first, hash FROM (SELECT first, parent_hash, lag(last) OVER ranges AS before, "
        "lag(last_hash) OVER ranges AS hash FROM integrity WINDOW ranges AS (ORDER BY first, last)) "
        f"WHERE first > before + 1 OR (first = before + 1 AND parent_hash <> hash) ORDER BY first LIMIT {GAPS_MAX}",
        (),
    )
    return tuple(_gap(*each) for each in found)


def _gap(before: int, first: int, hash_: str) -> Gap:
    if first > before + 1:
        return Gap(before + 1, first - 1, "no check of these blocks is on record")
    return Gap(first, first, f"block {first} does not stand on block {before} as it was checked, {hash_}")


def _rows(cursor: duckdb.DuckDBPyConnection, table: Table, where: str, values: tuple[int, ...]) -> list[Row]:
    return read(table, ask(cursor, f"SELECT {shown(table)} FROM {table.name} WHERE {where}", values))
