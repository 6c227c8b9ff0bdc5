"""Jobs that no DuckDB is asked for: the tip's are in memory, the final ones in a file of rows that follows each commit.

Readers get them as of the newest commit. While there is much to catch up with, nothing is at hand.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from copy import copy
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb

from .aggregates import JOBS
from .filters import Where
from .folds import Key
from .listing import LIMIT_MAX, Page
from .ordering import Order, make_cursor, open_cursor
from .projecting import Folded
from .rowfile import Reach, RowFile, remove
from .rows import JobRow, Row
from .storing import read, shown
from .tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from .explorer import Explorer

log = logging.getLogger(__name__)

HOLDERS = ("controller", "worker")
PIECE_ROWS = 2_048
LOOK_EVERY_S = 1.0
FACTS_A_LOOK = 50
"""What comes in more slowly than this comes in at the head."""


class NotAtHand(Exception):
    """The tables must be asked."""


class Rows:
    """As of one commit: the tip's jobs in memory, and the final ones. What it cannot tell raises NotAtHand."""

    def __init__(self, tip: Mapping[Key, Row], final: RowFile) -> None:
        unfinal = [_unfinal(cast("JobRow", row)) for row in tip.values()]
        self._tip = {row.job_id: row for row in sorted(unfinal, key=_age)}
        self._final = final

    def __getattr__(self, name: str) -> Any:
        raise NotAtHand(name)

    def job(self, job_id: int) -> JobRow | None:
        return self._tip.get(job_id) or cast("JobRow | None", self._final.one(job_id))

    def rows(self, order: Order, where: Where = (), after: str | None = None, limit: int = LIMIT_MAX) -> Page[Any]:
        """Jobs, newest first; all of them or those of one controller or one worker."""
        if order.table is not JOBS or order.columns != ("job_id",) or not order.descending:
            raise NotAtHand(order.name)
        limit = max(1, min(limit, LIMIT_MAX))
        below = int(open_cursor(order, after)[0]) if after else None
        rows = list(islice(self._newest(below, *_holder(where)), limit + 1))
        following = make_cursor(order, rows[limit - 1]) if len(rows) > limit else None
        return Page(tuple(rows[:limit]), following)

    def _newest(self, below: int | None, holder: str | None, address: str) -> Iterator[JobRow]:
        """What lies in the tip hides what is final of the same job."""
        tip = [
            row
            for key, row in self._tip.items()
            if (below is None or key < below) and (holder is None or getattr(row, holder) == address)
        ]
        final = cast("Iterator[JobRow]", self._final.newest(below, holder, address))
        return merge(tip, (row for row in final if row.job_id not in self._tip), key=_age)


class AtHand:
    """Keeps those rows. Who writes holds the explorer's turn; `now` may be taken by anyone at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: RowFile | None = None
        self.now: Rows | None = None

    def catch_up(self, tables: duckdb.DuckDBPyConnection) -> int:
        """Takes in what became final since, of which `tables` must see one moment. Returns how many rows that were."""
        file = self._opened(tables)
        before, newest = file.reach(), _newest_block(tables)
        if newest == before:
            return 0
        found = tables.execute(f"SELECT {shown(JOBS)} FROM final.jobs WHERE block > ?", [before.number])
        taken = 0
        while piece := found.fetchmany(PIECE_ROWS):
            file.write(read(JOBS, piece), before)
            taken += len(piece)
        file.write((), newest)
        return taken

    def begin(self, tip: Mapping[Key, Row]) -> None:
        """From here on each commit is followed; all before it was caught up with."""
        assert self._file is not None
        self.now = Rows(tip, self._file)

    def follow(self, folded: Folded | None, tip: Mapping[Key, Row]) -> None:
        """A commit; one of a backfill ends it. It was made already: whatever fails here must not undo it."""
        if self.now is None or self._file is None:
            return
        if folded and not folded.history:
            self.now = None
            return
        try:
            if folded and folded.batch.blocks:
                block = folded.batch.blocks[-1]
                self._file.write(folded.books.jobs.changed.values(), Reach(block.number, "0x" + block.hash.hex()))
        except sqlite3.Error as fault:
            log.warning("rows are not kept at hand for now: %s", fault)
            self.now = None
        else:
            self.now = Rows(tip, self._file)

    def doubt(self) -> None:
        """The tables may not hold what was followed: nothing is at hand before that was looked at."""
        self.close()
        self._file = None

    def begin_anew(self) -> None:
        """Other tables took the place of those that were followed."""
        self.doubt()
        remove(self._path)

    def close(self) -> None:
        self.now = None
        if self._file is not None:
            self._file.close()

    def _opened(self, tables: duckdb.DuckDBPyConnection) -> RowFile:
        """What is of other tables, or of blocks that these do not hold, is made anew."""
        if self._file is None:
            self._file = RowFile(self._path, JOBS, HOLDERS, SCHEMA_VERSION)
            reach = self._file.reach()
            known = tables.execute("SELECT hash FROM final.blocks WHERE number = ?", [reach.number]).fetchall()
            if reach.number >= 0 and known != [(reach.hash,)]:
                self._file.clear()
        return self._file


async def keeping_rows(explorer: "Explorer", look_every_s: float = LOOK_EVERY_S) -> None:
    """Begins whenever the explorer is level with the chain and has nothing at hand; a backfill ends it."""
    before = explorer.position
    while True:
        await asyncio.sleep(look_every_s)
        gained, before = explorer.position - before, explorer.position
        if explorer.at_hand.now is None and gained <= FACTS_A_LOOK:
            try:
                await asyncio.to_thread(explorer.keep_rows)
            except (sqlite3.Error, duckdb.Error) as fault:
                log.warning("rows are not kept at hand for now: %s", fault)


def _holder(where: Where) -> tuple[str | None, str]:
    if not where:
        return None, ""
    condition = where[0]
    if len(where) > 1 or condition.operator != "=" or len(condition.columns) != 1 or len(condition.values) != 1:
        raise NotAtHand(str(where))
    column, value = condition.columns[0], condition.values[0]
    if column not in HOLDERS or not isinstance(value, str):
        raise NotAtHand(column)
    return column, value


def _unfinal(row: JobRow) -> JobRow:
    """Rows are handed out as they lie in the tip, and nobody may change those."""
    seen = copy(row)
    seen.is_final = False
    return seen


def _age(row: JobRow) -> int:
    """The newest first."""
    return -row.job_id


def _newest_block(tables: duckdb.DuckDBPyConnection) -> Reach:
    found = tables.execute("SELECT number, hash FROM final.blocks ORDER BY number DESC LIMIT 1").fetchall()
    return Reach(*found[0]) if found else Reach()
