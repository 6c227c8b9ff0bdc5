"""What can go wrong between a fact and its place in the ledger: database faults come in, one clear error each goes out.

LedgerError
├── BadLedgerUrl         the URL names no database that we can use
├── LedgerUnreachable    the database did not answer, or the folder of its file does not exist
├── LedgerReadOnly       it answered, and refuses to be written to
├── LedgerFull           its disk is full
├── LedgerBusy           another writer held it for longer than the timeout
├── LedgerDamaged        the file is no database, or a broken one
├── UnreadableFact       a stored fact has a tag or a shape that this version does not know
└── Conflict             somebody else took that place in the stream first
"""

import sqlite3
from collections.abc import Sequence

from eventsourcing.persistence import IntegrityError, StoredEvent
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

SQLITE_PRIMARY_CODE = 0xFF  # the lower byte; the upper ones say where inside SQLite it happened
POSTGRES_DISK_FULL = "53100"
POSTGRES_READ_ONLY = frozenset({"25006", "42501"})
POSTGRES_GONE = ("08", "28", "3D", "57P")  # connection, authorisation, no such database, shutting down
POSTGRES_LOCK_TIMEOUT = frozenset({"55P03", "57014"})


class LedgerError(Exception):
    """Root of everything the ledger raises."""


class BadLedgerUrl(LedgerError):
    """The URL names no database that we can use."""


class LedgerUnreachable(LedgerError):
    """The database did not answer, or the folder of its file does not exist."""


class LedgerReadOnly(LedgerError):
    """The database refuses to be written to."""


class LedgerFull(LedgerError):
    """The disk of the database is full; nothing was recorded."""


class LedgerBusy(LedgerError):
    """Another writer held the database for longer than the timeout; nothing was recorded."""


class LedgerDamaged(LedgerError):
    """The file is no database, or a broken one."""


class UnreadableFact(LedgerError):
    """A stored fact has a tag or a shape that this version does not know."""


class Conflict(LedgerError, IntegrityError):
    """Somebody else took that place in the stream first; nothing was recorded."""

    def __init__(self, events: Sequence[StoredEvent]) -> None:
        first, last = events[0], events[-1]
        places = f"{first.originator_id} version {first.originator_version}"
        if len(events) > 1:
            places = f"one of {len(events)} places ({places} to {last.originator_id} version {last.originator_version})"
        super().__init__(f"{places} is already taken: read the stream again and decide anew")


def explain(fault: SQLAlchemyError | sqlite3.Error, url: str) -> LedgerError | None:
    """The error of ours that says what a fault of the database means and what to do; None for a fault of the caller."""
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    if isinstance(cause, sqlite3.Error):
        return _explain_sqlite(cause, url)
    if isinstance(cause, SQLAlchemyError):
        return None
    return _explain_postgres(cause, url)


def _explain_sqlite(cause: sqlite3.Error, url: str) -> LedgerError | None:
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & SQLITE_PRIMARY_CODE
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return LedgerFull(f"ledger {url}: {cause}: the disk is full or failing; free space beside the file, then go on")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return LedgerReadOnly(f"ledger {url}: {cause}: make the file and its folder writable for this user")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return LedgerBusy(f"ledger {url}: {cause}: another process holds it; raise busy_timeout_s or stop that process")
    if code == sqlite3.SQLITE_CANTOPEN:
        return LedgerUnreachable(f"ledger {url}: {cause}: create the folder of the file, or name another file")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return LedgerDamaged(f"ledger {url}: {cause}: restore it from a backup, or name another file and index again")
    return None


def _explain_postgres(cause: BaseException | None, url: str) -> LedgerError | None:
    state = getattr(cause, "sqlstate", None)
    if state == POSTGRES_DISK_FULL:
        return LedgerFull(f"ledger {url}: {cause}: free disk space on the database server, then go on")
    if state in POSTGRES_READ_ONLY:
        return LedgerReadOnly(f"ledger {url}: {cause}: use the primary server and a user who may write")
    if state in POSTGRES_LOCK_TIMEOUT:
        return LedgerBusy(f"ledger {url}: {cause}: another process holds it; raise busy_timeout_s or stop that process")
    if state is None or state.startswith(POSTGRES_GONE):
        return LedgerUnreachable(f"ledger {url}: {cause}: check host, port, database name and password")
    return None
