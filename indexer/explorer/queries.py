"""What others may ask of the explorer: keys and filters come in, rows go out, each call at one moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import duckdb

from .aggregates import ACCOUNTS, JOBS, MODELS, NODES, RECEIPTS
from .counting import Count, count
from .database import Shelf
from .digests import BlockDigest, digest_at
from .filters import (
    EventFilter,
    Filter,
    JobFilter,
    ModelFilter,
    NodeFilter,
    ReceiptFilter,
    SampleFilter,
    TransactionFilter,
    Where,
    conditions,
)
from .leaders import LeaderRow, Leading, Period, page_of, read_leaders
from .listing import LIMIT_MAX, At, Page, one, page
from .moments import Moment, Present, moment, present
from .ordering import Order
from .outcomes import EndingsRow, Outcomes, count_endings, read_outcomes
from .pasts import Pasts
from .periods import PeriodRow, Span, read_periods
from .progress import Progress, read_progress
from .records import BLOCKS, EVENTS, INTEGRITY, NODE_SAMPLES, PARKED, REORGS, TRANSACTIONS
from .rows import (
    AccountRow,
    BlockRow,
    EventRow,
    Head,
    IntegrityRow,
    JobRow,
    ModelRow,
    NodeRow,
    ParkedRow,
    ReceiptRow,
    ReconciliationRow,
    ReorgRow,
    SampleRow,
    StatsRow,
    TransactionRow,
)
from .search import Hit, Names, blocks_of, search
from .soundness import Soundness, integrity_of, read_soundness, reorgs_of, was_dropped
from .statements import EntryRow, read_statement
from .stats import Incidents, read_incidents, read_stats, read_stats_at
from .table import Table
from .tables import OVERLAID
from .totals import TotalsRow, read_totals
from .waiting import Waiters

LIMIT = 50
COUNTED_MAX = 10_000
PASTS_COUNTED = 16
LEADERS_KEPT = 16
MOMENTS_MAX = 256

_JOBS = Order(JOBS, ("job_id",))
_RECEIPTS = Order(RECEIPTS, ("job_id",))
_NODES = Order(NODES, ("address",), descending=False)
_MODELS = Order(MODELS, ("model_id",), descending=False)
_ACCOUNTS = Order(ACCOUNTS, ("address",), descending=False)
_BLOCKS = Order(BLOCKS, ("number",))
_TRANSACTIONS = Order(TRANSACTIONS, ("block", "index"))
_EVENTS = Order(EVENTS, ("block", "log_index"))
_PARKED = Order(PARKED, ("block", "log_index"))
_SAMPLES = Order(NODE_SAMPLES, ("sampled_at", "node"))
_REORGS = Order(REORGS, ("reorg",))
_INTEGRITY = Order(INTEGRITY, ("first",))


class Queries:
    """Pages are newest first, or by name for nodes, models and accounts; `after` is the `next` of the page before.

    Those of `as_of` tell what the chain had said up to a block; telemetry, documents and finality are those of now.
    """

    def __init__(
        self, shelf: Shelf, waiters: Waiters, pasts: Pasts, names: Names, asked: int | str | None = None
    ) -> None:
        self._shelf = shelf
        self._waiters = waiters
        self._pasts = pasts
        self._names = names
        self._asked = asked
        self._meant: dict[int | str, tuple[Present, Moment]] = {}
        self._stats: tuple[Progress, StatsRow] | None = None
        self._past_stats: dict[int, tuple[StatsRow, Head, StatsRow]] = {}
        self._leaders: dict[tuple[Period, int, str, int], tuple[LeaderRow, ...]] = {}
        self._newest = self

    def as_of(self, block: int | str) -> "Queries":
        """The same questions, answered as after this block, by number or hash. The answers may raise BadMoment."""
        past = Queries(self._shelf, self._waiters, self._pasts, self._names, block)
        past._newest = self._newest
        return past

    def head(self) -> Head:
        """The newest block shown, or the one that is asked for, with what is final now."""
        with self._shelf.moment() as cursor:
            now = present(cursor)
            return now.head if self._asked is None else self._moment(cursor, now).head

    def position(self) -> int:
        """How far the ledger was taken in."""
        with self._shelf.reading() as cursor:
            return read_progress(cursor).position

    def job(self, job_id: int) -> JobRow | None:
        return cast("JobRow | None", self._one(JOBS, job_id=job_id))

    def jobs(self, where: JobFilter | None = None, after: str | None = None, limit: int = LIMIT) -> Page[JobRow]:
        return self._page(_JOBS, where, after, limit)

    def receipt(self, job_id: int) -> ReceiptRow | None:
        return cast("ReceiptRow | None", self._one(RECEIPTS, job_id=job_id))

    def receipts(
        self, where: ReceiptFilter | None = None, after: str | None = None, limit: int = LIMIT
    ) -> Page[ReceiptRow]:
        return self._page(_RECEIPTS, where, after, limit)

    def node(self, address: str) -> NodeRow | None:
        return cast("NodeRow | None", self._one(NODES, address=address.lower()))

    def nodes(self, where: NodeFilter | None = None, after: str | None = None, limit: int = LIMIT) -> Page[NodeRow]:
        return self._page(_NODES, where, after, limit)

    def model(self, model_id: str) -> ModelRow | None:
        return cast("ModelRow | None", self._one(MODELS, model_id=model_id))

    def models(self, where: ModelFilter | None = None, after: str | None = None, limit: int = LIMIT) -> Page[ModelRow]:
        return self._page(_MODELS, where, after, limit)

    def account(self, address: str) -> AccountRow | None:
        return cast("AccountRow | None", self._one(ACCOUNTS, address=address.lower()))

    def accounts(self, after: str | None = None, limit: int = LIMIT) -> Page[AccountRow]:
        return self._page(_ACCOUNTS, None, after, limit)

    def block(self, number_or_hash: int | str) -> BlockRow | None:
        """A block that touched us, or that is not final yet."""
        if isinstance(number_or_hash, str):
            return cast("BlockRow | None", self._one(BLOCKS, hash=number_or_hash.lower()))
        return cast("BlockRow | None", self._one(BLOCKS, number=number_or_hash))

    def blocks(self, after: str | None = None, limit: int = LIMIT) -> Page[BlockRow]:
        return self._page(_BLOCKS, None, after, limit)

    def transaction(self, hash_: str) -> TransactionRow | None:
        with self._shelf.moment() as cursor:
            blocks = blocks_of(cursor, self._names, hash_.lower())
        if blocks is None:
            return cast("TransactionRow | None", self._one(TRANSACTIONS, hash=hash_.lower()))
        found = (self._one(TRANSACTIONS, hash=hash_.lower(), block=block) for block in blocks)
        return next((cast("TransactionRow", row) for row in found if row), None)

    def transactions(
        self, where: TransactionFilter | None = None, after: str | None = None, limit: int = LIMIT
    ) -> Page[TransactionRow]:
        return self._page(_TRANSACTIONS, where, after, limit)

    def events(self, where: EventFilter | None = None, after: str | None = None, limit: int = LIMIT) -> Page[EventRow]:
        return self._page(_EVENTS, where, after, limit)

    def event(self, block: int, log_index: int) -> EventRow | None:
        return cast("EventRow | None", self._one(EVENTS, block=block, log_index=log_index))

    def reorg(self, number: int) -> ReorgRow | None:
        return cast("ReorgRow | None", self._one(REORGS, reorg=number))

    def samples(self, node: str, after: str | None = None, limit: int = LIMIT) -> Page[SampleRow]:
        """Telemetry of one node."""
        return self._page(_SAMPLES, SampleFilter(node.lower()), after, limit)

    def parked(self, after: str | None = None, limit: int = LIMIT) -> Page[ParkedRow]:
        return self._page(_PARKED, None, after, limit)

    def reorgs(self, after: str | None = None, limit: int = LIMIT) -> Page[ReorgRow]:
        return self._page(_REORGS, None, after, limit)

    def integrity(self, after: str | None = None, limit: int = LIMIT) -> Page[IntegrityRow]:
        return self._page(_INTEGRITY, None, after, limit)

    def rows(self, order: Order, where: Where = (), after: str | None = None, limit: int = LIMIT) -> Page[Any]:
        """Any list, in any of the orders that `lists` names."""
        return self._page(order, where, after, limit)

    def count(self, table: Table, where: Where = (), exact_max: int = COUNTED_MAX) -> Count:
        """How many rows there are; an estimate where there are more than `exact_max`."""
        with self._holding(table) as (cursor, at):
            return count(cursor, table, where, exact_max, at)

    def soundness(self) -> Soundness:
        """What was checked of all blocks, and where that leaves a gap."""
        with self._shelf.moment() as cursor:
            return read_soundness(cursor)

    def integrity_of(self, number: int) -> IntegrityRow | None:
        """What was checked of a block; None while its range is open, or if there is none."""
        with self._shelf.reading() as cursor:
            return integrity_of(cursor, number)

    def reorgs_of(self, number: int) -> tuple[ReorgRow, ...]:
        with self._shelf.reading() as cursor:
            return reorgs_of(cursor, number)

    def was_dropped(self, hash_: str) -> bool:
        """Whether a block of this hash was shown and then reorganised away."""
        with self._shelf.reading() as cursor:
            return was_dropped(cursor, hash_)

    def digest(self, number: int | None = None) -> BlockDigest | None:
        """The newest digest on record, or that of block `number`."""
        with self._shelf.moment() as cursor:
            return digest_at(cursor, number)

    def stats(self) -> StatsRow:
        """Counted once a change, however many ask; for an earlier block, from these by what changed since."""
        with self._looking() as (cursor, at, head):
            if head is None:
                return self._newest._counted(cursor)
            if at is None:
                return read_stats(cursor, head)
            return self._newest._counted_at(cursor, head, at)

    def search(self, text: str, limit: int) -> tuple[Hit, ...]:
        """What a text may name, the best first; of the newest tables, whatever block is asked for."""
        with self._shelf.moment() as cursor:
            return search(cursor, self._names, text, read_progress(cursor).head(), limit)

    def statement(self, address: str, after: str | None = None, limit: int = LIMIT) -> Page[EntryRow] | None:
        """What moved the balances of an address, `limit` events a page; None for an address without books."""
        with self._looking() as (cursor, at, head):
            now = head or read_progress(cursor).head()
            return read_statement(cursor, address.lower(), after, min(limit, LIMIT_MAX), now, at)

    def totals(self) -> tuple[TotalsRow, ReconciliationRow | None]:
        """The books of all addresses added up, and those after the newest block."""
        with self._looking() as (cursor, at, _):
            newest = page(cursor, _BLOCKS, (), None, 1, at).rows
            return read_totals(cursor, at), _reconciled(newest[0]) if newest else None

    def outcomes(self, node: str, window_s: int | None, most: int) -> Outcomes:
        """How the node's jobs ended in the time before the newest block, None for all time."""
        with self._looking() as (cursor, at, head):
            return read_outcomes(cursor, node.lower(), window_s, most, head or read_progress(cursor).head(), at)

    def endings(self, window_s: int | None) -> Sequence[EndingsRow]:
        """Of all nodes how many of each, in the time before the newest block."""
        with self._looking() as (cursor, at, _):
            return count_endings(cursor, window_s, at)

    def periods(self, span: Span, after: str | None = None, limit: int = LIMIT) -> Page[PeriodRow]:
        """What happened in each hour or day in which anything did."""
        with self._looking() as (cursor, at, head):
            return read_periods(cursor, span, after, limit, head or present(cursor).head, at)

    def leaders(self, asked: Leading, after: str | None = None, limit: int = LIMIT) -> Page[LeaderRow]:
        """A ranking of nodes over a period that ends with the head, counted once a head."""
        with self._looking() as (cursor, at, head):
            meant = head or present(cursor).head
            key = asked.period, meant.number, meant.hash, read_progress(cursor).position
            known = self._newest._leaders.get(key)
            if known is None:
                known = read_leaders(cursor, asked.period, meant, at)
                self._newest._leaders = dict([*self._newest._leaders.items(), (key, known)][-LEADERS_KEPT:])
        return page_of(known, asked, after, limit)

    def incidents(self) -> Incidents:
        with self._shelf.moment() as cursor:
            return read_incidents(cursor)

    def reconciliation(self, after: str | None = None, limit: int = LIMIT) -> Page[ReconciliationRow]:
        """The books after each block, newest first; between two blocks shown nothing moved."""
        blocks = self.blocks(after, limit)
        return Page(tuple(_reconciled(block) for block in blocks.rows), blocks.next)

    def reconciliation_at(self, number: int) -> ReconciliationRow | None:
        """The books as they stood after block `number`; None before the first block that touched us."""
        with self._shelf.moment() as cursor:
            found = page(cursor, _BLOCKS, (), None, 1, At(number, number)).rows
        return _reconciled(found[0]) if found else None

    def _one(self, table: Table, **where: Any) -> Any:
        if self._asked is None:
            with self._shelf.reading() as cursor:
                return one(cursor, table, where)
        with self._looking() as (cursor, at, _):
            return one(cursor, table, where, at)

    def _page(self, order: Order, where: Filter | Where | None, after: str | None, limit: int) -> Page[Any]:
        wanted = conditions(where)
        with self._holding(order.table) as (cursor, at):
            return page(cursor, order, wanted, after, limit, at)

    @contextmanager
    def _holding(self, table: Table) -> Iterator[tuple[duckdb.DuckDBPyConnection, At | None]]:
        """One moment of a table; what no block holds has no past."""
        if table in OVERLAID:
            with self._looking() as (cursor, at, _):
                yield cursor, at
        else:
            with self._shelf.moment() as cursor:
                yield cursor, None

    @contextmanager
    def _looking(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, At | None, Head | None]]:
        """Tables that hold what is asked for, the block up to which they count if that is not their newest, and the
        head that stands for the answer if it is not the present one. One moment. Raises BadMoment."""
        with self._shelf.moment() as cursor:
            if self._asked is None:
                yield cursor, None, None
                return
            moment = self._moment(cursor, present(cursor))
            if moment.is_newest:
                yield cursor, None, None
                return
            if moment.is_near:
                yield cursor, At(moment.head.number, moment.head.final), moment.head
                return
        with self._pasts.after(moment.head.number) as cursor:
            yield cursor, None, moment.head

    def _moment(self, cursor: duckdb.DuckDBPyConnection, now: Present) -> Moment:
        """Found once, and again when the head has changed."""
        assert self._asked is not None
        known = self._newest._meant
        found = known.get(self._asked)
        if found is None or found[0] != now:
            found = now, moment(cursor, self._asked, now)
            if len(known) >= MOMENTS_MAX:
                known.clear()
            known[self._asked] = found
        return found[1]

    def _counted(self, cursor: duckdb.DuckDBPyConnection) -> StatsRow:
        progress = read_progress(cursor)
        if self._stats is None or self._stats[0] != progress:
            self._stats = progress, read_stats(cursor, progress.head())
        return self._stats[1]

    def _counted_at(self, cursor: duckdb.DuckDBPyConnection, head: Head, at: At) -> StatsRow:
        now, known = self._counted(cursor), self._past_stats.pop(at.number, None)
        if known is None or known[:2] != (now, head):
            known = now, head, read_stats_at(cursor, now, head, at)
        self._past_stats = dict([*self._past_stats.items(), (at.number, known)][-PASTS_COUNTED:])
        return known[2]


def _reconciled(block: BlockRow) -> ReconciliationRow:
    return ReconciliationRow(
        block=block.number,
        hash=block.hash,
        open_escrow=block.open_escrow,
        credit=block.credit,
        stakes=block.stakes,
        is_final=block.is_final,
    )
