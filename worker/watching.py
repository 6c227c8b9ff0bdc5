"""The chain's news come in; the board of jobs is kept by them, and what became final is written into the journal."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from chain.news import Extended, Finalised, News, Reorganised
from domain.facts import ChainFact, NodeDeregistered, NodeRegistered, NodeSlashed, StakeAdded

from .board import Board, Job
from .deciding import ending
from .journal import Abandoned, Journal, Settled, WorkFact

NODE_FACTS = (NodeRegistered, NodeDeregistered, NodeSlashed, StakeAdded)

log = logging.getLogger(__name__)


class Watcher:
    """Keeps board and journal level with the chain, and wakes whoever waits for either."""

    def __init__(self, board: Board, journal: Journal, worker: bytes, wake: Callable[[], None]) -> None:
        self.board = board
        self._journal = journal
        self._worker = worker
        self.wake = wake
        self._moved = asyncio.Condition()
        self._head = -1
        self._head_time = 0
        self._head_seen = 0.0
        self.standing_changed = True
        """Whether something happened that may decide if we may claim; whoever looks it up clears it."""

    async def begin(self, number: int, timestamp: int) -> None:
        """The board holds block `number`, of that time."""
        self._head, self._head_time, self._head_seen = number, timestamp, time.monotonic()
        async with self._moved:
            self._moved.notify_all()

    async def run(self, news: AsyncGenerator[News, None]) -> None:
        """Until the news end, or the chain raises."""
        async with aclosing(news):
            async for piece in news:
                await self._take(piece)
                self.wake()

    def now(self) -> float:
        """The chain's time: its newest block's and what passed since, or the clock's where that is later."""
        return max(time.time(), self._head_time + time.monotonic() - self._head_seen)

    async def reached(self, number: int) -> None:
        """Returns when the board holds block `number`."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._head >= number)

    async def _take(self, piece: News) -> None:
        match piece:
            case Extended(blocks):
                for block in blocks:
                    facts = [occurrence.fact for occurrence in block.occurrences]
                    self.board.extend(block.number, facts)
                    self._note_standing(facts)
                    await self.begin(block.number, block.timestamp)
            case Reorganised(from_number, _):
                changed = self.board.drop_from(from_number)
                ours = sorted(job_id for job_id in changed if self._journal.get(job_id))
                log.warning("blocks from %d on were reorganised away; jobs of ours in them: %s", from_number, ours)
                self.standing_changed = True
                self._head = from_number - 1
            case Finalised(number):
                await self._close(self.board.finalise(number))

    async def _close(self, closed: list[Job]) -> None:
        facts: dict[int, WorkFact] = {}
        for job in closed:
            work = self._journal.get(job.job_id)
            if work is not None and work.end is None:
                reason = ending(job, self._worker)
                facts[job.job_id] = Settled() if reason is None else Abandoned(reason)
        if facts:
            await self._journal.record(facts)
        for job in closed:
            self.board.forget(job.job_id)

    def _note_standing(self, facts: Sequence[ChainFact]) -> None:
        if any(isinstance(fact, NODE_FACTS) and fact.node == self._worker for fact in facts):
            self.standing_changed = True
