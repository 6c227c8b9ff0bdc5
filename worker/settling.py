"""Proven receipts go in one by one, batches of them go on chain: full ones at once, others after a short wait."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from chain.errors import Reverted
from chain.relaying import NonceTaken

from .coordinator import Coordinator, Entry, Mined
from .journal import Abandoned, Journal, SettlementRefused, SettlementSent, Work, WorkFact
from .settings import Settings
from .uplink import Uplink
from .watching import Watcher

REFUSALS_MAX = 4
"""A receipt that the chain refused so often is given up."""

log = logging.getLogger(__name__)


class Settler:
    """Gathers receipts into batches; each job is in at most one at a time."""

    def __init__(
        self,
        coordinator: Coordinator,
        journal: Journal,
        watcher: Watcher,
        worker: bytes,
        settings: Settings,
        uplink: Uplink,
        others_under_way: Callable[[], bool],
    ) -> None:
        self._coordinator = coordinator
        self._journal = journal
        self._watcher = watcher
        self._worker = worker
        self._settings = settings
        self._uplink = uplink
        self._others_under_way = others_under_way
        self._waiting: dict[int, float] = {}
        self._fresh = asyncio.Event()

    def offer(self, job_id: int) -> None:
        """The job's receipt may go with the next batch. Offering it again changes nothing."""
        self._waiting.setdefault(job_id, time.monotonic())
        self._fresh.set()

    async def next_batch(self) -> list[int]:
        """Waits until a batch is full or has waited long enough; its jobs. A job that was refused before goes alone."""
        while True:
            self._fresh.clear()
            due_s = self._due_in_s()
            if due_s is not None and due_s <= 0:
                return self._take()
            try:
                async with asyncio.timeout(due_s):
                    await self._fresh.wait()
            except TimeoutError:
                continue

    async def send(self, job_ids: Sequence[int]) -> None:
        """Settles the jobs in one transaction, as far as the chain still takes them from us."""
        works = await self._screened(job_ids)
        if not works:
            return
        attempt = max(work.settlements for work in works) + 1
        key = f"settle:{works[0].job_id}:{attempt}:{len(works)}:{works[-1].job_id}"
        await self._journal.record({work.job_id: SettlementSent(key, place) for place, work in enumerate(works)})
        await self.carry_through(key)

    async def carry_through(self, key: str) -> None:
        """Sees a batch that was recorded under `key` into its block, whether or not it was sent before."""
        works = self._journal.sharing_settlement(key)
        try:
            mined = await self._coordinator.settle(key, [_entry(work) for work in works])
        except (Reverted, NonceTaken) as fault:
            await self._refuse(works, f"the contract refuses it: {fault}")
            return
        for work in works:
            self._uplink.progress(work.job_id, "submitted", tx_hash="0x" + mined.hash.hex())
        await self._watcher.reached(mined.block)
        refused = [work for work in works if self._is_unsettled(work)]
        if refused:
            await self._refuse(refused, self._reason(mined))

    def _take(self) -> list[int]:
        refused = [job_id for job_id in self._waiting if self._was_refused(job_id)]
        fresh = [job_id for job_id in self._waiting if job_id not in refused]
        batch = fresh[: self._settings.batch_max] or refused[:1]
        for job_id in batch:
            del self._waiting[job_id]
        return batch

    def _due_in_s(self) -> float | None:
        """Seconds until the oldest has waited enough; None when nothing waits."""
        if not self._waiting:
            return None
        if len(self._waiting) >= self._settings.batch_max:
            return 0
        is_busy = self._others_under_way()
        wait_ms = self._settings.batch_wait_busy_ms if is_busy else self._settings.batch_wait_ms
        return min(self._waiting.values()) + wait_ms / 1000 - time.monotonic()

    def _was_refused(self, job_id: int) -> bool:
        work = self._journal.get(job_id)
        return work is not None and bool(work.refusal)

    async def _screened(self, job_ids: Sequence[int]) -> list[Work]:
        """Those works that the contract would take now, by its own word rather than ours."""
        now = self._watcher.now()
        jobs = await self._coordinator.jobs(job_ids)
        works = [self._journal.get(job.job_id) for job in jobs if job is not None and job.is_held_by(self._worker, now)]
        return [work for work in works if work is not None and work.receipt and not work.settlement and not work.end]

    def _is_unsettled(self, work: Work) -> bool:
        job = self._watcher.board.get(work.job_id)
        current = self._journal.get(work.job_id)
        if current is None or current.end is not None:
            return False
        return job is None or job.state != "settled" or job.worker != self._worker

    def _reason(self, mined: Mined) -> str:
        if mined.succeeded:
            return "it was skipped: the job was not ours any more"
        return f"transaction 0x{mined.hash.hex()} failed"

    async def _refuse(self, works: Sequence[Work], reason: str) -> None:
        log.warning("the receipts of jobs %s were not taken: %s", [work.job_id for work in works], reason)
        facts: dict[int, WorkFact] = {}
        for work in works:
            given_up = work.settlements >= REFUSALS_MAX
            facts[work.job_id] = Abandoned(reason) if given_up else SettlementRefused(reason)
            if given_up:
                self._uplink.progress(work.job_id, "failed", reason=reason)
        await self._journal.record(facts)


def _entry(work: Work) -> Entry:
    assert work.answer is not None, "a settlement is recorded after its answer"
    assert work.receipt is not None, "a settlement is recorded after its receipt"
    return Entry(
        work.job_id,
        work.answer.response_cid,
        int(work.receipt.amount),
        int(work.receipt.commitment),
        work.receipt.proof,
    )
