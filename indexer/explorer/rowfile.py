"""Final rows of a table once more, row by row: changed rows come in, single ones and the newest of an address go out.

DuckDB keeps columns: a row of thirty costs it milliseconds, a page of an address's rows ten times that. SQLite keeps
rows, and finds them by key or holder in microseconds, however many there are.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from .columns import Kind
from .rows import Row
from .table import Table

INTEGERS_END = 1 << 63
CACHE_KIB = 4 * 1024
PIECE_ROWS = 64
HEX_LENGTHS = frozenset((42, 66))

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Reach(Struct, frozen=True):
    """Up to which final block the rows are those of the tables, and that block's hash."""

    number: int = -1
    hash: str = ""


class RowFile:
    """Owns one SQLite file. One thread at a time writes, any may read; what was written is seen by the next read."""

    def __init__(self, path: Path, table: Table, holders: Sequence[str], version: int) -> None:
        self.table, self.holders = table, tuple(holders)
        self._path = path
        self._local = threading.local()
        self._texts = tuple(column.kind in (Kind.TEXT, Kind.CID) for column in table.columns)
        self._writer = _opened(path, table, self.holders, version)
        columns = (table.key, *self.holders, "row")
        self._insert = f"INSERT OR REPLACE INTO rows VALUES ({', '.join('?' * len(columns))})"

    def reach(self) -> Reach:
        return Reach(*self._writer.execute("SELECT number, hash FROM reach").fetchone())

    def write(self, rows: Iterable[Row], reach: Reach) -> None:
        """All of it or nothing."""
        with self._writer:
            self._writer.execute("BEGIN")
            self._writer.executemany(self._insert, map(self._packed, rows))
            self._writer.execute("UPDATE reach SET number = ?, hash = ?", astuple(reach))

    def clear(self) -> None:
        with self._writer:
            self._writer.execute("BEGIN")
            self._writer.execute("DELETE FROM rows")
            self._writer.execute("UPDATE reach SET number = -1, hash = ''")

    def one(self, key: int) -> Row | None:
        found = self._reader().execute("SELECT row FROM rows WHERE key = ?", (key,)).fetchone()
        return self._unpacked(found[0]) if found else None

    def newest(self, below: int | None = None, holder: str | None = None, address: str = "") -> Iterator[Row]:
        """From the highest key below `below` down, read no further than they are taken; those of a holder alone."""
        while True:
            conditions = [*(("key < ?",) if below is not None else ()), *((f"{holder} = ?",) if holder else ())]
            values = [*((below,) if below is not None else ()), *((address,) if holder else ())]
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            select = f"SELECT key, row FROM rows{where} ORDER BY key DESC LIMIT {PIECE_ROWS}"
            found = self._reader().execute(select, values).fetchall()
            for _, row in found:
                yield self._unpacked(row)
            if len(found) < PIECE_ROWS:
                return
            below = found[-1][0]

    def close(self) -> None:
        self._writer.close()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _connected(self._path)
        return connection

    def _packed(self, row: Row) -> tuple[Any, ...]:
        values = astuple(row)[: len(self._texts)]
        held = [getattr(row, name) for name in (cast("str", self.table.key), *self.holders)]
        return (*held, _encode([_short(value) for value in values]))

    def _unpacked(self, packed: bytes) -> Row:
        values = _decode(packed)
        return self.table.row(*map(_long, values, self._texts))


def remove(path: Path) -> None:
    for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        each.unlink(missing_ok=True)


def _short(value: Any) -> Any:
    """Addresses and hashes take half the room as bytes; integers beyond those of msgpack go as text."""
    if isinstance(value, str):
        return _raw(value) if len(value) in HEX_LENGTHS and value.startswith("0x") else value
    return str(value) if isinstance(value, int) and value >= INTEGERS_END else value


def _raw(text: str) -> bytes | str:
    """A text that someone chose may look like hex and be none, or be written otherwise than we do."""
    try:
        raw = bytes.fromhex(text[2:])
    except ValueError:
        return text
    return raw if raw.hex() == text[2:] else text


def _long(value: Any, is_text: bool) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return int(value) if isinstance(value, str) and not is_text else value


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def _opened(path: Path, table: Table, holders: Sequence[str], version: int) -> sqlite3.Connection:
    """A file that another version wrote, or that cannot be read, is made anew: all of it is in the tables."""
    layout = f"{version} {[column.name for column in table.columns]} {list(holders)}"
    with contextlib.suppress(sqlite3.DatabaseError):
        connection = _prepared(path)
        found = connection.execute("SELECT layout FROM reach").fetchone()
        if found and found[0] == layout:
            return connection
        connection.close()
    remove(path)
    connection = _prepared(path)
    columns = "".join(f", {name} TEXT" for name in holders)
    connection.executescript(
        f"CREATE TABLE reach (layout TEXT, number INTEGER, hash TEXT);"
        f"CREATE TABLE rows (key INTEGER PRIMARY KEY{columns}, row BLOB);"
        + "".join(f"CREATE INDEX by_{name} ON rows ({name}, key);" for name in holders)
    )
    connection.execute("INSERT INTO reach VALUES (?, -1, '')", (layout,))
    return connection


def _prepared(path: Path) -> sqlite3.Connection:
    connection = _connected(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
