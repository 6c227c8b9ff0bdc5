"""Blocks to rows: the rows that they touch are loaded, the fold runs in memory, and what changed goes out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import cast

import duckdb
from msgspec import Struct
from msgspec.structs import replace

from domain.facts import BlockFinalised

from .batches import Batch
from .decisions import Place
from .folds import KEYS, Books, Key, Poison, Totals, fold_block, touched
from .recent import Recent
from .rows import BlockRow, JobRow, Row
from .storing import read, shown, store
from .tables import TABLE_OF

Load = Callable[[type[Row], Collection[Key]], list[Row]]
"""Rows as they stand before the fold, by kind and keys."""

NONE_DROPPED: Mapping[Place, str] = MappingProxyType({})


class Folded(Struct, frozen=True):
    """A batch as the rows that it makes: those of `books`, and those of facts that no block holds.

    With `history`, the books also tell what was superseded, and the blocks of the batch still hold their facts.
    """

    batch: Batch
    books: Books
    history: bool

    @property
    def totals(self) -> Totals:
        return self.books.totals


def fold_blocks(
    blocks: Sequence[BlockFinalised],
    totals: Totals,
    load_rows: Load,
    *,
    history: bool = False,
    dropped: Mapping[Place, str] = NONE_DROPPED,
) -> Books:
    """The books after these blocks. A fact that breaks its rule is parked: all the others are folded without it.

    Those that were `dropped` by decision are parked in any case.
    """
    names = touched(blocks)
    before: list[Row] = []
    for kind, keys in names.first().items():
        before += load_rows(kind, keys)
    for kind, keys in names.then([row for row in before if isinstance(row, JobRow)]).items():
        before += load_rows(kind, keys)
    skipped = dict(dropped)
    while True:
        books = Books(totals, history=history, skipped=skipped)
        books.know(before)
        try:
            for block in blocks:
                fold_block(books, block)
        except Poison as poison:
            skipped[poison.place] = poison.reason
        else:
            return books


class Projection:
    """The final rows as far as they are folded, which may be one batch beyond what is written.

    When a batch can not be written, what is known here is wrong: `reset` it to what was.
    """

    def __init__(self, totals: Totals, dropped: Mapping[Place, str] = NONE_DROPPED) -> None:
        self.recent = Recent()
        self.totals = totals
        self._dropped = dropped

    def reset(self, totals: Totals) -> None:
        """Back to what is written, whose totals are these."""
        self.recent.forget()
        self.totals = totals

    def fold(self, cursor: duckdb.DuckDBPyConnection, batch: Batch, *, history: bool = False) -> Folded:
        """The batch upon the final rows; `cursor` reads those that are not in memory."""
        books = fold_blocks(
            batch.blocks,
            self.totals,
            lambda kind, keys: self.recent.load(cursor, kind, keys),
            history=history,
            dropped=self._dropped,
        )
        self.recent.keep(books.changes())
        self.totals = books.totals
        return Folded(batch if history else _emptied(batch), books, history)


def _emptied(batch: Batch) -> Batch:
    """The batch without its facts, which are rows by now: they would fill the memory until those are written."""
    return replace(batch, blocks=tuple([replace(block, transactions=(), occurrences=()) for block in batch.blocks]))


def write(cursor: duckdb.DuckDBPyConnection, folded: Folded) -> None:
    """Writes the rows to `final`; the caller moves the position in the same transaction."""
    store(cursor, "final", folded.books.changes(), folded.books.replaced())
    store(cursor, "final", _by_kind(folded.batch.rows))


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
