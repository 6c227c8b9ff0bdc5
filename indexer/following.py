"""The chain's news come in, one by one; tip, ledger and explorer follow, and what was checked is put on record.

Three tasks side by side: one takes the news as they come, one records them, one shows what was recorded. While the
chain is far ahead, much is shown at once; at the head, each block at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from chain.effort import Effort
from chain.news import Extended, Finalised, News, Reorganised
from domain.facts import BlockFinalised, ChainReorganised
from domain.faultpoints import reach
from domain.ledger import Ledger, Position, Recorded, Tip
from indexer.explorer.batches import Stored, weight
from indexer.explorer.sources import reorgs
from indexer.integrity import Checks

NEWS_WAITING = 2
"""So many pieces of news may come in while one is being recorded; each may be some hundred blocks."""

MANY_BLOCKS = 8
"""News of more blocks than this are the past: they are gathered before they are shown."""

GATHERED_S_MAX = 1.0


class Tables(Protocol):
    """What shows the ledger and the tip."""

    batch_events: int

    def refresh(self, newest: BlockFinalised | None = None, in_hand: Sequence[Stored] = ...) -> int: ...


class Indexer:
    """The ledger's writer for one chain. What arrives while the tables are busy is taken in at their next turn."""

    def __init__(
        self,
        ledger: Ledger,
        tip: Tip,
        explorer: Tables,
        checks: Checks,
        effort: Effort | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._tip = tip
        self._explorer = explorer
        self._checks = checks
        self._effort = effort or Effort()
        self._clock = clock
        self._ready: list[BlockFinalised] = []
        self._newest: BlockFinalised | None = None
        self._in_hand: list[Stored] = []
        self._moved, self._enough, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._is_past = False
        self._turn = asyncio.Lock()

    async def run(self, news: AsyncIterator[News]) -> None:
        """Until the news end or something breaks; a deep reorg, for one, is raised as the news told it."""
        await asyncio.to_thread(lambda: self._checks.recover(self._tip.position(), self._tip.blocks()))
        waiting: asyncio.Queue[News | BaseException | None] = asyncio.Queue(NEWS_WAITING)
        coming = asyncio.create_task(self._take(news, waiting))
        recording = asyncio.create_task(self._record(waiting))
        showing = asyncio.create_task(self._keep_showing())
        try:
            done, _ = await asyncio.wait((showing, recording), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (coming, recording, showing):
                task.cancel()
            await asyncio.gather(coming, recording, showing, return_exceptions=True)
            await asyncio.to_thread(self._finish)

    def nudge(self) -> None:
        """Something was recorded in the ledger that the explorer should show."""
        self._moved.set()

    async def _take(self, news: AsyncIterator[News], waiting: "asyncio.Queue[News | BaseException | None]") -> None:
        """What ends the news waits for its turn too, so that all that was told before is recorded first."""
        try:
            async for each in news:
                await waiting.put(each)
        except Exception as fault:
            await waiting.put(fault)
        else:
            await waiting.put(None)

    async def _record(self, waiting: "asyncio.Queue[News | BaseException | None]") -> None:
        while (each := await waiting.get()) is not None:
            match each:
                case BaseException():
                    raise each
                case Extended():
                    await self._extend(each)
                case Reorganised(number):
                    await self._reorganise(number, each.dropped)
                case Finalised(number, hash_):
                    await self._finalise(Position(number, hash_))

    async def _extend(self, news: Extended) -> None:
        self._newest = news.blocks[-1]
        self._checks.saw(news.blocks, news.evidence, news.is_final)
        self._is_past = news.is_final and len(news.blocks) > MANY_BLOCKS
        if news.is_final:
            self._ready += news.blocks
            return
        await self._change(partial(self._tip.extend, *news.blocks))

    async def _finalise(self, upto: Position) -> None:
        ready, self._ready = self._ready, []
        if not self._checks.has_begun:  # first: a crash in between must not lose where the first range began
            await asyncio.to_thread(self._checks.finalised, upto)
        if ready:
            await self._advance(ready, upto)
        else:
            await self._change(lambda: self._tip.finalise(upto.number))
        reach("indexer.final_recorded")
        await asyncio.to_thread(self._checks.finalised, upto)

    async def _advance(self, ready: list[BlockFinalised], upto: Position) -> None:
        """Final blocks go to the ledger and, without being read back, to the tables, once those have room."""
        with self._effort.on("storing"):
            stored = await asyncio.to_thread(self._tip.advance, ready, upto)
        self._in_hand += stored
        gathered = weight(self._in_hand)
        if gathered >= self._explorer.batch_events or not self._is_past:
            self._enough.set()
        self._room.clear()
        self._moved.set()
        if gathered >= 2 * self._explorer.batch_events:
            await self._room.wait()

    async def _reorganise(self, number: int, dropped: tuple[bytes, ...]) -> None:
        """Takes the blocks back and shows that, before any other comes in their place."""
        self._checks.dropped(number)
        async with self._turn:
            await self._show()
            await asyncio.to_thread(self._tip.drop_from, number)
            rows = await self._show()
            reach("indexer.reorg_shown")
        fact = ChainReorganised(int(self._clock() * 1000), number, dropped, rows)
        stream = reorgs(self._tip.chain_id)
        before = await asyncio.to_thread(self._ledger.newest, stream)
        version = before.originator_version + 1 if before else 1
        await self._change(lambda: self._ledger.record(Recorded(stream, version, fact)))

    async def _change(self, change: Callable[[], object]) -> None:
        with self._effort.on("storing"):
            await asyncio.to_thread(change)
        self._enough.set()
        self._moved.set()

    async def _keep_showing(self) -> None:
        while True:
            await self._moved.wait()
            if self._is_past:  # a commit of many blocks costs little more than one of few
                with suppress(TimeoutError):
                    async with asyncio.timeout(GATHERED_S_MAX):
                        await self._enough.wait()
            self._moved.clear()
            async with self._turn:
                await self._show()
            reach("indexer.block_shown")

    async def _show(self) -> int:
        """Takes in what was recorded. Returns how many rows a reorg took back from readers."""
        in_hand, self._in_hand = self._in_hand, []
        self._enough.clear()
        self._room.set()
        with self._effort.on("storing"):
            return await asyncio.to_thread(self._explorer.refresh, self._newest, in_hand)

    def _finish(self) -> None:
        self._checks.close()
        self._explorer.refresh(self._newest, self._in_hand)
