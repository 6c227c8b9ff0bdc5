"""The rules of the fold, each by the history that needs it, and against the contracts' own books."""

import random
from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import jobs
from domain.facts import (
    BlockFinalised,
    ChainFact,
    JobClaimed,
    JobExpired,
    LeaseExpired,
    LogUnreadable,
    Occurrence,
    Transaction,
    Wei,
)
from indexer.explorer.folds import KEYS, Books, Key, Totals, fold_block, hexed
from indexer.explorer.folds.arguments import abi_name
from indexer.explorer.projecting import fold_blocks
from indexer.explorer.rows import AccountRow, EventRow, JobRow, NodeRow, ParkedRow, ReceiptRow, Row, TransactionRow
from tests.indexer.world import COORDINATOR, USERS, WORKERS, Job, World, history

EVENTS_OF_FOUNDING = 8
DECISIONS = st.lists(st.lists(st.integers(0, 2**20), max_size=8), max_size=12)


class Told:
    """A world whose facts are told by hand, and the books after each block."""

    def __init__(self) -> None:
        self.world = World()
        self.books = Books(Totals())
        fold_block(self.books, self.world.found())

    def order(self) -> Job:
        self.world.order(7)
        self.mine()
        return self.world.jobs[1]

    def mine(self) -> None:
        fold_block(self.books, self.world.mine())

    def job(self) -> JobRow:
        row = self.books.get(JobRow, 1)
        assert row
        return row

    def node(self, worker: bytes) -> NodeRow:
        row = self.books.get(NodeRow, hexed(worker))
        assert row
        return row


@pytest.fixture
def told() -> Told:
    return Told()


def test_an_order_is_open_under_the_terms_that_the_contract_fixed(told: Told) -> None:
    job = told.order()
    assert (told.job().state, told.job().escrow, told.job().max_tokens) == ("open", job.escrow, 128)
    assert told.job().refund_to == hexed(job.refund_to)
    assert told.job().reserved_for is None


def test_a_lease_that_ran_out_frees_the_job_and_counts_against_the_worker(told: Told) -> None:
    told.order()
    told.world.claim(1, 0)
    told.mine()
    assert (told.job().state, told.job().worker) == ("claimed", hexed(WORKERS[0]))
    told.world.emit(WORKERS[1], COORDINATOR, LeaseExpired(1, WORKERS[0]), JobClaimed(1, WORKERS[1], 5))
    told.mine()
    assert (told.job().worker, told.job().claims) == (hexed(WORKERS[1]), 2)
    assert (told.node(WORKERS[0]).leases_lost, told.node(WORKERS[1]).claims) == (1, 1)


def test_an_answer_is_pending_until_the_contract_accepts_its_proof(told: Told) -> None:
    told.order()
    told.world.claim(1, 0)
    told.world.respond(1, 3)
    told.mine()
    pending = told.books.get(ReceiptRow, 1)
    assert pending
    assert (pending.state, pending.amount, pending.tx_hash) == ("pending", None, None)
    told.world.settle(1, 50)
    told.mine()
    verified = told.books.get(ReceiptRow, 1)
    assert verified
    assert (verified.state, verified.reason, told.job().state) == ("verified", None, "settled")
    assert verified.block_number == told.world.number


def test_an_answer_without_a_proof_in_time_is_unproven_and_unpaid(told: Told) -> None:
    job = told.order()
    told.world.claim(1, 0)
    told.world.respond(1, 3)
    told.world.expire(1)
    told.mine()
    receipt = told.books.get(ReceiptRow, 1)
    assert receipt
    assert receipt.state == "unproven"
    assert "deadline" in (receipt.reason or "")
    assert (told.node(WORKERS[0]).unproven, told.node(WORKERS[0]).earned) == (1, 0)
    assert told.books.totals.credit == job.escrow


def test_an_expired_job_that_nobody_answered_blames_nobody_for_a_missing_proof(told: Told) -> None:
    told.order()
    told.world.claim(1, 0)
    told.world.expire(1)
    told.mine()
    assert told.books.get(ReceiptRow, 1) is None
    assert (told.node(WORKERS[0]).unproven, told.node(WORKERS[0]).leases_lost) == (0, 1)


