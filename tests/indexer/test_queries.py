"""What the API may ask, and what it is told."""

import asyncio
import threading
import time

import msgspec
import pytest

from domain.facts import ReceiptPublished, Wei
from domain.ledger import Recorded, streams
from indexer.explorer import BadCursor, EventFilter, JobFilter, Page, TransactionFilter, holds, reached
from indexer.explorer.folds.arguments import SUBJECTS
from indexer.explorer.rows import JobRow
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_projecting import random_history
from tests.indexer.world import COORDINATOR, USERS, WORKERS, World

pytestmark = pytest.mark.thorough


@pytest.fixture
def busy(place: Place) -> Place:
    """Forty blocks of which the last ten are not final."""
    blocks = random_history(31, 39)
    place.finalise(*blocks[:30])
    for block in blocks[30:]:
        place.tip.extend(block)
    place.explorer.refresh()
    return place


def all_jobs(place: Place, where: JobFilter | None, limit: int) -> list[JobRow]:
    rows: list[JobRow] = []
    page: Page[JobRow] = place.explorer.queries.jobs(where, None, limit)
    while True:
        rows += page.rows
        if page.next is None:
            return rows
        assert len(page.rows) == limit
        page = place.explorer.queries.jobs(where, page.next, limit)


def test_a_walk_through_the_pages_meets_every_job_once_newest_first(busy: Place) -> None:
    count = busy.explorer.queries.stats().jobs
    for limit in (1, 7, 1000):
        assert [job.job_id for job in all_jobs(busy, None, limit)] == list(range(count, 0, -1))


def test_pages_and_single_rows_tell_the_same_with_their_finality(busy: Place) -> None:
    jobs = all_jobs(busy, None, 5)
    assert {job.is_final for job in jobs} == {True, False}
    assert [busy.explorer.queries.job(job.job_id) for job in jobs] == jobs
    assert all(job.is_final is (job.block <= 30) for job in jobs)


def test_lists_that_many_threads_asked_for_leave_no_memory_behind(busy: Place) -> None:
    queries = busy.explorer.queries
    lists = (queries.jobs, queries.receipts, queries.events, queries.transactions, queries.nodes)
    barrier = threading.Barrier(8)

    def ask() -> None:
        for each in lists:
            each()
        barrier.wait(30)  # nobody's cursor is let go of before all have asked

    threads = [threading.Thread(target=ask) for _ in range(barrier.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not barrier.broken
    with busy.explorer.database.reading() as cursor:
        held = cursor.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'ALLOCATOR'").fetchall()
    assert held[0][0] < 32 << 20


def test_filters_leave_exactly_the_rows_that_fit(busy: Place) -> None:
    everything = all_jobs(busy, None, 100)
    controller = "0x" + USERS[1].hex()
    settled = [job for job in everything if job.state == "settled" and job.controller == controller]
    assert settled
    assert all_jobs(busy, JobFilter(state="settled", controller=controller), 2) == settled


def test_a_walk_goes_on_where_it_was_while_jobs_come_in(place: Place) -> None:
    world = World()
    place.finalise(world.found())
    for n in range(8):
        world.order(n)
    place.finalise(world.seal())
    place.explorer.refresh()
    first = place.explorer.queries.jobs(None, None, 3)
    world.order(9)
    place.tip.extend(world.seal())
    place.explorer.refresh()
    second = place.explorer.queries.jobs(None, first.next, 3)
    assert [job.job_id for job in (*first.rows, *second.rows)] == [8, 7, 6, 5, 4, 3]
    assert place.explorer.queries.jobs(None, None, 1).rows[0].job_id == 9


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "bm9uc2Vuc2U", "WyJqb2JzIiwgIngiXQ"])
def test_a_cursor_that_is_none_of_ours_is_refused(busy: Place, cursor: str) -> None:
    if not cursor:
        assert busy.explorer.queries.jobs(None, cursor, 1).rows
        return
    with pytest.raises(BadCursor, match=r"unchanged|start without one"):
        busy.explorer.queries.jobs(None, cursor)


def test_a_cursor_of_another_list_is_refused(busy: Place) -> None:
    of_events = busy.explorer.queries.events(limit=1).next
    with pytest.raises(BadCursor, match="another list than jobs"):
        busy.explorer.queries.jobs(None, of_events)


def test_events_and_transactions_are_found_by_job_block_and_hash(busy: Place) -> None:
    queries = busy.explorer.queries
    job = queries.job(3)
    assert job
    events = queries.events(EventFilter(job_id=3)).rows
    assert events[-2].name == "JobTermsFixed"
    assert msgspec.json.decode(events[-2].args)["escrow"] == str(job.escrow)
    requested = queries.events(EventFilter(job_id=3, name="InferenceRequested")).rows[0]
    assert msgspec.json.decode(requested.args)["promptCID"] == job.prompt_cid
    transaction = queries.transaction(job.requested_tx.upper().replace("0X", "0x"))
    assert transaction
    assert transaction.block == requested.block
    assert transaction in queries.transactions(TransactionFilter(block=requested.block)).rows
    block = queries.block(requested.block)
    assert block
    assert queries.block(block.hash) == block


def test_nodes_models_and_accounts_are_listed_by_name(busy: Place) -> None:
    queries = busy.explorer.queries
    nodes = queries.nodes().rows
    assert [node.address for node in nodes] == ["0x" + worker.hex() for worker in WORKERS]
    assert queries.node(nodes[0].address.upper().replace("0X", "0x")) == nodes[0]
    assert [model.model_id for model in queries.models().rows] == ["smol", "tiny"]
    accounts = queries.accounts(limit=2)
    assert accounts.next
    assert accounts.rows[-1].address < queries.accounts(accounts.next).rows[0].address


