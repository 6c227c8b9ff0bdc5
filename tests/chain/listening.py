"""A follower goes in; what a reader who acts on its news would hold at each moment comes out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from chain.following import Follower
from chain.news import Extended, Finalised, News, Reorganised
from chain.node import Node
from domain.facts import BlockFinalised as Block
from domain.ledger.tip import Position
from tests.chain.lab import Lab, impatient


class Listener:
    """Follows in the background, applies each piece of news, and objects to news that do not fit together."""

    def __init__(self, follower: Follower, final: Position | None = None, tip: tuple[Block, ...] = ()) -> None:
        self.follower = follower
        self.news: list[News] = []
        self.blocks: list[Block] = list(tip)
        self.final = final
        self._changed = asyncio.Condition()

    @property
    def head(self) -> int:
        return self.blocks[-1].number if self.blocks else -1

    @property
    def tip(self) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if self.final is None or block.number > self.final.number)

    @property
    def jobs(self) -> list[int]:
        """The jobs claimed, in the order of the chain."""
        return [each.fact.job_id for block in self.blocks for each in block.occurrences]  # type: ignore[union-attr]

    @property
    def reorgs(self) -> list[Reorganised]:
        return [each for each in self.news if isinstance(each, Reorganised)]

    async def until(self, holds: Callable[[], bool], timeout_s: float = 20) -> None:
        """Waits for a condition on what was heard; if following failed, that is what it raises."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not holds():
            if self._task.done():
                self._task.result()
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"not so after {timeout_s} s; trouble: {self.follower.trouble}; news: {self.news}")
            async with self._changed:
                try:
                    await asyncio.wait_for(self._changed.wait(), 0.02)
                except TimeoutError:
                    continue

    async def until_at(self, number: int, timeout_s: float = 20) -> None:
        await self.until(lambda: self.head == number, timeout_s)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        async for each in self.follower.news():
            self.news.append(each)
            self._apply(each)
            async with self._changed:
                self._changed.notify_all()

    def _apply(self, each: News) -> None:
        if isinstance(each, Extended):
            for block in each.blocks:
                below = self.blocks[-1] if self.blocks else None
                assert below is None or (block.number, block.parent) == (below.number + 1, below.hash)
                self.blocks.append(block)
        elif isinstance(each, Reorganised):
            assert each.dropped == tuple(block.hash for block in self.blocks if block.number >= each.number)
            assert self.final is None or each.number > self.final.number
            self.blocks = [block for block in self.blocks if block.number < each.number]
        elif isinstance(each, Finalised):
            assert self.final is None or each.number > self.final.number
            assert each.hash in [block.hash for block in self.blocks if block.number == each.number]
            self.final = Position(each.number, each.hash)


@asynccontextmanager
async def following(lab: Lab, url: str, **settings: Any) -> AsyncIterator[Listener]:
    """Follows the lab's chain from its first block through the provider at `url`."""
    async with Node(impatient(url, **settings)) as node, Listener(Follower(node, lab.decoder, lab.pins)) as heard:
        yield heard