def test_a_payment_is_credit_of_the_worker_and_the_rest_of_the_refund_address(told: Told) -> None:
    job = told.order()
    told.world.claim(1, 2)
    told.world.settle(1, 25)
    told.mine()
    worker, payer = (told.books.get(AccountRow, hexed(each)) for each in (WORKERS[2], job.controller))
    refunded = told.books.get(AccountRow, hexed(job.refund_to))
    assert worker
    assert payer
    assert refunded
    assert (worker.credit, worker.earned) == (job.escrow // 4, job.escrow // 4)
    assert (payer.spent, payer.open_escrow) == (job.escrow // 4, 0)
    assert refunded.credit == refunded.refunded == job.escrow - job.escrow // 4


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"worker": WORKERS[1]}, "worker"),
        ({"response_cid": "Qmother"}, "response CID"),
        ({"prompt_cid": "Qmother"}, "prompt CID"),
        ({"model_cid": "Qmother"}, "model CID"),
        ({"verifier_version": 2}, "verifier version"),
        ({"terms": Wei(1)}, "terms"),
        ({"refund": Wei(10**18)}, "amount and refund"),
    ],
)
def test_a_receipt_that_contradicts_its_job_is_failed_and_says_why(
    told: Told, changed: dict[str, object], word: str
) -> None:
    job = told.order()
    told.world.claim(1, 0)
    told.world.respond(1, 3)
    told.world.emit(WORKERS[0], COORDINATOR, replace(told.world.accepted(1, job, 5), **changed))
    told.mine()
    receipt = told.books.get(ReceiptRow, 1)
    assert receipt
    assert receipt.state == "failed"
    assert word in (receipt.reason or "")


def test_offers_end_with_the_registration_under_which_they_were_made(told: Told) -> None:
    told.world.change_offer(0)
    told.mine()
    assert [offer.model_id for offer in told.node(WORKERS[0]).offers] == ["smol"]
    told.world.change_stake(7 * 3)
    told.world.change_stake(0)
    told.mine()
    assert told.node(WORKERS[0]).state == "withdrawn"
    told.world.change_stake(3)
    told.mine()
    assert (told.node(WORKERS[0]).state, told.node(WORKERS[0]).offers) == ("active", ())


@pytest.mark.parametrize(
    "fact",
    [
        JobClaimed(99, WORKERS[0], 5),
        JobExpired(99, WORKERS[0], Wei(5)),
        LogUnreadable("JobClaimed", (b"\x01" * 32,), b"\xff", "3 words too few"),
    ],
)
def test_a_fact_that_contradicts_the_books_is_parked_and_the_rest_goes_on(told: Told, fact: ChainFact) -> None:
    told.world.emit(WORKERS[0], COORDINATOR, fact)
    told.world.order(1)
    told.mine()
    parked = told.books.added[ParkedRow]
    assert [type(row) for row in parked] == [ParkedRow]
    assert told.job().state == "open"
    assert len(told.books.added[EventRow]) == EVENTS_OF_FOUNDING + 3


def test_a_fact_half_of_which_contradicts_the_books_moves_no_money(told: Told) -> None:
    stranger = b"\x77" * 20
    job = told.order()
    totals = told.books.totals
    job.worker = stranger
    told.world.emit(stranger, COORDINATOR, told.world.accepted(1, job, 5))
    told.mine()
    assert told.books.totals == totals
    assert told.job().state == "open"


def test_an_event_of_a_transaction_that_its_block_does_not_name_is_parked() -> None:
    books = Books(Totals())
    fact = JobClaimed(1, WORKERS[0], 5)
    fold_block(books, BlockFinalised(1, b"\x01" * 32, bytes(32), 5, (), (Occurrence(fact, COORDINATOR, 4, 0),)))
    (parked,) = books.added[ParkedRow]
    assert isinstance(parked, ParkedRow)
    assert "no transaction 4" in parked.reason


def test_times_that_no_calendar_holds_are_the_end_of_time(told: Told) -> None:
    told.world.order(7)
    told.world.emit(WORKERS[0], COORDINATOR, JobClaimed(1, WORKERS[0], 2**64 - 1))
    told.mine()
    assert told.job().lease_until == 253_402_300_799


def test_arguments_bear_the_names_of_the_abi() -> None:
    names = ["job_id", "prompt_cid", "max_ram", "max_vram", "max_cpu_percent", "price_completion_token"]
    told = ["jobId", "promptCID", "maxRAM", "maxVRAM", "maxCPUPercent", "priceCompletionToken"]
    assert [abi_name(name) for name in names] == told


@settings(max_examples=40, deadline=None)
@given(DECISIONS)
def test_books_equal_those_of_the_contracts_after_every_block(decisions: list[list[int]]) -> None:
    world, books = World(), Books(Totals())
    fold_block(books, world.found())
    for each in decisions:
        fold_block(books, world.mine(each))
        held = Totals(world.open_escrow, sum(world.credit.values()), sum(world.stakes.values()))
        assert books.totals == held
        _assert_each_account_adds_up(books, world)
    assert ParkedRow not in books.added


def _assert_each_account_adds_up(books: Books, world: World) -> None:
    for address in (*USERS, *WORKERS):
        account = books.get(AccountRow, hexed(address))
        if account is None:
            assert not world.credit.get(address)
            continue
        mine = [job for job in world.jobs.values() if job.controller == address]
        assert account.credit == world.credit.get(address, 0)
        assert account.open_escrow == sum(j.escrow for j in mine if j.status in ("open", "claimed", "answered"))
        assert account.earned + account.refunded == account.credit + account.withdrawn
        assert account.ordered == sum(job.escrow for job in mine)


