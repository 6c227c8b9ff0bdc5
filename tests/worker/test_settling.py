"""Batches of receipts: when they go, who is in them, and what becomes of those that the chain does not take."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from chain.errors import Reverted
from domain.facts import JobClaimed, ReceiptAccepted
from domain.ledger import Ledger
from tests.worker.test_board import ME, OTHER, accepted, requested
from tests.worker.test_deciding import ANSWER
from tests.worker.test_journal import RECEIPT
from worker.board import Board, Job
from worker.coordinator import Coordinator, Entry, Mined
from worker.journal import KINDS, Abandoned, JobAccepted, Journal, SettlementSent
from worker.settings import Settings
from worker.settling import REFUSALS_MAX, Settler
from worker.uplink import Uplink
from worker.watching import Watcher

LEASE_UNTIL = 2**40
SETTINGS = Settings(batch_wait_ms=20, batch_wait_busy_ms=60_000, batch_max=4)


class Chain:
    """A coordinator of the fewest rules: it takes receipts of jobs that `worker` holds, unless told otherwise."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.batches: list[list[int]] = []
        self.sent: list[Entry] = []
        self.reverts = False
        self.skips: set[int] = set()
        self.height = 1

    async def jobs(self, job_ids: Sequence[int]) -> list[Job | None]:
        return [self.board.get(job_id) for job_id in job_ids]

    async def settle(self, _key: str, entries: Sequence[Entry]) -> Mined:
        self.batches.append([entry.job_id for entry in entries])
        self.sent += entries
        if self.reverts:
            raise Reverted("the proof is bad")
        self.height += 1
        self.board.extend(self.height, [settled(entry) for entry in entries if entry.job_id not in self.skips])
        return Mined(b"\x01" * 32, 1, succeeded=True)


def settled(entry: Entry) -> ReceiptAccepted:
    return accepted(entry.job_id, ME)


class Bench:
    def __init__(self, ledger: Ledger) -> None:
        self.board = Board()
        self.journal = Journal.load(ledger, 31337, b"\x01" * 20, ME)
        self.chain = Chain(self.board)
        self.is_busy = False
        watcher = Watcher(self.board, self.journal, ME, lambda: None)
        uplink = Uplink("", ME, lambda message: message)
        self.watcher = watcher
        chain = cast(Coordinator, self.chain)
        self.settler = Settler(chain, self.journal, watcher, ME, SETTINGS, uplink, lambda: self.is_busy)

    async def prove(self, *job_ids: int) -> None:
        """Jobs that we hold and have proved."""
        await self.watcher.begin(1, 0)
        for job_id in job_ids:
            self.board.extend(1, [*requested(job_id), JobClaimed(job_id, ME, LEASE_UNTIL)])
            for fact in (JobAccepted(job_id, 1), ANSWER, RECEIPT):
                await self.journal.record({job_id: fact})


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Bench]:
    ledger = Ledger(f"sqlite:///{folder / 'journal.db'}", KINDS)
    try:
        yield Bench(ledger)
    finally:
        ledger.close()


async def next_batch(bench: Bench) -> list[int]:
    return await asyncio.wait_for(bench.settler.next_batch(), 10)


async def test_a_single_receipt_waits_shortly_for_company_when_nothing_else_is_under_way(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        began = time.monotonic()
        bench.settler.offer(1)
        assert await next_batch(bench) == [1]
        assert time.monotonic() - began >= SETTINGS.batch_wait_ms / 1000


async def test_a_receipt_waits_for_those_that_are_under_way_and_a_full_batch_goes_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.is_busy = True
        for job_id in (1, 2, 3):
            bench.settler.offer(job_id)
        waiting = asyncio.create_task(next_batch(bench))
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        bench.settler.offer(4)
        assert await waiting == [1, 2, 3, 4]


async def test_a_batch_is_recorded_before_it_is_sent_and_settles_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.prove(1, 2)
        await bench.settler.send([1, 2])
        assert bench.chain.batches == [[1, 2]]
        assert [work.settlement for work in bench.journal] == [
            SettlementSent("settle:1:1:2:2", 0),
            SettlementSent("settle:1:1:2:2", 1),
        ]


async def test_a_job_that_was_lost_meanwhile_is_left_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.prove(1, 2)
        bench.board.extend(2, [JobClaimed(1, OTHER, LEASE_UNTIL)])
        await bench.settler.send([1, 2])
        assert bench.chain.batches == [[2]]


async def test_a_receipt_that_was_skipped_may_go_again_and_the_others_stand(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.prove(1, 2)
        bench.chain.skips = {1}
        await bench.settler.send([1, 2])
        first, second = bench.journal
        assert (first.settlement, first.refusal) == (None, "it was skipped: the job was not ours any more")
        assert second.settlement is not None


async def test_after_a_reverted_batch_each_goes_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.prove(1, 2)
        bench.chain.reverts = True
        await bench.settler.send([1, 2])
        assert [work.refusal for work in bench.journal] == ["the contract refuses it: the proof is bad"] * 2
        bench.settler.offer(1)
        bench.settler.offer(2)
        assert [await next_batch(bench), await next_batch(bench)] == [[1], [2]]


async def test_a_receipt_that_is_refused_again_and_again_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.prove(1)
        bench.chain.reverts = True
        for _ in range(REFUSALS_MAX):
            await bench.settler.send([1])
        work = bench.journal.get(1)
        assert work is not None
        assert work.end == Abandoned("the contract refuses it: the proof is bad")
        assert len({tuple(batch) for batch in bench.chain.batches}) == 1
        assert len(bench.chain.batches) == REFUSALS_MAX


async def test_what_is_sent_is_what_was_proved(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.prove(1)
        await bench.settler.send([1])
        (sent,) = bench.chain.sent
        assert (sent.amount, sent.commitment, sent.proof) == (RECEIPT.amount, RECEIPT.commitment, RECEIPT.proof)
        assert sent.response_cid == ANSWER.response_cid