def test_nothing_is_found_where_nothing_is(place: Place) -> None:
    queries = place.explorer.queries
    place.explorer.refresh()
    assert queries.job(1) is None
    assert queries.node("0x00") is None
    assert queries.model("none") is None
    assert queries.block(5) is None
    assert queries.receipts() == Page(())
    assert queries.reconciliation_at(5) is None
    assert queries.stats().jobs == 0
    assert queries.head().number == -1


def test_stats_count_what_the_lists_hold(busy: Place) -> None:
    stats, jobs = busy.explorer.queries.stats(), all_jobs(busy, None, 100)
    counted = [stats.open, stats.claimed, stats.answered, stats.settled, stats.cancelled, stats.expired]
    states = ["open", "claimed", "answered", "settled", "cancelled", "expired"]
    assert counted == [sum(job.state == state for job in jobs) for state in states]
    assert stats.earned == sum(job.amount or 0 for job in jobs if job.state == "settled")
    assert stats.earned == sum(node.earned for node in busy.explorer.queries.nodes().rows)
    assert (stats.head, stats.final) == (40, 30)


def test_the_books_of_each_block_are_those_of_the_contracts(place: Place) -> None:
    world = World()
    expected: dict[int, tuple[int, int, int]] = {}
    decisions = [[n * 37 + i * 1001 for i in range(6)] for n in range(25)]
    place.finalise(world.found())
    expected[1] = (0, 0, sum(world.stakes.values()))
    for each in decisions:
        block = world.mine(each)
        place.finalise(block)
        if block.transactions:
            expected[block.number] = (world.open_escrow, sum(world.credit.values()), sum(world.stakes.values()))
    place.explorer.refresh()
    rows = place.explorer.queries.reconciliation(limit=100).rows
    assert {row.block: (row.open_escrow, row.credit, row.stakes) for row in rows} == expected
    assert place.explorer.queries.reconciliation_at(10**6) == rows[0]


def test_a_published_document_joins_the_receipt_it_is_about_and_no_other(busy: Place) -> None:
    queries = busy.explorer.queries
    receipt = next(row for row in queries.receipts().rows if row.state == "verified" and row.job_id % 2 == 0)

    def publish(version: int, commitment: int, receipt_cid: str) -> None:
        worker = bytes.fromhex(receipt.worker[2:])
        fact = ReceiptPublished(
            receipt.job_id, worker, receipt_cid, receipt.response_cid, Wei(commitment), 12, 34, 1_000, 3_500
        )
        stream = streams.receipt(CHAIN_ID, COORDINATOR, receipt.job_id)
        busy.ledger.record(Recorded(stream, version, fact))
        busy.explorer.refresh()

    publish(1, 5, "QmForged")
    assert queries.receipt(receipt.job_id) == receipt
    publish(2, int(receipt.commitment or "0x0", 16), "QmTrue")
    joined = queries.receipt(receipt.job_id)
    assert joined
    assert (joined.receipt_cid, joined.completion_tokens, joined.completed_at) == ("QmTrue", 34, 3_500)
    assert joined in queries.receipts(limit=1000).rows
    assert (queries.stats().tokens_prompt, queries.stats().tokens_completion) == (12, 34)
    with busy.explorer.database.reading() as cursor:
        assert cursor.execute("SELECT receipt_cid FROM receipts WHERE receipt_cid IS NOT NULL").fetchall() == [
            ("QmTrue",)
        ]


def test_a_thread_that_waits_for_its_own_write_wakes_when_it_is_readable(place: Place) -> None:
    blocks = random_history(32, 3)
    wanted = "0x" + blocks[-1].transactions[0].hash.hex()
    found: list[object] = []
    waiter = threading.Thread(target=lambda: found.append(place.explorer.wait_for(holds(wanted), 20)))
    waiter.start()
    for block in blocks:
        place.finalise(block)
        place.explorer.refresh()
    waiter.join()
    assert found == [place.explorer.queries.transaction(wanted)]
    assert place.explorer.wait_for(reached(place.ledger.position()), 0)


async def test_a_coroutine_that_waits_wakes_too_and_gives_up_in_time(place: Place) -> None:
    blocks = random_history(33, 2)
    waiting = asyncio.create_task(place.explorer.wait_for_async(lambda queries: queries.job(1), 20))
    version = place.explorer.version
    changed = asyncio.create_task(place.explorer.changed(version, 20))
    place.finalise(*blocks)
    await asyncio.to_thread(place.explorer.refresh)
    job = await waiting
    assert job
    assert job.job_id == 1
    assert await changed > version
    since = time.monotonic()
    assert await place.explorer.wait_for_async(lambda queries: queries.job(10**9), 0.05) is None
    assert time.monotonic() - since < 5


def test_events_are_found_by_whose_doing_or_fate_they_tell(busy: Place) -> None:
    worker = "0x" + WORKERS[0].hex()
    own = busy.explorer.queries.events(EventFilter(address=worker), None, 1000).rows
    assert {"NodeRegistered", "JobClaimed", "ReceiptAccepted"} <= {event.name for event in own}
    others = busy.explorer.queries.events(None, None, 1000).rows
    told = [event for event in others if worker in map(msgspec.json.decode(event.args).get, SUBJECTS)]
    assert list(own) == told
    assert {event.address for event in others if event.name in ("ModelRegistered", "VerifierAdded")} == {None}
