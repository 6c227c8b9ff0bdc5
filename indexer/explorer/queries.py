"""What others may ask of the explorer: keys and filters come in, rows go out, each call at one moment."""

from typing import Any, cast

from msgspec import Struct
from msgspec.structs import asdict

from .aggregates import ACCOUNTS, JOBS, MODELS, NODES, RECEIPTS
from .database import Shelf
from .listing import Order, Page, one, page
from .progress import read_progress
from .records import BLOCKS, EVENTS, INTEGRITY, NODE_SAMPLES, PARKED, REORGS, TRANSACTIONS
from .rows import (
    AccountRow,
    BlockRow,
    EventRow,
    Head,
    IntegrityRow,
    JobRow,
    JobState,
    ModelRow,
    NodeRow,
    NodeState,
    ParkedRow,
    ReceiptRow,
    ReceiptState,
    ReconciliationRow,
    ReorgRow,
    SampleRow,
    StatsRow,
    TransactionRow,
)
from .stats import Incidents, read_incidents, read_stats
from .table import Table
from .waiting import Waiters

LIMIT = 50

_JOBS = Order(JOBS, ("job_id",))
_RECEIPTS = Order(RECEIPTS, ("job_id",))
_NODES = Order(NODES, ("address",), newest_first=False)
_MODELS = Order(MODELS, ("model_id",), newest_first=False)
_ACCOUNTS = Order(ACCOUNTS, ("address",), newest_first=False)
_BLOCKS = Order(BLOCKS, ("number",))
_TRANSACTIONS = Order(TRANSACTIONS, ("block", "index"))
_EVENTS = Order(EVENTS, ("block", "log_index"))
_PARKED = Order(PARKED, ("block", "log_index"))
_SAMPLES = Order(NODE_SAMPLES, ("sampled_at", "node"))
_REORGS = Order(REORGS, ("reorg",))
_INTEGRITY = Order(INTEGRITY, ("first",))


class Filter(Struct, frozen=True):
    """Rows whose columns equal every value that is given."""


class JobFilter(Filter, frozen=True):
    state: JobState | None = None
    controller: str | None = None
    worker: str | None = None
    model_id: str | None = None
    prompt_cid: str | None = None
    requested_tx: str | None = None


class ReceiptFilter(Filter, frozen=True):
    state: ReceiptState | None = None
    worker: str | None = None
    controller: str | None = None
    model_id: str | None = None


class NodeFilter(Filter, frozen=True):
    state: NodeState | None = None


class ModelFilter(Filter, frozen=True):
    is_active: bool | None = None
    model_cid: str | None = None


class TransactionFilter(Filter, frozen=True):
    block: int | None = None
    sender: str | None = None
    recipient: str | None = None


class EventFilter(Filter, frozen=True):
    block: int | None = None
    job_id: int | None = None
    name: str | None = None
    tx_hash: str | None = None


class Queries:
    """Pages are newest first, or by name for nodes, models and accounts; `after` is the `next` of the page before."""

    def __init__(self, shelf: Shelf, waiters: Waiters) -> None:
        self._shelf = shelf
        self._waiters = waiters
        self._stats: tuple[int, StatsRow] | None = None

    def head(self) -> Head:
        with self._shelf.reading() as cursor:
            return read_progress(cursor).head()

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
        return cast("TransactionRow | None", self._one(TRANSACTIONS, hash=hash_.lower()))

    def transactions(
        self, where: TransactionFilter | None = None, after: str | None = None, limit: int = LIMIT
    ) -> Page[TransactionRow]:
        return self._page(_TRANSACTIONS, where, after, limit)

    def events(self, where: EventFilter | None = None, after: str | None = None, limit: int = LIMIT) -> Page[EventRow]:
        return self._page(_EVENTS, where, after, limit)

    def samples(self, node: str, after: str | None = None, limit: int = LIMIT) -> Page[SampleRow]:
        """Telemetry of one node."""
        with self._shelf.moment() as cursor:
            return cast("Page[SampleRow]", page(cursor, _SAMPLES, {"node": node.lower()}, after, limit))

    def parked(self, after: str | None = None, limit: int = LIMIT) -> Page[ParkedRow]:
        return self._page(_PARKED, None, after, limit)

    def reorgs(self, after: str | None = None, limit: int = LIMIT) -> Page[ReorgRow]:
        return self._page(_REORGS, None, after, limit)

    def integrity(self, after: str | None = None, limit: int = LIMIT) -> Page[IntegrityRow]:
        return self._page(_INTEGRITY, None, after, limit)

    def stats(self) -> StatsRow:
        """Counted once a change, however many ask."""
        version = self._waiters.version
        if self._stats is None or self._stats[0] != version:
            with self._shelf.moment() as cursor:
                self._stats = version, read_stats(cursor)
        return self._stats[1]

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
            found = cursor.execute("SELECT max(number) FROM blocks WHERE number <= ?", [number]).fetchall()
            block = one(cursor, BLOCKS, {"number": found[0][0]}) if found[0][0] is not None else None
        return _reconciled(block) if block else None

    def _one(self, table: Table, **where: Any) -> Any:
        with self._shelf.reading() as cursor:
            return one(cursor, table, where)

    def _page(self, order: Order, where: Filter | None, after: str | None, limit: int) -> Page[Any]:
        given = {name: value for name, value in asdict(where).items() if value is not None} if where else {}
        with self._shelf.moment() as cursor:
            return page(cursor, order, given, after, limit)


def _reconciled(block: BlockRow) -> ReconciliationRow:
    return ReconciliationRow(
        block=block.number,
        hash=block.hash,
        open_escrow=block.open_escrow,
        credit=block.credit,
        stakes=block.stakes,
        is_final=block.is_final,
    )
