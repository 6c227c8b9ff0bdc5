"""Journal and board go in; every job's next step is started as soon as it is due, and started again where it failed."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable

from chain.errors import ChainError, Fatal, Reverted
from chain.relaying import NonceTaken
from receipts.content.access import ContentError
from receipts.statement import FalseStatement, NotInStatement

from .board import Job
from .choosing import Chooser
from .coordinator import Coordinator
from .deciding import Action, is_ours, next_step
from .documents import Receipts
from .engine import EngineUnavailable, RequestRefused
from .health import Health
from .intake import Declined
from .journal import UNRECORDED, Abandoned, AnswerSent, ClaimLost, ClaimSent, Journal, Work
from .proving import ProverDied
from .running import Cancelled, Runner
from .settings import Settings
from .settling import Settler
from .uplink import Uplink
from .watching import Watcher

TICK_S = 0.5
"""Leases and deadlines pass without any news."""
PAUSE_S = 0.5
PAUSE_S_MAX = 20.0
TRANSIENT = (ChainError, ContentError, EngineUnavailable, ProverDied, *UNRECORDED)
HOPELESS = (RequestRefused, Declined, FalseStatement, NotInStatement)

log = logging.getLogger(__name__)


class Scheduler:
    """Runs steps side by side, one at a time for each job."""

    def __init__(
        self,
        *,
        settings: Settings,
        worker: bytes,
        journal: Journal,
        watcher: Watcher,
        coordinator: Coordinator,
        chooser: Chooser,
        runner: Runner,
        receipts: Receipts,
        uplink: Uplink,
        health: Health,
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._journal = journal
        self._watcher = watcher
        self._coordinator = coordinator
        self._chooser = chooser
        self._runner = runner
        self._receipts = receipts
        self._uplink = uplink
        self._health = health
        self._settler = Settler(coordinator, journal, watcher, worker, settings, uplink, self._has_receipts_coming)
        self._busy: set[int] = set()
        self._failures: dict[int, int] = {}
        self._generating: dict[int, asyncio.Event] = {}
        self._proving: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._fatal: BaseException | None = None

    def wake(self) -> None:
        """Something changed: look at everything again."""
        self._awake.set()

    def held(self, *, answered_only: bool = False) -> int:
        """How many jobs we hold, are about to hold, or are still busy with."""
        ours = {work.job_id for work in self._journal if self._is_ours(work) and (work.answer or not answered_only)}
        return len(ours | self._busy)

    async def run(self) -> None:
        """Until cancelled. Raises what no waiting will mend."""
        self._start((), self._settle())
        try:
            while self._fatal is None:
                self._awake.clear()
                self._dispatch()
                self._take_in()
                try:
                    async with asyncio.timeout(TICK_S):
                        await self._awake.wait()
                except TimeoutError:
                    continue
            raise self._fatal
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _dispatch(self) -> None:
        now = self._watcher.now()
        self._cancel_lost(now)
        claims = []
        for work in self._journal:
            if work.job_id in self._busy:
                continue
            job = self._watcher.board.get(work.job_id)
            step = next_step(work, job, self._worker, now, self._settings.lease_margin_s)
            match step.action:
                case Action.CLAIM if self._health.takes_work:
                    claims.append(work)
                case Action.ABANDON:
                    self._begin([work], self._abandon(work, step.reason))
                case Action.AWAIT_CLAIM if work.claim:
                    self._begin(self._journal.sharing_claim(work.claim.key), self._carry_claim(work.claim.key))
                case Action.AWAIT_SETTLEMENT if work.settlement:
                    key = work.settlement.key
                    self._begin(self._journal.sharing_settlement(key), self._settler.carry_through(key))
                case _ if job is not None:
                    self._do(step.action, work, job)
        for start in range(0, len(claims), self._settings.batch_max):
            batch = claims[start : start + self._settings.batch_max]
            self._begin(batch, self._claim(batch))

    def _do(self, action: Action, work: Work, job: Job) -> None:
        match action:
            case Action.GENERATE if self._has_slot():
                self._generating[work.job_id] = asyncio.Event()
                self._begin([work], self._generate(work, job))
            case Action.PROVE:
                self._begin([work], self._prove(work, job))
            case Action.SEND_ANSWER:
                self._begin([work], self._send_answer(work))
            case Action.SETTLE:
                self._busy.add(work.job_id)
                self._settler.offer(work.job_id)
            case _:
                return

    def _take_in(self) -> None:
        if not self._health.takes_work:
            return
        now = self._watcher.now()
        unanswered = sum(1 for work in self._journal if work.answer is None and self._takes_room(work, now))
        room = self._settings.concurrency + self._settings.claim_ahead - unanswered
        room -= self._chooser.under_consideration
        for job in self._chooser.candidates(room, now):
            self._start((), self._consider(job, now))

    def _is_ours(self, work: Work) -> bool:
        return is_ours(work, self._watcher.board.get(work.job_id), self._worker, self._watcher.now())

    def _takes_room(self, work: Work, now: float) -> bool:
        """Whether a work is ours, or may yet be: others' jobs are no load."""
        job = self._watcher.board.get(work.job_id)
        return job is not None and (job.is_held_by(self._worker, now) or job.is_claimable_by(self._worker, now))

    def _has_slot(self) -> bool:
        return len(self._generating) < self._settings.concurrency and not self._health.has("engine")

    def _has_receipts_coming(self) -> bool:
        """Whether a batch that waits a little would find company."""
        return bool(self._generating or self._proving)

    def _cancel_lost(self, now: float) -> None:
        """Stops generating for a job that somebody else has, or that is closed."""
        for job_id, cancel in self._generating.items():
            job = self._watcher.board.get(job_id)
            is_others = job is not None and job.worker != self._worker and not job.is_claimable_by(self._worker, now)
            if job is not None and (job.is_closed or is_others):
                cancel.set()

    async def _consider(self, job: Job, now: float) -> None:
        if await self._chooser.consider(job, now):
            self.wake()

    async def _claim(self, works: list[Work]) -> None:
        attempt = max(work.claims for work in works) + 1
        key = f"claim:{works[0].job_id}:{attempt}:{len(works)}:{works[-1].job_id}"
        await self._journal.record({work.job_id: ClaimSent(key) for work in works})
        await self._carry_claim(key)

    async def _carry_claim(self, key: str) -> None:
        """Sees a claim that was recorded under `key` into its block, whether or not it was sent before."""
        works = self._journal.sharing_claim(key)
        try:
            mined = await self._coordinator.claim(key, [work.job_id for work in works])
        except (Reverted, NonceTaken) as fault:
            self._watcher.standing_changed = True
            await self._journal.record({work.job_id: ClaimLost(str(fault)) for work in works})
            return
        await self._watcher.reached(mined.block)
        now = self._watcher.now()
        lost = []
        for work in works:
            job = self._watcher.board.get(work.job_id)
            if job is None or not job.is_held_by(self._worker, now):
                lost.append(work.job_id)
        if lost:
            await self._journal.record(
                {job_id: ClaimLost("the lease ran out, or another was first") for job_id in lost}
            )

    async def _generate(self, work: Work, job: Job) -> None:
        try:
            answer = await self._runner.answer(job, self._generating[work.job_id])
        except Cancelled as reason:
            log.info("%s", reason)
            return
        finally:  # the engine is free: the next job need not wait until this answer is on disk
            del self._generating[work.job_id]
            self.wake()
        await self._journal.record({work.job_id: answer})

    async def _send_answer(self, work: Work) -> None:
        assert work.answer is not None, "an answer is sent after it was made"
        key = f"answer:{work.job_id}:{work.claims}"
        await self._journal.record({work.job_id: AnswerSent(key)})
        try:
            mined = await self._coordinator.answer(key, work.job_id, work.answer.response_cid)
        except (Reverted, NonceTaken) as fault:
            log.warning("the answer to job %d was not taken: %s", work.job_id, fault)
            return
        await self._watcher.reached(mined.block)

    async def _prove(self, work: Work, job: Job) -> None:
        assert work.answer is not None, "a receipt is proved after its answer was made"
        self._uplink.progress(work.job_id, "proving")
        self._proving.add(work.job_id)
        try:
            receipt, proof_ms = await self._receipts.make(job, work.answer)
            await self._journal.record({work.job_id: receipt})
        finally:
            self._proving.discard(work.job_id)
        self._uplink.progress(work.job_id, "proved", ms=round(proof_ms, 1))

    async def _settle(self) -> None:
        while True:
            batch = await self._settler.next_batch()
            self._start(batch, self._settler.send(batch))

    async def _abandon(self, work: Work, reason: str) -> None:
        log.warning("job %d is abandoned: %s", work.job_id, reason)
        await self._journal.record({work.job_id: Abandoned(reason)})
        self._uplink.progress(work.job_id, "failed", reason=reason)

    def _begin(self, works: Iterable[Work], step: Awaitable[None]) -> None:
        self._start([work.job_id for work in works], step)

    def _start(self, job_ids: Iterable[int], step: Awaitable[None]) -> None:
        """Runs a step beside the others; its jobs are left alone until it ended, and a while longer if it failed."""
        jobs = tuple(job_ids)
        self._busy.update(jobs)
        task = asyncio.create_task(self._guard(jobs, step))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, jobs: tuple[int, ...], step: Awaitable[None]) -> None:
        try:
            await step
            if jobs:
                self._health.note("transactions", None)
            for job_id in jobs:
                self._failures.pop(job_id, None)
        except HOPELESS as reason:
            await self._give_up(jobs, str(reason))
        except TRANSIENT as fault:
            if isinstance(fault, Fatal):
                self._health.note("transactions", str(fault))
            await self._pause(jobs, fault)
        except Exception as fault:  # raised where it is seen: by `run`
            self._fatal = fault
        finally:
            self._busy.difference_update(jobs)
            self.wake()

    async def _give_up(self, jobs: tuple[int, ...], reason: str) -> None:
        for job_id in jobs:
            work = self._journal.get(job_id)
            if work is not None and work.end is None:
                await self._abandon(work, reason)

    async def _pause(self, jobs: tuple[int, ...], fault: BaseException) -> None:
        failures = 1 + max((self._failures.get(job_id, 0) for job_id in jobs), default=0)
        self._failures.update(dict.fromkeys(jobs, failures))
        pause_s = min(PAUSE_S_MAX, PAUSE_S * 2 ** (failures - 1))
        log.warning("jobs %s: %s; again in %.1f s", list(jobs), fault, pause_s)
        await asyncio.sleep(pause_s)
