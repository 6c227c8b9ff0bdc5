"""Blocks to rows: the rows that they touch are loaded, the fold runs in memory, and what changed goes out."""

from collections.abc import Callable, Collection, Sequence
from typing import cast

import duckdb

from domain.facts import BlockFinalised

from .batches import Batch
from .folds import KEYS, Books, Key, Totals, fold_block, touched_jobs, touched_parties
from .recent import Recent
from .rows import BlockRow, JobRow, Row
from .storing import read, shown, store
from .tables import TABLE_OF

Load = Callable[[type[Row], Collection[Key]], list[Row]]
"""Rows as they stand before the fold, by kind and keys."""


def fold_blocks(blocks: Sequence[BlockFinalised], totals: Totals, load_rows: Load) -> Books:
    """The books after these blocks."""
    books = Books(totals)
    jobs: list[JobRow] = []
    for kind, keys in touched_jobs(blocks).items():
        rows = load_rows(kind, keys)
        books.know(rows)
        jobs += [row for row in rows if isinstance(row, JobRow)]
    for kind, keys in touched_parties(blocks, jobs).items():
        books.know(load_rows(kind, keys))
    for block in blocks:
        fold_block(books, block)
    return books


def project(cursor: duckdb.DuckDBPyConnection, batch: Batch, totals: Totals, recent: Recent) -> Totals:
    """Folds a batch of final facts into `final`; the caller moves the position in the same transaction."""
    books = fold_blocks(batch.blocks, totals, lambda kind, keys: recent.load(cursor, kind, keys))
    changes = books.changes()
    store(cursor, "final", changes)
    store(cursor, "final", _by_kind(batch.rows))
    recent.keep(changes)
    return books.totals


def final_totals(cursor: duckdb.DuckDBPyConnection) -> Totals:
    """The books' totals after the newest final block."""
    table = TABLE_OF[BlockRow]
    newest = cursor.execute(f"SELECT {shown(table)} FROM final.blocks ORDER BY number DESC LIMIT 1").fetchall()
    blocks = cast("list[BlockRow]", read(table, newest))
    return Totals(blocks[0].open_escrow, blocks[0].credit, blocks[0].stakes) if blocks else Totals()


def _by_kind(rows: Sequence[Row]) -> dict[type[Row], list[Row]]:
    """Rows by kind; of rows that replace each other the newest."""
    kinds: dict[type[Row], list[Row]] = {}
    for row in rows:
        kinds.setdefault(type(row), []).append(row)
    return {kind: _newest(found, KEYS[kind]) if kind in KEYS else found for kind, found in kinds.items()}


def _newest(rows: list[Row], key: str) -> list[Row]:
    return list({getattr(row, key): row for row in rows}.values())
