"""What can go wrong between the explorer and its file.

ExplorerError
├── DatabaseInUse        another process holds the file
├── DatabaseDamaged      the file is no database, or a broken one
├── OtherDatabase        the file holds another chain, or another version of the tables
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


class OtherDatabase(ExplorerError):
    pass


class LedgerBehind(ExplorerError):
    pass


class BadCursor(ExplorerError):
    pass


def explain(fault: duckdb.Error, path: str) -> ExplorerError:
    """The fault of opening `path`, in words that say what to do."""
    text = str(fault)
    if "lock" in text.lower():
        return DatabaseInUse(
            f"explorer database {path} is open in another process: stop that one, or read a snapshot of it ({text})"
        )
    return DatabaseDamaged(
        f"explorer database {path} can not be opened: move it away and start again, it is built anew from the ledger "
        f"({text})"
    )
