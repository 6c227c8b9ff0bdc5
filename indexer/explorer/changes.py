"""What a commit does to the rows that readers see: noted while it happens, handed to those who listen when it is done.

Rows are told as they were shown before and as they are shown after. So a row that only becomes final is no change: who
follows knows by the head which blocks are final.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import duckdb
from msgspec import Struct

from .aggregates import RECEIPTS
from .documents import with_documents
from .folds import KEYS, Books, Key
from .listing import one
from .progress import Progress
from .rows import AccountRow, BlockRow, DocumentRow, Head, JobRow, ModelRow, NodeRow, ReceiptRow, Row
from .storing import load
from .tables import TABLE_OF

ROWS_MAX = 5_000
"""A commit of more is a backfill: nobody follows it row by row."""

NAMES: dict[type[Row], str] = {
    kind: KEYS.get(kind, "number") for kind in (BlockRow, JobRow, ReceiptRow, NodeRow, ModelRow, AccountRow)
}
"""The kinds of row that are told of, and the field that names each row."""

Place = tuple[type[Row], Key]


class Changed(Struct, frozen=True):
    """One row. `before` is None for a new one, `after` for one that is gone; a reorg took back what `is_dropped`."""

    before: Row | None
    after: Row | None
    is_dropped: bool = False


class Changes(Struct, frozen=True):
    """All that one commit changed. If it was not followed row by row, it is not `is_whole`: all is to be read anew.

    `position` is how far the ledger was taken in; `settled` are the final rows that were written, whether they were
    shown before or not.
    """

    head: Head
    position: int
    rows: tuple[Changed, ...] = ()
    settled: tuple[Row, ...] = ()
    is_whole: bool = True


Follower = Callable[[Changes], None]


class Journal:
    """Notes of one commit after the other; `take` ends one."""

    def __init__(self) -> None:
        self._is_whole = True
        self._before: dict[Place, Row | None] = {}
        self._after: dict[Place, Row | None] = {}
        self._dropped_from: int | None = None

    def took(self, books: Books) -> None:
        """Rows that are shown as they are now."""
        if books.size > ROWS_MAX:
            self.lose()
            return
        for before, after in books.steps():
            place = _place(after)
            self._before.setdefault(place, before)
            self._after[place] = after

    def lost(self, rows: Iterable[Row], dropped_from: int | None = None) -> None:
        """Rows that show no more, but for what lay under them; a reorg drops those from a block on."""
        for row in rows:
            self._before.setdefault(_place(row), row)
            self._after[_place(row)] = None
        if dropped_from is not None:
            self._dropped_from = min(dropped_from, self._dropped_from or dropped_from)

    def lose(self) -> None:
        """Something happened that nobody noted."""
        self._is_whole = False

    def take(
        self, cursor: duckdb.DuckDBPyConnection, progress: Progress, settled: Books | None, beside: Iterable[Row]
    ) -> Changes:
        """What was noted since the last time. `cursor` sees what the commit writes: `settled`, and rows of no block."""
        jobs = [row.job_id for row in beside if isinstance(row, DocumentRow)]
        size = len(self._after) + len(jobs) + (settled.size if settled else 0)
        if not self._is_whole or size > ROWS_MAX:
            self.discard()
            return Changes(progress.head(), progress.position, is_whole=False)
        documented = [row for job_id in jobs if (row := one(cursor, RECEIPTS, {"job_id": job_id}))]
        rows = [*self._changed(cursor), *(Changed(row, row) for row in documented)]
        written = [after for _, after in settled.steps()] if settled else []
        self.discard()
        return _told(cursor, progress, rows, [*written, *(row for row in documented if row.is_final)])

    def discard(self) -> None:
        """What follows is noted anew."""
        self._is_whole, self._dropped_from = True, None
        self._before, self._after = {}, {}

    def _changed(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[Changed]:
        under = self._under(cursor)
        for place, after in self._after.items():
            before, after = self._before[place], after or under.get(place)
            if before != after:
                yield Changed(before, after, before is not None and self._is_dropped(before))

    def _is_dropped(self, row: Row) -> bool:
        return self._dropped_from is not None and block_of(row) >= self._dropped_from

    def _under(self, cursor: duckdb.DuckDBPyConnection) -> dict[Place, Row]:
        """The final rows that show again where the tip's are gone."""
        gone: dict[type[Row], list[Key]] = {}
        for (kind, key), after in self._after.items():
            if after is None and kind in KEYS:
                gone.setdefault(kind, []).append(key)
        return {_place(row): row for kind, keys in gone.items() for row in load(cursor, "final", kind, keys)}


def block_of(row: Row) -> int:
    """The block that last changed it."""
    block: int = getattr(row, TABLE_OF[type(row)].block or "")
    return block


def key_of(row: Row) -> Key:
    """What names it among its kind."""
    key: Key = getattr(row, NAMES[type(row)])
    return key


def _place(row: Row) -> Place:
    return type(row), key_of(row)


def _told(cursor: duckdb.DuckDBPyConnection, progress: Progress, rows: list[Changed], written: list[Row]) -> Changes:
    """The same rows as readers of the tables are shown them: with their finality, and receipts with their documents."""
    head = progress.head()
    shown = {id(row): _dated(row, head) for row in [*written, *(each.after for each in rows)] if row is not None}
    with_documents(cursor, [row for row in shown.values() if type(row) is ReceiptRow])
    changed = (Changed(each.before, shown.get(id(each.after)), each.is_dropped) for each in rows)
    return Changes(head, progress.position, tuple(changed), tuple(shown[id(row)] for row in written))


def _dated(row: Any, head: Head) -> Row:
    own: Row = copy.copy(row)
    own.is_final = block_of(row) <= head.final  # type: ignore[attr-defined]
    return own
