"""The one owner of the DuckDB file: threads come in, each gets a cursor of its own, and writers take turns."""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from domain.faultpoints import reach

from .errors import OlderDatabase, OtherDatabase, explain, explain_write, is_cut_off
from .tables import SCHEMA_VERSION, create

CLOSE_TIMEOUT_S = 10.0
CATALOG = "explorer"
STORAGE = "v1.4.0"  # older versions of DuckDB's file know no zstd
GROUP_ROWS = 12_288
"""What is inserted in whole groups is compressed into the file at once, and logged nowhere. A checkpoint writes the
last, unfilled group of a table anew: at 122,880 rows, DuckDB's own choice, the file grew by half."""

CHECKPOINT_MIB = 64
REOPEN_S, REOPEN_EVERY_S = 5.0, 0.01
"""Who reads meanwhile keeps the file from being opened anew until the statement under way has failed."""


class Database:
    """Readers see whole transactions only and never wait for a writer."""

    def __init__(self, path: Path, chain_id: int, memory_limit_mib: int = 128, threads: int = 2) -> None:
        self.path = path
        self._write_lock = threading.RLock()
        self._idle = threading.Condition()
        self._readers = 0
        self._local = threading.local()
        self._is_open = True
        self.reopened = 0
        """How often the file was opened anew: then memory may know less than the file does."""
        self._connection = _open(path, memory_limit_mib, threads)
        try:
            self._prepare(chain_id)
        except BaseException:
            self._connection.close()
            raise

    def enter(self) -> duckdb.DuckDBPyConnection:
        """A cursor for the calling thread, which must `leave` when it has read."""
        with self._idle:
            self._readers += 1
        return self._cursor()

    def leave(self) -> None:
        with self._idle:
            self._readers -= 1
            self._idle.notify_all()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on which each statement sees one moment."""
        try:
            yield self.enter()
        finally:
            self.leave()

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction that commits at the end of the block, or leaves nothing behind."""
        with self._write_lock, self._writer() as cursor:
            cursor.begin()
            try:
                reach("explorer.begun")
                yield cursor
                reach("explorer.before_commit")
                cursor.commit()
            except duckdb.Error as fault:
                _undo(cursor)
                if is_cut_off(fault):
                    self._reopen()
                if told := explain_write(fault, str(self.path)):
                    raise told from fault
                raise
            except BaseException:
                _undo(cursor)
                raise
            reach("explorer.committed")

    @contextmanager
    def apart(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own on which all statements see the same moment, for as long as it takes."""
        self.enter()
        try:
            with self._fresh() as cursor:
                cursor.begin()
                cursor.execute("FROM final.progress").fetchall()
                yield cursor
                cursor.rollback()
        finally:
            self.leave()

    def outside(self) -> duckdb.DuckDBPyConnection:
        """A cursor that stands outside of the explorer's catalog: whoever has it closes it before us."""
        return self._connection.cursor()

    def snapshot(self, to: Path) -> None:
        """A consistent copy in a file of its own, which other processes may open. Neither side waits."""
        with self._fresh() as cursor:
            here = cursor.execute("SELECT current_database()").fetchall()[0][0]
            cursor.execute(f"ATTACH '{escaped(to)}' AS snapshot")
            try:
                cursor.execute(f'COPY FROM DATABASE "{here}" TO snapshot')
                reach("explorer.copied")
            finally:
                cursor.execute("DETACH snapshot")

    def close(self) -> None:
        """Waits for readers that are still at it, then closes the file."""
        with self._idle:
            self._idle.wait_for(lambda: self._readers == 0, CLOSE_TIMEOUT_S)
        with self._write_lock:
            self._connection.close()

    def _writer(self) -> duckdb.DuckDBPyConnection:
        if not self._is_open:
            self._reopen()
        return self._fresh()

    def _reopen(self) -> None:
        """In the same connection, so that readers find it under the same name. Raises what opening raises."""
        self.reopened += 1
        self._is_open = False
        with contextlib.suppress(duckdb.Error):
            self._connection.execute(f"DETACH {CATALOG}")
        deadline = time.monotonic() + REOPEN_S
        while not self._is_open:
            try:
                _attach(self._connection, self.path)
                self._is_open = True
            except duckdb.Error as fault:
                if time.monotonic() > deadline:
                    raise explain_write(fault, str(self.path)) or explain(fault, str(self.path)) from fault
                time.sleep(REOPEN_EVERY_S)

    def _fresh(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        cursor.execute(f"USE {CATALOG}")
        return cursor

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """A thread keeps its cursor: making one costs as much as the read."""
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self._fresh()
        return cursor

    def _prepare(self, chain_id: int) -> None:
        with self.writing() as cursor:
            if not cursor.execute("SELECT 1 FROM duckdb_schemas() WHERE schema_name = 'final'").fetchone():
                create(cursor, chain_id)
                reach("explorer.created")
            row = cursor.execute("SELECT schema_version, chain_id FROM final.progress").fetchone()
        found = row or (None, None)
        for what, said, wanted in (("schema version", found[0], SCHEMA_VERSION), ("chain", found[1], chain_id)):
            if said != wanted:
                is_older = what == "schema version" and said is not None and said < wanted and found[1] == chain_id
                raise (OlderDatabase if is_older else OtherDatabase)(
                    f"explorer database {self.path} is of {what} {said}, wanted {wanted}: name another file, or move "
                    "this one away and it is built anew from the ledger"
                )


class Shelf:
    """The database that readers are given now; another may take its place while they read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._swapping = threading.Lock()

    @property
    def current(self) -> Database:
        return self._database

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on which each statement sees one moment."""
        with self._swapping:
            database = self._database
            cursor = database.enter()
        try:
            yield cursor
        finally:
            database.leave()

    @contextmanager
    def moment(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on which all statements see the same moment."""
        with self.reading() as cursor:
            cursor.begin()
            try:
                yield cursor
            finally:
                cursor.rollback()

    def swap(self, database: Database) -> None:
        """Who comes from now on reads `database`; the one before closes when its last reader has left."""
        with self._swapping:
            before, self._database = self._database, database
        before.close()


def _open(path: Path, memory_limit_mib: int, threads: int) -> duckdb.DuckDBPyConnection:
    path.parent.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_mib}MiB",
        "threads": threads,
        "temp_directory": f"{path}.tmp",
        "checkpoint_threshold": f"{CHECKPOINT_MIB}MiB",
        "allocator_flush_threshold": "1MiB",  # what it frees goes back at once
        "allocator_bulk_deallocation_flush_threshold": "1MiB",
        "autoinstall_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=config)  # only a file that is attached may be told its layout
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        # It takes deleted rows for rows and then leaves others out of the first page (duckdb#22949, in 1.5.5 still).
        connection.execute("SET GLOBAL disabled_optimizers = 'row_group_pruner'")
        _attach(connection, path)
    except duckdb.Error as fault:
        connection.close()
        raise explain(fault, str(path)) from fault
    return connection


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    layout = f"STORAGE_VERSION '{STORAGE}', ROW_GROUP_SIZE {GROUP_ROWS}"
    connection.execute(f"ATTACH '{escaped(path.resolve())}' AS {CATALOG} ({layout})")


def _undo(cursor: duckdb.DuckDBPyConnection) -> None:
    """A commit that failed has rolled back already."""
    with contextlib.suppress(duckdb.Error):
        cursor.rollback()


def escaped(path: Path) -> str:
    """For a literal."""
    return str(path).replace("'", "''")