class Naive:
    """Every block folded by itself, upon rows that are kept one by one."""

    def __init__(self) -> None:
        self.rows: dict[type[Row], dict[Key, Row]] = {kind: {} for kind in KEYS}
        self.added: list[Row] = []
        self.superseded: list[tuple[Row, int]] = []
        self.totals = Totals()

    def load(self, kind: type[Row], keys: Collection[Key]) -> list[Row]:
        return [self.rows[kind][key] for key in keys if key in self.rows[kind]]

    def take(self, block: BlockFinalised) -> None:
        books = fold_blocks([block], self.totals, self.load)
        self.totals = books.totals
        for kind, rows in books.changes().items():
            if kind not in KEYS:
                self.added += rows
                continue
            for row in rows:
                key = getattr(row, KEYS[kind])
                if before := self.rows[kind].get(key):
                    self.superseded.append((before, block.number))
                self.rows[kind][key] = row


def wild(seed: int) -> list[BlockFinalised]:
    """A history in which facts are lost, told twice, out of place or unreadable."""
    source = random.Random(seed)
    blocks = history([[source.randrange(2**20) for _ in range(5)] for _ in range(8)])
    pool = [occurrence for block in blocks for occurrence in block.occurrences]
    return [_confused(source, block, pool) for block in blocks]


def _confused(source: random.Random, block: BlockFinalised, pool: list[Occurrence]) -> BlockFinalised:
    told: list[Occurrence] = []
    for occurrence in block.occurrences:
        chance = source.random()
        if chance > 0.05:
            told.append(occurrence)
        if chance > 0.93:
            told.append(source.choice(pool))
        if chance > 0.98:
            told.append(replace(occurrence, fact=LogUnreadable("X", (), b"", "too short")))
    places = range(len(block.transactions) + source.randrange(2))
    spread = [
        replace(each, log_index=i, tx_index=min(each.tx_index, max(places, default=0))) for i, each in enumerate(told)
    ]
    return replace(block, occurrences=tuple(spread))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9))
def test_however_blocks_are_batched_rows_and_what_they_superseded_are_those_of_each_by_itself(
    seed: int, size: int
) -> None:
    blocks, naive, batched = wild(seed), Naive(), Naive()
    for block in blocks:
        naive.take(block)
    for first in range(0, len(blocks), size):
        books = fold_blocks(blocks[first : first + size], batched.totals, batched.load, history=True)
        batched.totals = books.totals
        batched.superseded += books.superseded
        for kind, rows in books.changes().items():
            if kind in KEYS:
                made = {getattr(row, KEYS[kind]) for row in rows}
                assert set(books.replaced()[kind]) == made & batched.rows[kind].keys()
                batched.rows[kind] |= {getattr(row, KEYS[kind]): row for row in rows}
            else:
                batched.added += rows
    assert batched.rows == naive.rows
    assert batched.totals == naive.totals
    assert sorted(batched.added, key=repr) == sorted(naive.added, key=repr)
    assert sorted(batched.superseded, key=repr) == sorted(naive.superseded, key=repr)


def test_rows_that_were_handed_in_stay_as_they_were() -> None:
    blocks = wild(3)
    naive = Naive()
    for block in blocks[:5]:
        naive.take(block)
    before = repr(naive.rows)
    fold_blocks(blocks[5:], naive.totals, naive.load, history=True)
    assert repr(naive.rows) == before


def test_a_fact_that_breaks_its_rule_is_parked_with_the_reason_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    blocks = [world.found()]
    world.order(7)
    blocks.append(world.mine())
    world.claim(1, 0)
    world.order(9)
    blocks.append(world.mine())

    def breaks(*_: object) -> None:
        raise ZeroDivisionError("no more")

    monkeypatch.setitem(jobs._RULES, JobClaimed, breaks)
    naive = Naive()
    for block in blocks:
        naive.take(block)
    (parked,) = [row for row in naive.added if isinstance(row, ParkedRow)]
    assert (parked.block, parked.name, parked.reason) == (3, "JobClaimed", "ZeroDivisionError: no more")
    open_jobs = [row for row in naive.rows[JobRow].values() if isinstance(row, JobRow)]
    assert [(job.job_id, job.state, job.claims) for job in open_jobs] == [(1, "open", 0), (2, "open", 0)]
    assert all(node.claims == 0 for node in naive.rows[NodeRow].values() if isinstance(node, NodeRow))


def test_a_transaction_that_created_a_contract_has_no_recipient() -> None:
    books = Books(Totals())
    created = Transaction(b"\x01" * 32, 0, USERS[0], None, Wei(0), 1, Wei(1), True)
    fold_block(books, BlockFinalised(1, b"\x01" * 32, bytes(32), 5, (created,), ()))
    (row,) = books.added[TransactionRow]
    assert isinstance(row, TransactionRow)
    assert row.recipient is None
