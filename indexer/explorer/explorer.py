"""The explorer's database: the ledger and the tip come in by `refresh`, readable rows go out by `queries`."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from domain.facts import BlockFinalised
from domain.ledger import Ledger, Snapshot, Tip

from .at_hand import AtHand
from .batches import Batch, Stored, batches, weight
from .changes import Changes, Follower, Journal
from .database import Database, Shelf
from .decisions import dropped
from .digests import Digests, base_of
from .errors import LedgerBehind
from .feeding import feed
from .folds import Totals
from .history import History
from .overlay import Overlay
from .pasts import Pasts
from .progress import Progress, advanced, read_progress, with_head, write_progress
from .projecting import Folded, Projection, final_totals, write
from .queries import Queries
from .rows import Head, JobRow, Row, TransactionRow
from .search import Names
from .since import changed_between, settled_between
from .sources import Sources
from .touched import Listener, Touched
from .waiting import Waiters

T = TypeVar("T")

SMALL_EVENTS = 2_000
HISTORY_BLOCKS = 7_200  # a day of Ethereum


def reached(position: int) -> Callable[[Queries], bool]:
    """To wait for a fact that was recorded at `position`."""
    return lambda queries: queries.position() >= position


def holds(transaction: str) -> Callable[[Queries], TransactionRow | None]:
    """To wait for a transaction, by its `0x` hash."""
    return lambda queries: queries.transaction(transaction)


class Explorer:
    """Owns one DuckDB file. Safe to use from many threads: `refresh` takes turns, readers never wait."""

    def __init__(
        self,
        path: Path,
        ledger: Ledger,
        tip: Tip,
        *,
        coordinator: str = "",
        batch_events: int = 12_500,
        memory_limit_mib: int = 128,
        threads: int = 2,
        history_blocks: int = HISTORY_BLOCKS,
    ) -> None:
        self.path = path
        self.ledger = ledger
        self.sources = Sources(tip.chain_id, coordinator.lower())
        self._tip = tip
        self.batch_events = batch_events
        self._limits = (memory_limit_mib, threads)
        self._turn = threading.RLock()
        self._waiters = Waiters()
        self.dropped = dropped(ledger, tip.chain_id)
        self._projection = Projection(Totals(), self.dropped)
        self._history = History(history_blocks)
        self._journal = Journal()
        self._followers: tuple[Follower, ...] = ()
        self._overlay = Overlay(self._projection.recent, self._history, self._journal)
        self._digests = Digests()
        self._tip_version = -1
        self._listeners: list[Listener] = []
        self._shelf = Shelf(self.open_beside(path))
        self._reopened = 0
        folder = path.with_name(f"{path.stem}.pasts")
        self._pasts = Pasts(folder, ledger, self.sources, self._shelf.reading)
        self.names = Names(path.with_suffix(".names"), self._shelf.moment)
        self.at_hand = AtHand(path.with_name(f"{path.stem}.rows"))
        self.queries = Queries(self._shelf, self._waiters, self._pasts, self.names)
        try:
            self._progress, self._totals = self._resume()
        except BaseException:
            self._shelf.current.close()
            raise

    @property
    def version(self) -> int:
        """Grows whenever something readable changed."""
        return self._waiters.version

    @property
    def position(self) -> int:
        """How far the ledger was taken in."""
        return self._progress.position

    def head(self) -> Head:
        return self._progress.head()

    def refresh(self, newest: BlockFinalised | None = None, in_hand: Sequence[Stored] = ()) -> int:
        """Takes in what the ledger and the tip hold now. Returns how many rows a reorg took back from readers.

        `newest` is the newest block that the caller saw; it dates the head where the ledger keeps no such block.
        `in_hand` are facts that the caller recorded just now: they are not read back from the ledger.
        """
        with self._turn:
            self._know_the_file()
            snapshot = self._tip.snapshot()
            most = max(self.batch_events, weight(in_hand))  # what is in memory anyway is one batch
            coming = batches(self.ledger, self.sources, self.position, most, in_hand=in_hand)
            try:
                last = feed(coming, self._fold, lambda folded: self._commit(folded, None, newest))
                if last or snapshot.version != self._tip_version or not self._overlay.is_known:
                    return self._commit(self._fold(last) if last else None, snapshot, newest)
            except BaseException:
                self._overlay.forget()
                self._journal.lose()
                self._history.forget()
                self._digests.forget()
                self._projection.reset(self._totals)
                raise
            return 0

    def wait_for(self, found: Callable[[Queries], T | None], timeout_s: float) -> T | None:
        """What `found` finds, as soon as it finds anything; what it found last when the time is up."""
        return self._waiters.until(lambda: found(self.queries), timeout_s)

    async def wait_for_async(self, found: Callable[[Queries], T | None], timeout_s: float) -> T | None:
        """The same for a coroutine."""
        return await self._waiters.until_async(lambda: found(self.queries), timeout_s)

    async def changed(self, after: int, timeout_s: float) -> int:
        """The version as soon as it is above `after`, or as it is when the time is up."""
        return await self._waiters.changed(after, timeout_s)

    def listen(self, listener: Listener) -> None:
        """`listener` is told of what each commit changed, by the thread that made it: what it knows is out of date
        before the new head is shown."""
        self._listeners.append(listener)

    def follow(self, follower: Follower) -> Callable[[], None]:
        """`follower` is told of every row that each commit changed, by the thread that made it, once the new head is
        shown. Returns what ends that."""
        self._followers = (*self._followers, follower)

        def end() -> None:
            self._followers = tuple(each for each in self._followers if each is not follower)

        return end

    def changed_between(self, after: int, upto: int) -> tuple[Row, ...]:
        """Rows whose last change lies above block `after`, up to `upto`, as they are now."""
        with self._shelf.moment() as cursor:
            return tuple(changed_between(cursor, after, upto))

    def settled_between(self, after: int, upto: int) -> tuple[Row, ...]:
        """The same of final blocks alone, whatever unfinal ones have changed again."""
        with self._shelf.moment() as cursor:
            return tuple(settled_between(cursor, after, upto))

    def snapshot(self, to: Path) -> None:
        """A consistent copy of the whole database in a file of its own, made while everything goes on."""
        self._shelf.current.snapshot(to)

    @property
    def database(self) -> Database:
        return self._shelf.current

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is taken in meanwhile; readers go on."""
        with self._turn:
            self.refresh()
            yield

    def adopt(self, database: Database) -> None:
        """Shows `database`, which holds the same position, in place of the one before. Only while `paused`."""
        with database.writing() as cursor:
            totals = final_totals(cursor)
            projection = Projection(totals, self.dropped)
            history = self._history.beside()
            overlay = Overlay(projection.recent, history, self._journal)
            overlay.settle(cursor, self._progress.final_number, self._progress.final_number)
            overlay.follow(cursor, self._overlay.blocks, totals)
            write_progress(cursor, self._progress)
            self._digests.resume(cursor)
        self._overlay, self._projection, self._totals, self._history = overlay, projection, totals, history
        self._shelf.swap(database)
        self._reopened = database.reopened
        self.names.doubt()
        self.at_hand.begin_anew()
        self._tell(Touched(everything=True))
        self._journal.discard()
        self._show(Changes(self.head(), self.position, is_whole=False))

    @property
    def keeps_digests(self) -> bool:
        """Whether each block that becomes final gets its digest."""
        return self._digests.is_known

    def keep_digests(self) -> None:
        """Adds up the tables as they stand, and from then on what each block changes; others go on meanwhile.

        For when the chain's head is reached: a backfill ends it.
        """
        with ExitStack() as stack:
            with self._turn:
                if self._digests.wants_history:
                    return
                cursor = stack.enter_context(self._shelf.current.apart())
                self._digests.watch()
            try:
                base = base_of(cursor)
                with self._turn, self._shelf.current.writing() as writer:
                    self._digests.settle(writer, base)
            except BaseException:
                self._digests.forget()
                raise
            self._digests.committed()

    def keep_rows(self) -> None:
        """Brings the rows at hand up to the final ones, while others go on; from then on they follow each commit."""
        while True:
            with self._shelf.current.apart() as cursor:
                taken = self.at_hand.catch_up(cursor)
            if taken <= SMALL_EVENTS:
                break
        with self._turn, self._shelf.current.apart() as cursor:
            self.at_hand.catch_up(cursor)
            self.at_hand.begin(self._overlay.rows(JobRow))

    def open_beside(self, path: Path) -> Database:
        """Another database of the same chain, under the same limits."""
        return Database(path, self._tip.chain_id, *self._limits)

    def close(self) -> None:
        with self._turn:
            self.names.close()
            self._pasts.close()
            self.at_hand.close()
            self._shelf.current.close()

    def _resume(self) -> tuple[Progress, Totals]:
        """Unfinal rows of an earlier run may be of blocks that were dropped since: they are folded anew."""
        with self._shelf.current.writing() as cursor:
            before = read_progress(cursor)
            if before.position > self.ledger.position():
                raise LedgerBehind(
                    f"explorer database {self.path} holds position {before.position}, the ledger ends at "
                    f"{self.ledger.position()}: name the ledger it was made from, or move the file away"
                )
            self._overlay.settle(cursor, before.final_number, before.final_number)
            self._digests.resume(cursor)
            progress = with_head(before, None, ())
            write_progress(cursor, progress)
            totals = final_totals(cursor)
            self._projection.reset(totals)
            return progress, totals

    def _know_the_file(self) -> None:
        """After it was opened anew: the commit that was told as failed by then was none, but memory does not know."""
        reopened = self.database.reopened
        if reopened != self._reopened:
            self._progress, self._totals = self._resume()
            self._tip_version, self._reopened = -1, reopened
            self.names.doubt()
            self.at_hand.doubt()
            self._tell(Touched(everything=True))

    def _fold(self, batch: Batch) -> Folded:
        wanted = self._history.is_kept or self._digests.wants_history
        history = wanted and sum(len(b.occurrences) for b in batch.blocks) <= SMALL_EVENTS
        with self._shelf.current.reading() as cursor:
            return self._projection.fold(cursor, batch, history=history)

    def _commit(self, folded: Folded | None, snapshot: Snapshot | None, newest: BlockFinalised | None) -> int:
        """One transaction: final facts, the tip over them, and how far both have come."""
        batch = folded.batch if folded else None
        recorded = batch.blocks if batch else ()
        totals = folded.totals if folded else self._totals
        progress = advanced(self._progress, batch, snapshot.final if snapshot else None)
        retracted = 0
        if not self._overlay.is_known:
            self._journal.lose()
        with self._shelf.current.writing() as cursor:
            if folded:
                write(cursor, folded)
            level = folded.books if folded and folded.history else None
            self._digests.took(cursor, recorded, level)
            before = self._progress.final_number
            superseded = level.superseded if level else None
            is_shown = self._overlay.settle(cursor, before, progress.final_number, recorded, superseded)
            if folded and not is_shown:
                self._journal.took(folded.books)
            if snapshot:
                tip = [block for block in snapshot.blocks if block.number > progress.final_number]
                retracted = self._overlay.follow(cursor, tip, totals)
            progress = with_head(progress, self._overlay.head, (*recorded[-1:], newest))
            self._history.prune(cursor, progress.head_number, progress.final_number)
            write_progress(cursor, progress)
            books, beside = (folded.books, folded.batch.rows) if folded else (None, ())
            changes = self._journal.take(cursor, progress, books, beside)
        self._digests.committed()
        self.names.note(batch.rows if batch else ())
        self.at_hand.follow(folded, self._overlay.rows(JobRow))
        self._tell(_touched(self._overlay.touched(), folded))
        self._progress, self._totals = progress, totals
        self._tip_version = snapshot.version if snapshot else self._tip_version
        self._show(changes)
        return retracted

    def _tell(self, touched: Touched) -> None:
        for listener in self._listeners:
            listener(touched)

    def _show(self, changes: Changes) -> None:
        self._waiters.notify()
        for follower in self._followers:
            follower(changes)


def _touched(touched: Touched, folded: Folded | None) -> Touched:
    """What the tip changed, and with it what became final."""
    if folded:
        touched.fold(folded.books)
        for row in folded.batch.rows:
            touched.rows(type(row), (row,))
    return touched
