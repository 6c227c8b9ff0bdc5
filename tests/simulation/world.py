"""A plan goes in; its world is lived through, checked at every step, and what came of it goes out."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from msgspec import Struct

from chain import patience
from chain.errors import DeepReorg, WrongChain
from receipts.deployment import Deployment
from tests.simulation.chain import Chain
from tests.simulation.disk import Cellar, Disk
from tests.simulation.happenings import Growth, calm, weather
from tests.simulation.lies import OF_BLOCKS, OF_RECEIPTS
from tests.simulation.lives import Lives
from tests.simulation.logs import sample_deployment
from tests.simulation.loop import VirtualLoop, run
from tests.simulation.machine import Machine, settings_of
from tests.simulation.network import Network
from tests.simulation.oracle import TABLES
from tests.simulation.people import People
from tests.simulation.plan import Plan
from tests.simulation.provider import Provider
from tests.simulation.providing import chain_settings
from tests.simulation.readers import Reader, Wrong, level
from tests.simulation.trace import Trace

LEVEL_WITHIN_S = 900.0
LOOK_EACH_S = 2.0
LINES_SHOWN = 30
SHOWING = "Explorer.refresh"
CALM_SHOW_S = 3.0
"""What comes meanwhile is shown at once: that saves the time of hundreds of small transactions."""


class Outcome(Struct, frozen=True):
    """What came of a world. `trace` is the same whenever its seed is."""

    trace: str
    lines: tuple[str, ...]
    steps: int
    requests: int
    lives: int
    reorgs: int
    looks: int
    requests_at_end: int
    seconds: float


class Failed(AssertionError):
    """A world in which something was seen that must never be."""

    def __init__(self, plan: Plan, fault: BaseException, lines: list[str]) -> None:
        self.reason = f"{type(fault).__name__}: {fault}"
        end = f"{self.reason}\nreplay with: SEED={plan.seed} make simulate"
        self.whole = "\n".join([*lines, end])
        super().__init__("\n".join([*lines[-LINES_SHOWN:], end]))


class World:
    """Everything that one plan makes."""

    def __init__(self, plan: Plan, disk: Disk, deployment: Deployment) -> None:
        self.plan = plan
        self.disk = disk
        self.loop = VirtualLoop(self._chance("loop"))
        self.loop.takes_s = lambda name: plan.show_s if name == SHOWING else plan.work_s
        self.trace = Trace(self.loop.time)
        self.chain = Chain(
            deployment,
            self._chance("chain"),
            plan.depth,
            plan.first_block,
            sees_silent=plan.level != "bloom",
        )
        self.people = People(self.chain, self._chance("people"), plan.busy)
        self.providers = [self._provider(i) for i in range(plan.providers)]
        self.network = Network(self.providers, self._chance("network"), self.trace.tell)
        self.growth = Growth(plan, self.chain, self.people, self.providers, self._chance("growth"), self.trace)
        self.lives = Lives(self.loop, disk, self._chance("lives"), self.trace, self._machine)
        self.lives.crashes, self.lives.is_early = plan.crashes, plan.crash_early
        self.lives.damages = plan.damages
        self.reader = Reader(self.chain)
        self.lives.begins = self.reader.begins
        self.wrong: Wrong | None = None
        self.requests_before_end = 0
        self.shown_final = -1
        self.at_end: Callable[[], None] = lambda: None
        self._ends: asyncio.Future[None] | None = None

    def live(self) -> Outcome:
        """Raises Failed with the last lines of the trace."""
        patience._random.seed(self.plan.seed)  # the jitter of pauses that nobody gave a chance of their own
        self.loop.set_exception_handler(self._complain)
        try:
            run(self.loop, self._unfold())
        except Exception as fault:
            raise Failed(self.plan, fault, self.trace.lines) from fault
        return Outcome(
            trace=self.trace.digest,
            lines=tuple(self.trace.lines),
            steps=self.loop.steps,
            requests=self.network.requests,
            lives=self.lives.count,
            reorgs=self.chain.reorgs,
            looks=self.reader.looks,
            requests_at_end=self.network.requests - (self.requests_before_end or self.network.requests),
            seconds=self.loop.time(),
        )

    async def _unfold(self) -> None:
        self.growth.begin()
        self.loop.after_work = self._glance
        living = asyncio.create_task(self.lives.run())
        storms = asyncio.create_task(weather(self.plan, self.network, self.providers, self._chance("weather")))
        looking = asyncio.create_task(self._look_now_and_then())
        try:
            await self._unless_over(self.growth.run(), living)
            storms.cancel()
            await self._settle(living)
            await self._finish(living)
        finally:
            for task in (living, storms, looking):
                task.cancel()
            for task in (living, storms, looking):
                with suppress(asyncio.CancelledError):
                    await task

    async def _settle(self, living: asyncio.Task[None]) -> None:
        """Calm: the process must come level with the chain, whatever has happened to it."""
        self.loop.takes_s = lambda name: CALM_SHOW_S if name == SHOWING else 0.01
        calm(self.network, self.providers)
        self.lives.crashes, self.lives.damages = 0, False
        for _ in range(2):
            self.chain.mine(self.plan.block_s)
        calm(self.network, self.providers)
        self.trace.tell(f"calm, the chain ends with block {self.chain.head.number}")
        await self._unless_over(self._come_level(), living)
        self._look_at_all()
        self.at_end()

    async def _finish(self, living: asyncio.Task[None]) -> None:
        """How this world ends, if not well: with the right reason, and with the final data untouched."""
        if self.plan.ending in ("restarted", "tables lost"):
            await self._begin_again(living)
        elif self.plan.ending == "wrong chain":
            for provider in self.providers:
                provider.chain_id += 1
            await self.lives.stop()
            await self._ends_with(WrongChain, living)
        elif self.plan.ending == "deep reorg" and self.shown_final > self.chain.first:
            depth = self.chain.head.number - self.shown_final + 1
            self.chain.reorganise(depth, depth + 1, keeps=0)
            self.trace.tell(f"{depth} blocks replaced, one of them final")
            calm(self.network, self.providers)
            await self._ends_with(DeepReorg, living)

    async def _begin_again(self, living: asyncio.Task[None]) -> None:
        """Another process shows the same, and does not ask the chain for what the ledger has."""
        self.requests_before_end = self.network.requests
        if self.plan.ending == "tables lost":
            self.lives.between = self.disk.lose_tables
        await self.lives.stop()
        await self._unless_over(self._come_level(), living)
        self._look_at_all()

    def _look_at_all(self) -> None:
        explorer = self.lives.explorer
        assert explorer is not None
        self.shown_final = explorer.head().final
        self.reader.look(explorer)
        self.reader.look_back(explorer)

    async def _ends_with(self, kind: type[Exception], living: asyncio.Task[None]) -> None:
        done, _ = await asyncio.wait((living,), timeout=LEVEL_WITHIN_S)
        if not done or not isinstance(self.lives.fault, kind):
            raise Wrong(f"the process should end with {kind.__name__}, not with {self.lives.fault!r}")

    async def _unless_over(self, happening: Any, living: asyncio.Task[None]) -> None:
        """Waits for what happens, unless the process ends by itself or a reader sees what he must not."""
        task = asyncio.ensure_future(happening)
        self._ends = self.loop.create_future()
        await asyncio.wait((task, living, self._ends), return_when=asyncio.FIRST_COMPLETED)
        if self.wrong is not None:
            raise self.wrong
        if living.done():
            living.result()
            raise Wrong(f"the process ended by itself: {self.lives.fault!r}") from self.lives.fault
        task.result()

    async def _come_level(self) -> None:
        begun = self.loop.time()
        while True:
            explorer = self.lives.explorer
            if explorer is not None and self._is_level(explorer.head()):
                return
            if self.loop.time() - begun > LEVEL_WITHIN_S:
                shown = explorer.head() if explorer else None
                raise Wrong(
                    f"not level with block {self.chain.head.number} after {LEVEL_WITHIN_S} calm seconds: {shown}"
                )
            await asyncio.sleep(LOOK_EACH_S)

    def _is_level(self, head: Any) -> bool:
        """At the head, and as final as the depth asks for; nothing is final before the first block that matters is."""
        least = self.chain.head.number - self.plan.depth
        return level(self.chain, head) and (least < self.chain.first or least <= head.final <= self.chain.floor)

    async def _look_now_and_then(self) -> None:
        """A reader who comes at any time and looks at a few tables."""
        chance = self._chance("reader")
        for _ in range(self.plan.looks):
            await asyncio.sleep(chance.expovariate(1 / (self.plan.blocks * self.plan.block_s / self.plan.looks)))
            explorer = self.lives.explorer
            if explorer is not None:
                tables = tuple(chance.sample(TABLES, 2))
                self._see(partial(self.reader.look, explorer, tables))
                self._see(partial(self.reader.look_at_the_past, explorer, chance.choice(TABLES), chance.randint(0, 5)))

    def _glance(self) -> None:
        explorer = self.lives.explorer
        if explorer is not None:
            self._see(lambda: self.reader.glance(explorer))

    def _see(self, look: Any) -> None:
        try:
            look()
        except Wrong as wrong:
            self.wrong = self.wrong or wrong
            if self._ends is not None and not self._ends.done():
                self._ends.set_result(None)

    def _complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A task that failed and that nobody heard of."""
        fault = context.get("exception")
        if isinstance(fault, Exception):
            self._see(lambda: _raise(Wrong(f"nobody was told: {context['message']}: {fault!r}")))

    def _machine(self) -> Machine:
        settings = settings_of(self.disk, chain_settings(self.plan, self.providers), self.plan.batch_events)
        return Machine(settings, self.chain.deployment, self.network.door(), self._chance(f"pauses {self.lives.count}"))

    def _provider(self, index: int) -> Provider:
        provider = Provider(f"node{index}", self.chain, self._chance(f"node{index}"))
        provider.forgets, provider.moves = self.plan.forgets, self.plan.moves
        if index == self.plan.providers - 1 if self.plan.level.startswith("quorum") else index or not self.plan.honest:
            provider.lies = self.plan.lies
            provider.kinds = tuple(lie for lie in (*OF_RECEIPTS, *OF_BLOCKS) if lie.__name__ in self.plan.lie_kinds)
        return provider

    def _chance(self, of: str) -> random.Random:
        return random.Random(f"{of} {self.plan.seed}")


def _raise(error: Exception) -> None:
    raise error


class Worlds:
    """Lives through worlds one after another, on one cellar of disks. Use as a context."""

    def __init__(self) -> None:
        self._deployment = sample_deployment()
        self._cellar = Cellar(self._deployment.chain_id)

    def live(self, plan: Plan, at_end: Callable[[], None] = lambda: None) -> Outcome:
        """`at_end` is called while the process is level with the chain."""
        with self._cellar.disk(plan.disk) as disk:
            world = World(plan, disk, self._deployment)
            world.at_end = at_end
            return world.live()

    def __enter__(self) -> "Worlds":
        logging.disable(logging.ERROR)
        return self

    def __exit__(self, *_: object) -> None:
        logging.disable(logging.NOTSET)
        self._cellar.close()
