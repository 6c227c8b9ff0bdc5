"""A ledger in use comes in, a whole copy of one moment of it goes out, into a file or a database that is empty.

A file is copied by SQLite's own backup, page by page, while writers go on. Between two kinds of database the rows are
copied, read in one transaction and written in one. Either way the copy is a ledger like any other.
"""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, MetaData, Table, func, insert, select

from domain.faultpoints import reach

from . import recorder, tip
from .errors import LedgerError, explain
from .ledger import Ledger

ROWS_AT_ONCE = 2_000


class LedgerOccupied(LedgerError):
    """What should become a copy holds facts already."""


def copy_to_file(ledger: Ledger, path: Path) -> None:
    """Copies the ledger into a new SQLite file. Raises LedgerOccupied if there is a file already."""
    if path.exists():
        raise LedgerOccupied(f"{path} exists: name a file that does not, or move it away")
    if ledger.database.file:
        _copy_pages(Path(ledger.database.file), path)
    else:
        copy = Ledger(f"sqlite:///{path}")
        try:
            copy_rows(ledger, copy)
        finally:
            copy.close()
    reach("ledger.copied")


def copy_rows(source: Ledger, target: Ledger) -> None:
    """Copies every row into an empty ledger, all or none. Raises LedgerOccupied."""
    for schema in _schemas():
        target.database.create(schema)
    with source.database.reading() as from_, target.database.writing() as to:
        for table in _tables():
            if to.scalar(select(func.count()).select_from(table)):
                raise LedgerOccupied(f"ledger {target.database.name} holds facts already: name an empty database")
            _copy_table(from_, to, table)


def _copy_table(from_: Connection, to: Connection, table: Table) -> None:
    query = select(table).order_by(*table.primary_key.columns)
    with from_.execution_options(yield_per=ROWS_AT_ONCE).execute(query) as rows:
        for piece in rows.mappings().partitions(ROWS_AT_ONCE):
            to.execute(insert(table), [dict(row) for row in piece])


def _copy_pages(source: Path, target: Path) -> None:
    try:
        with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as from_, sqlite3.connect(target) as to:
            from_.backup(to)  # in one step: piece by piece it would begin anew after each write of others
        from_.close()
        to.close()
    except sqlite3.Error as fault:
        raise explain(fault, str(target)) or fault from fault


def _schemas() -> tuple[MetaData, ...]:
    return recorder.schema, tip.schema


def _tables() -> list[Table]:
    return [table for schema in _schemas() for table in schema.sorted_tables]
