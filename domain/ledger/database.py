"""One SQL database: a URL comes in, short reading and writing transactions come out."""

import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from domain.faultpoints import reach

from .errors import BadLedgerUrl, explain

SUPPORTED = "sqlite:///file.db or postgresql://user:password@host/database"
SCHEMA_LOCK = 0x7A11_571C  # any number that nobody else locks: two processes must not create the tables at once
WAL_SWITCH_RETRY_S = 0.05
PAGE_BYTES = 32_768
WAL_BYTES = 8 << 20  # then it is folded into the file


class Database:
    """Writers exclude each other, threads and processes alike; readers see one moment and never wait for a writer."""

    def __init__(self, url: str, busy_timeout_s: float) -> None:
        parsed = parse_url(url)
        self.name = parsed.render_as_string(hide_password=True)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.file = parsed.database if self.is_sqlite else None
        self._engine = (
            _open_sqlite(parsed, busy_timeout_s) if self.is_sqlite else _open_postgres(parsed, busy_timeout_s)
        )
        # Threads that wait inside SQLite sleep and poll; in this queue they wake at once. PostgreSQL queues by itself.
        self._one_writer = threading.Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that commits at the end of the block, or leaves nothing behind."""
        with self._one_writer:
            with self._transaction(writes=True) as connection:
                reach("ledger.begun")
                yield connection
                reach("ledger.before_commit")
            reach("ledger.committed")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction in which every statement sees the same moment."""
        with self._transaction(
            writes=False, isolation_level=None if self.is_sqlite else "REPEATABLE READ"
        ) as connection:
            yield connection

    def create(self, schema: MetaData) -> None:
        """Creates what is missing of `schema`."""
        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
            for table in schema.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))
            reach("ledger.created")

    def connect_alone(self) -> Connection:
        """A connection outside of transactions and of the pool's reuse, which the caller invalidates and closes."""
        try:
            return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except SQLAlchemyError as fault:
            raise explain(fault, self.name) or fault from fault

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self, **options: Any) -> Iterator[Connection]:
        given = {name: value for name, value in options.items() if value is not None}
        try:
            with self._engine.connect().execution_options(**given) as connection, connection.begin():
                yield connection
        except (SQLAlchemyError, sqlite3.Error) as fault:
            if (error := explain(fault, self.name)) is not None:
                raise error from fault
            raise


def parse_url(url: str) -> URL:
    """The URL with its driver filled in. Raises BadLedgerUrl for what is no SQLite file and no PostgreSQL."""
    shown = re.sub(r"//[^@/]*@", "//***@", url)
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise BadLedgerUrl(f"ledger URL {shown!r} names no database that we know; use {SUPPORTED}") from None
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise BadLedgerUrl(f"ledger URL {shown!r}: {backend} is not supported; use {SUPPORTED}")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise BadLedgerUrl(f"ledger URL {shown!r}: a ledger in memory forgets; name a file: {SUPPORTED}")
    return parsed


def _open_postgres(url: URL, busy_timeout_s: float) -> Engine:
    given = url.query.get("options", "")
    options = f"{given if isinstance(given, str) else ' '.join(given)} -c lock_timeout={int(busy_timeout_s * 1000)}"
    arguments = {"options": options, "connect_timeout": max(2, int(busy_timeout_s))}
    return create_engine(url, connect_args=arguments, max_overflow=-1, pool_pre_ping=True)


def _open_sqlite(url: URL, busy_timeout_s: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s, "isolation_level": None}, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def tune(connection: sqlite3.Connection, _: object) -> None:
        # A page holds several blocks of facts: on smaller ones a fifth stays empty. Only a new file takes it.
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        _use_wal(connection, time.monotonic() + busy_timeout_s)
        # In WAL mode NORMAL syncs at checkpoints only, so a power loss takes back the newest commits: a transaction
        # that was recorded, then sent, would be signed a second time. FULL syncs the log at every commit.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={WAL_BYTES // PAGE_BYTES}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock before it reads: a reader that turns into a writer fails when another was faster.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Switches to the write-ahead log, once per file; SQLite does not wait for others here, so we do."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(WAL_SWITCH_RETRY_S)
        else:
            return
