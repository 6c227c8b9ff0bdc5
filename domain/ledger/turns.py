"""One holder at a time among all processes of a ledger: a name comes in, the right to act under it goes out, or not.

With PostgreSQL it is an advisory lock of a connection of its own, with SQLite a lock on a file beside the ledger's.
Either ends with the process that holds it, however that one ends.
"""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from .database import Database

GONE_AFTER = "SET tcp_keepalives_idle = 1; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 2"
"""The server learns within three seconds that a holder's machine is gone."""


class Turn(Protocol):
    """The right to act under a name. Not for several threads."""

    def take(self) -> bool:
        """Whether we hold it now."""

    def is_held(self) -> bool:
        """Whether we still do; a server that was away may have given it to another."""

    def holder(self) -> str:
        """Who holds it, in words."""

    def release(self) -> None: ...


def turn_of(database: Database, name: str) -> Turn:
    """The turn of this name among all who use the database."""
    return FileTurn(Path(f"{database.file}.{name}.lock")) if database.file else ServerTurn(database, name)


class FileTurn:
    """A lock on a file, which says whose process it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self) -> bool:
        if self._file is not None:
            return True
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()}".encode(), 0)
        self._file = file
        return True

    def is_held(self) -> bool:
        return self._file is not None

    def holder(self) -> str:
        return self.path.read_text(errors="replace") if self.path.exists() else "nobody"

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class ServerTurn:
    """An advisory lock, held by a connection that does nothing else."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._key = int.from_bytes(hashlib.sha256(f"tallystick {name}".encode()).digest()[:8], "big", signed=True)
        self._connection: Connection | None = None

    def take(self) -> bool:
        if self._connection is not None:
            return self.is_held()
        connection = self._database.connect_alone()
        try:
            connection.execute(text(GONE_AFTER))
            taken = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}))
        except BaseException:
            connection.close()
            raise
        if taken:
            self._connection = connection
        else:
            connection.close()
        return taken

    def is_held(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            self.release()
            return False
        return True

    def holder(self) -> str:
        asked = text(
            "SELECT 'the server''s process ' || pid || coalesce(' for ' || client_addr, '') FROM pg_locks "
            "JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
            "AND (classid::bigint << 32 | objid::bigint) = :key"
        )
        with self._database.reading() as connection:
            return str(connection.scalar(asked, {"key": self._key}) or "nobody")

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
