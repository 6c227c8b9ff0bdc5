"""The chain's news come in, one by one; tip, ledger and explorer follow, and what was checked is put on record."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

from chain.effort import Effort
from chain.news import Extended, Finalised, News, Reorganised
from domain.facts import BlockFinalised, ChainReorganised
from domain.faultpoints import reach
from domain.ledger import Ledger, Position, Recorded, Tip
from indexer.explorer import Explorer
from indexer.explorer.sources import reorgs
from indexer.integrity import Checks


class Indexer:
    """The ledger's writer for one chain. What arrives while the explorer is busy is taken in at its next turn."""

    def __init__(
        self, ledger: Ledger, tip: Tip, explorer: Explorer, checks: Checks, effort: Effort | None = None
    ) -> None:
        self._ledger = ledger
        self._tip = tip
        self._explorer = explorer
        self._checks = checks
        self._effort = effort or Effort()
        self._ready: list[BlockFinalised] = []
        self._newest: BlockFinalised | None = None
        self._moved = asyncio.Event()
        self._turn = asyncio.Lock()

    async def run(self, news: AsyncIterator[News]) -> None:
        """Until the news end or something breaks; a deep reorg, for one, is raised as the news told it."""
        await asyncio.to_thread(lambda: self._checks.recover(self._tip.position(), self._tip.blocks()))
        showing = asyncio.create_task(self._keep_showing())
        reading = asyncio.create_task(self._read(news))
        try:
            done, _ = await asyncio.wait((showing, reading), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (reading, showing):
                task.cancel()
            await asyncio.gather(reading, showing, return_exceptions=True)
            await asyncio.to_thread(self._finish)

    def nudge(self) -> None:
        """Something was recorded in the ledger that the explorer should show."""
        self._moved.set()

    async def _read(self, news: AsyncIterator[News]) -> None:
        async for each in news:
            match each:
                case Extended():
                    await self._extend(each)
                case Reorganised(number):
                    await self._reorganise(number, each.dropped)
                case Finalised(number, hash_):
                    await self._finalise(Position(number, hash_))

    async def _extend(self, news: Extended) -> None:
        self._newest = news.blocks[-1]
        self._effort.count("blocks", many=len(news.blocks))
        self._effort.count("logs", many=sum(len(block.occurrences) for block in news.blocks))
        self._checks.saw(news.blocks, news.evidence, news.is_final)
        if news.is_final:
            self._ready += news.blocks
            return
        for block in news.blocks:
            await self._change(partial(self._tip.extend, block))

    async def _finalise(self, upto: Position) -> None:
        ready, self._ready = self._ready, []
        if not self._checks.has_begun:  # first: a crash in between must not lose where the first range began
            await asyncio.to_thread(self._checks.finalised, upto)
        if ready:
            await self._change(lambda: self._tip.advance(ready, upto))
        else:
            await self._change(lambda: self._tip.finalise(upto.number))
        reach("indexer.final_recorded")
        await asyncio.to_thread(self._checks.finalised, upto)

    async def _reorganise(self, number: int, dropped: tuple[bytes, ...]) -> None:
        """Takes the blocks back and shows that, before any other comes in their place."""
        self._checks.dropped(number)
        async with self._turn:
            await asyncio.to_thread(self._explorer.refresh)
            await asyncio.to_thread(self._tip.drop_from, number)
            rows = await asyncio.to_thread(self._explorer.refresh)
            reach("indexer.reorg_shown")
        fact = ChainReorganised(int(time.time() * 1000), number, dropped, rows)
        stream = reorgs(self._tip.chain_id)
        before = await asyncio.to_thread(self._ledger.newest, stream)
        version = before.originator_version + 1 if before else 1
        await self._change(lambda: self._ledger.record(Recorded(stream, version, fact)))

    async def _change(self, change: Callable[[], object]) -> None:
        with self._effort.on("storing"):
            await asyncio.to_thread(change)
        self._moved.set()

    async def _keep_showing(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            async with self._turn:
                with self._effort.on("storing"):
                    await asyncio.to_thread(self._explorer.refresh, self._newest)
            reach("indexer.block_shown")

    def _finish(self) -> None:
        self._checks.close()
        self._explorer.refresh(self._newest)
