"""Open jobs come in; those that this worker can do and should do next are accepted into the journal."""

import asyncio
import hashlib
import logging
import time

from chain.errors import Retryable
from receipts.content.access import ContentError

from .board import Board, Job
from .coordinator import Coordinator
from .engine import Engine, EngineUnavailable, RequestRefused
from .intake import Declined, Terms, Unprofitable, screen, screen_prompt
from .journal import UNRECORDED, JobAccepted, Journal
from .prompts import Prompts

GAS_PRICE_S = 15.0
WINDOW = 4
"""Among so many times the jobs it has room for, the oldest, each worker has an order of its own."""
RETRY_S = 2.0
RETRY_S_MAX = 60.0

log = logging.getLogger(__name__)


class Chooser:
    """Considers open jobs, a few at a time, each once; what could not be judged is looked at again later."""

    def __init__(
        self, coordinator: Coordinator, engine: Engine, prompts: Prompts, journal: Journal, board: Board, terms: Terms
    ) -> None:
        self._coordinator = coordinator
        self._engine = engine
        self._prompts = prompts
        self._journal = journal
        self._board = board
        self._terms = terms
        self._considering: set[int] = set()
        self._declined: dict[int, str] = {}
        self._not_before: dict[int, tuple[float, float]] = {}
        self._gas_price = (float("-inf"), 0)
        self._asking_price = asyncio.Lock()

    @property
    def under_consideration(self) -> int:
        return len(self._considering)

    def declined(self, job_id: int) -> str | None:
        """Why a job was not taken, if it was looked at."""
        return self._declined.get(job_id)

    def candidates(self, room: int, now: float) -> list[Job]:
        """The jobs to `consider` next, each just once.

        Two workers that both began with the oldest would race for every one.
        """
        if room < 1:
            return []
        self._declined = {job_id: why for job_id, why in self._declined.items() if self._board.get(job_id)}
        self._not_before = {job_id: at for job_id, at in self._not_before.items() if self._board.get(job_id)}
        open_jobs = sorted((job for job in self._board if self._is_new(job, now)), key=lambda job: job.job_id)
        chosen = sorted(open_jobs[: room * WINDOW], key=self._turn)[:room]
        self._considering.update(job.job_id for job in chosen)
        return chosen

    async def consider(self, job: Job, now: float) -> bool:
        """Accepts the job or remembers why not; whether it was accepted."""
        try:
            screen(job, self._terms, await self._price_of_gas(), now)
            request = await self._prompts.read(job.prompt_cid)
            screen_prompt(job, self._terms, await self._engine.count_prompt(request.conversation))
            await self._journal.record({job.job_id: JobAccepted(job.job_id, time.time_ns() // 1_000_000)})
        except (Unprofitable, ContentError, EngineUnavailable, Retryable, *UNRECORDED) as fault:
            self._postpone(job, str(fault))
            return False
        except (Declined, RequestRefused) as reason:
            self._declined[job.job_id] = str(reason)
            log.info("job %d is declined: %s", job.job_id, reason)
            return False
        else:
            self._not_before.pop(job.job_id, None)
            return True
        finally:
            self._considering.discard(job.job_id)

    def _is_new(self, job: Job, now: float) -> bool:
        if job.job_id in self._declined or job.job_id in self._considering or self._journal.get(job.job_id):
            return False
        not_before, _ = self._not_before.get(job.job_id, (0.0, 0.0))
        return job.is_claimable_by(self._terms.worker, now) and time.monotonic() >= not_before

    def _turn(self, job: Job) -> bytes:
        return hashlib.sha256(self._terms.worker + job.job_id.to_bytes(32, "big")).digest()

    def _postpone(self, job: Job, why: str) -> None:
        _, pause_s = self._not_before.get(job.job_id, (0.0, RETRY_S / 2))
        pause_s = min(RETRY_S_MAX, pause_s * 2)
        self._not_before[job.job_id] = time.monotonic() + pause_s, pause_s
        log.info("job %d is looked at again in %.0f s: %s", job.job_id, pause_s, why)

    async def _price_of_gas(self) -> int:
        async with self._asking_price:
            asked_at, price = self._gas_price
            if time.monotonic() - asked_at > GAS_PRICE_S:
                price = await self._coordinator.gas_price()
                self._gas_price = time.monotonic(), price
            return price
