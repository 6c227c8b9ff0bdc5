"""Numbers of blocks go in; checked blocks come out, with who told them and what speaks against them.

Requests run ahead of the checks, a window of blocks each; windows grow and shrink with what the providers take. A
provider that is caught is passed over, and another one asked for the same blocks.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct

from chain.blocks import Answer, At, Block, Reader, Receipts
from chain.errors import Retryable, TooMuch
from chain.jsonrpc import Call
from chain.news import Evidence
from chain.node import Node
from chain.pacing import Pace
from chain.provider import Provider
from chain.quorum import Ballots
from chain.settings import Role

WINDOW_BLOCKS_MAX = 500
WINDOW_LOGS = 4_000
"""Windows that bring more logs than that shrink: they bound the memory, and for how long checks keep others waiting."""

BLOCKS_A_TURN = 16
"""So many blocks are checked and decoded before others may run."""

DENSE_SHARE = 0.5
"""Of windows of which more blocks than that held receipts of ours, the next asks for all receipts at once."""


class Stretch(Struct, frozen=True):
    """Checked blocks in the order they were asked for."""

    blocks: list[Block]
    evidence: Evidence


class _Told(Struct, frozen=True):
    """What one provider said of some blocks, not yet checked."""

    provider: Provider
    ats: Sequence[At]
    blocks: list[Answer]
    receipts: list[Receipts]
    troubles: Sequence[tuple[str, Retryable]]
    """Who was asked before and could not be understood, and why."""


@asynccontextmanager
async def _at_once(*asked: Coroutine[Any, Any, list[Any]]) -> AsyncIterator[list[asyncio.Task[list[Any]]]]:
    """Runs them side by side; what is not awaited to its end is given up."""
    tasks = [asyncio.create_task(each) for each in asked]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Source:
    """Reads checked blocks through a node's providers."""

    def __init__(self, node: Node, reader: Reader) -> None:
        self._node = node
        self._reader = reader
        now = min(node.settings.batch_blocks, WINDOW_BLOCKS_MAX)
        self._pace = Pace(1, WINDOW_BLOCKS_MAX, now, step=max(1, now // 4))
        self._is_dense = True

    async def block(self, at: At) -> Stretch:
        """One block, at the head."""
        with self._node.effort.on("fetching"):
            told = await self._ask_enough("head", [at])
        return await self._believe("head", [at], told)

    async def range(self, first: int, last: int) -> AsyncGenerator[Stretch, None]:
        """The blocks `first` to `last` in order, a window at a time, while the next ones are on their way."""
        coming: deque[tuple[range, asyncio.Task[list[_Told]]]] = deque()
        try:
            while first <= last or coming:
                while first <= last and len(coming) < self._node.settings.batches_ahead:
                    window = range(first, min(first + self._pace.now, last + 1))
                    coming.append((window, asyncio.create_task(self._ask_enough("backfill", window))))
                    first = window.stop
                window, task = coming.popleft()
                with self._node.effort.on("fetching"):
                    told = await task
                yield await self._believe("backfill", window, told)
        finally:
            for _, task in coming:
                task.cancel()
            await asyncio.gather(*(task for _, task in coming), return_exceptions=True)

    async def _ask_enough(self, role: Role, ats: Sequence[At]) -> list[_Told]:
        """What as many providers say as the level wants to hear."""
        told: list[_Told] = []
        while len(told) < self._reader.level.voters:
            told.append(await self._ask(role, ats, {each.provider.name for each in told}))
        return told

    async def _ask(self, role: Role, ats: Sequence[At], but_not: Collection[str] = ()) -> _Told:
        """What one provider says; where one fails and is passed over from then on, the next."""
        left, name, troubles = len(self._node.providers(role)), "", list[tuple[str, Retryable]]()
        while True:
            left -= 1
            try:
                async with self._node.lease(role, but_not) as provider:
                    name = provider.name
                    blocks, receipts = await self._gather(provider, ats)
                    return _Told(provider, ats, blocks, receipts, troubles)
            except TooMuch:
                raise
            except Retryable as error:
                troubles.append((name, error))
                if left <= 0:
                    raise

    async def _gather(self, provider: Provider, ats: Sequence[At]) -> tuple[list[Answer], list[Receipts]]:
        """The provider's answers, in parts where it finds the whole too much."""
        try:
            return await self._request(provider, ats)
        except TooMuch as error:
            self._pace = self._pace.shrunk(error.suggested, len(ats), error.is_lasting)
            if len(ats) == 1:
                raise
        blocks: list[Answer] = []
        receipts: list[Receipts] = []
        for part in (ats[: len(ats) // 2], ats[len(ats) // 2 :]):
            more_blocks, more_receipts = await self._gather(provider, part)
            blocks += more_blocks
            receipts += more_receipts
        return blocks, receipts

    async def _request(self, provider: Provider, ats: Sequence[At]) -> tuple[list[Answer], list[Receipts]]:
        """All at once where most blocks are wanted whole; else the headers first, and then what these speak of."""
        reader = self._reader
        calls: list[Call] = [reader.header_call(at) for at in ats]
        if len(ats) == 1:
            block, told = await provider.batch([*calls, reader.receipts_call(ats[0])])
            return [block], [told]
        if self._is_dense or not reader.level.trusts_bloom:
            async with _at_once(provider.batch(calls), provider.batch([*map(reader.receipts_call, ats)])) as both:
                return await both[0], await both[1]
        blocks: list[Answer] = await provider.batch(calls)
        wanted = [i for i, block in enumerate(blocks) if reader.wants_receipts(block)]
        found = await provider.batch([reader.receipts_call(ats[i]) for i in wanted])
        receipts: list[Receipts] = [None] * len(blocks)
        for i, each in zip(wanted, found, strict=True):
            receipts[i] = each
        return blocks, receipts

    async def _believe(self, role: Role, ats: Sequence[At], told: Sequence[_Told]) -> Stretch:
        """What was told, once the checks are passed and enough providers said the same; asks others until they do."""
        ballots = Ballots(self._reader.level, ats)
        trouble: Retryable | None = None
        while True:
            for each in told:
                for name, error in each.troubles:
                    ballots.doubt(name, error)
                try:
                    ballots.cast(each.provider.name, await self._read(each))
                except Retryable as error:
                    trouble = error
                    each.provider.blame(error)
                    ballots.asked.add(each.provider.name)
                    ballots.doubt(each.provider.name, error)
            blocks = ballots.elected()
            if blocks is not None:
                self._adapt(ats, blocks)
                return Stretch(blocks, ballots.evidence())
            if ballots.asked >= {each.name for each in self._node.providers(role)}:
                raise trouble or ballots.disagreement()
            told = [await self._ask(role, ats, ballots.asked)]

    async def _read(self, told: _Told) -> list[Block]:
        """The blocks, checked and decoded; lets others run in between, as this keeps a core busy."""
        reader, effort, blocks = self._reader, self._node.effort, list[Block]()
        answers = list(zip(told.ats, told.blocks, told.receipts, strict=True))
        for start in range(0, len(answers), BLOCKS_A_TURN):
            turn = answers[start : start + BLOCKS_A_TURN]
            with effort.on("checking"):
                digests = [reader.check(*each) for each in turn]
            with effort.on("decoding"):
                for digest, (_, block, receipts) in zip(digests, turn, strict=True):
                    assert block is not None
                    blocks.append(reader.read(digest, block, receipts))
            await asyncio.sleep(0)
        return blocks

    def _adapt(self, ats: Sequence[At], blocks: Sequence[Block]) -> None:
        """Chooses how much to ask for next, and how, by what this window held."""
        logs = sum([len(block.occurrences) for block in blocks])
        self._node.effort.count("blocks", many=len(blocks))
        self._node.effort.count("logs", many=logs)
        if len(ats) == 1:
            return
        self._is_dense = sum([1 for block in blocks if block.transactions]) > DENSE_SHARE * len(blocks)
        if logs > WINDOW_LOGS:
            self._pace = self._pace.shrunk(len(ats) * WINDOW_LOGS // logs, len(ats))
        elif 2 * logs < WINDOW_LOGS:
            self._pace = self._pace.grown()
