"""What can go wrong between the explorer and its file.

ExplorerError
├── DatabaseInUse        another process holds the file
├── DatabaseDamaged      the file is no database, or a broken one
├── DatabaseFull         its disk is full; nothing of the transaction was written
├── DatabaseFailed       it gave up after a failed write: the process must open it anew
├── OtherDatabase        the file holds another chain, or another version of the tables
│   └── OlderDatabase     an older version of the tables: they can be built anew from the ledger
├── LedgerBehind         the file is ahead of the ledger: they do not belong together
└── BadCursor            a page was asked for with a cursor of another list
"""

import duckdb


class ExplorerError(Exception):
    """Root of everything the explorer raises."""


class DatabaseInUse(ExplorerError):
    pass


class DatabaseDamaged(ExplorerError):
    pass


class DatabaseFull(ExplorerError):
    pass


class DatabaseFailed(ExplorerError):
    pass


class OtherDatabase(ExplorerError):
    pass


class OlderDatabase(OtherDatabase):
    pass


class LedgerBehind(ExplorerError):
    pass


class BadCursor(ExplorerError):
    pass


def is_cut_off(fault: duckdb.Error) -> bool:
    """Whether DuckDB gave up on the file until it is opened anew: a checkpoint failed, often after a good commit."""
    return not isinstance(fault, duckdb.FatalException) and "has been invalidated" in str(fault)


def explain_write(fault: duckdb.Error, path: str) -> ExplorerError | None:
    """The fault of a write, in words that say what to do; None for a fault of ours."""
    if isinstance(fault, duckdb.FatalException):
        return DatabaseFailed(f"explorer database {path} failed: {fault}: start again, it goes on where it was")
    if "write" in str(fault).lower() or "No space left" in str(fault):
        return DatabaseFull(
            f"explorer database {path}: {fault}: the disk is full or failing; free space beside the file, then go on"
        )
    return None


def explain(fault: duckdb.Error, path: str) -> ExplorerError:
    """The fault of opening `path`, in words that say what to do."""
    text = str(fault)
    if "could not set lock" in text.lower():  # a damaged block is told of with other words
        return DatabaseInUse(
            f"explorer database {path} is open in another process: stop that one, or read a snapshot of it ({text})"
        )
    return DatabaseDamaged(
        f"explorer database {path} can not be opened: move it away and start again, it is built anew from the ledger "
        f"({text})"
    )
