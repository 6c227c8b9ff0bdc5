"""Names in sorted runs, in a file of their own: names come in by the thousand, what a key may lead to goes out.

As in a log-structured merge tree, runs of one generation become one of the next as soon as there are enough: a reader
looks into few of them, and each name is written a few times in all.
"""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
from msgspec import Struct
from msgspec.structs import astuple

MEMORY_MIB = 64
FANOUT = 8
SLICE_ROWS = 200_000
KEY_END = 1 << 64
LAYOUT = "STORAGE_VERSION 'v1.4.0', ROW_GROUP_SIZE 12288"
LEADS_MAX = 64
"""A text that begins more names than this says too little: it is answered with a few of them."""

EMPTY = (
    "USE names;"
    "CREATE TABLE IF NOT EXISTS runs (run BIGINT, of VARCHAR, generation BIGINT);"
    "CREATE TABLE IF NOT EXISTS covered AS SELECT -1::BIGINT AS number, '' AS hash, 0::BIGINT AS rows"
)


class Covered(Struct, frozen=True):
    """The newest block whose names are here, with all before it; its hash, and how many rows that are."""

    number: int
    hash: str
    rows: int


class Runs:
    """One file, open. One thread writes at a time; readers see whole transactions and never wait."""

    def __init__(self, path: Path) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{MEMORY_MIB}MiB",
            "threads": 1,
            "temp_directory": f"{path}.tmp",
            "autoinstall_known_extensions": False,
        }
        self._connection = duckdb.connect(":memory:", config=config)
        try:
            name = str(path).replace("'", "''")
            self._connection.execute(f"ATTACH '{name}' AS names ({LAYOUT})")
            self._connection.execute(EMPTY)
        except duckdb.Error:
            self._connection.close()
            raise

    def covered(self) -> Covered:
        with self._moment() as cursor:
            return _covered(cursor)

    def add(self, names: pa.Table, of: str, covered: Covered | None = None) -> None:
        """Takes in `key`, `kind` and `target`, with what is covered by that."""
        with self._moment() as cursor:
            cursor.register("incoming", names)
            cursor.execute(f"INSERT INTO {_begin(cursor, of, 0)} FROM incoming ORDER BY key")
            cursor.unregister("incoming")
            if covered:
                cursor.execute("UPDATE covered SET number = ?, hash = ?, rows = ?", [*astuple(covered)])
            _merge(cursor, of)
            cursor.commit()

    def clear(self, of: str, covered: Covered | None = None) -> None:
        with self._moment() as cursor:
            _drop(cursor, [run for run, _ in _runs(cursor, of)])
            if covered:
                cursor.execute("UPDATE covered SET number = ?, hash = ?, rows = ?", [*astuple(covered)])
            cursor.commit()

    def leads(self, least: int, most: int, kinds: Sequence[int]) -> tuple[int, list[tuple[int, int]]]:
        """The newest block covered, and the kinds and targets of names with a key from `least` to `most`."""
        with self._moment() as cursor:
            within = f"WHERE key BETWEEN {least} AND {most} AND kind IN ({', '.join(map(str, kinds))})"
            runs = " UNION ALL ".join(f"FROM run_{run} {within}" for run, _ in _runs(cursor))
            best = f"SELECT kind, target FROM ({runs}) ORDER BY key, target DESC LIMIT {LEADS_MAX}"
            found = cursor.execute(best).fetchall() if runs else []
            return _covered(cursor).number, found

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _moment(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction, rolled back unless it was committed."""
        with self._connection.cursor() as cursor:
            cursor.execute("USE names")
            cursor.begin()
            try:
                yield cursor
            finally:
                with contextlib.suppress(duckdb.TransactionException):
                    cursor.rollback()


def _covered(cursor: duckdb.DuckDBPyConnection) -> Covered:
    return Covered(*cursor.execute("FROM covered").fetchall()[0])


def _runs(cursor: duckdb.DuckDBPyConnection, of: str = "") -> list[tuple[int, int]]:
    """The runs, oldest first, each with its generation."""
    wanted = "SELECT run, generation FROM runs WHERE of = $of OR $of = '' ORDER BY 1"
    return cursor.execute(wanted, {"of": of}).fetchall()


def _begin(cursor: duckdb.DuckDBPyConnection, of: str, generation: int) -> str:
    run = cursor.execute("SELECT coalesce(max(run), 0) + 1 FROM runs").fetchall()[0][0]
    cursor.execute("INSERT INTO runs VALUES (?, ?, ?)", [run, of, generation])
    cursor.execute(f"CREATE TABLE run_{run} (key UBIGINT, kind UTINYINT, target BIGINT)")
    return f"run_{run}"


def _merge(cursor: duckdb.DuckDBPyConnection, of: str) -> None:
    generation = 0
    while len(full := [run for run, own in _runs(cursor, of) if own == generation]) >= FANOUT:
        generation += 1
        into, names = _begin(cursor, of, generation), " UNION ALL ".join(f"FROM run_{run}" for run in full)
        for least, most in _slices(cursor, full[0]):
            within = f"WHERE key >= {least} AND key < {most}"
            cursor.execute(f"INSERT INTO {into} FROM ({names}) {within} ORDER BY key")
        _drop(cursor, full)


def _slices(cursor: duckdb.DuckDBPyConnection, run: int) -> Iterator[tuple[int, int]]:
    """Ranges of keys with about as many rows each: what is sorted at once must fit in memory."""
    found = cursor.execute(f"SELECT key FROM run_{run} WHERE rowid % {SLICE_ROWS // FANOUT} = 0 ORDER BY 1").fetchall()
    ends = [0, *sorted({key for (key,) in found[1:]}), KEY_END]
    return pairwise(ends)


def _drop(cursor: duckdb.DuckDBPyConnection, runs: Sequence[int]) -> None:
    for run in runs:
        cursor.execute(f"DROP TABLE run_{run}")
        cursor.execute("DELETE FROM runs WHERE run = ?", [run])
