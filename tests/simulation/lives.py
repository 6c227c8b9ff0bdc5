"""A disk comes in; processes live on it one after another, killed where the seed says, watched to their end."""

import asyncio
import random
from collections.abc import Callable

from domain.faultpoints import listening
from domain.ledger import LedgerError
from indexer.explorer import Explorer, ExplorerError
from tests.simulation.disk import Disk, FileDisk
from tests.simulation.loop import VirtualLoop
from tests.simulation.machine import Killed, Machine
from tests.simulation.trace import Trace

DAMAGES = (LedgerError, ExplorerError)
"""What a process may end with on damaged files; an operator then does what it asks for."""

POINTS_A_LIFE, STEPS_A_LIFE = 150, 800
RESTART_S_MAX = 30.0


class Lives:
    """`start` makes the next process. `crashes` are still to come; `fault` is what a process ended with by itself."""

    def __init__(
        self, loop: VirtualLoop, disk: Disk, chance: random.Random, trace: Trace, start: Callable[[], Machine]
    ) -> None:
        self.crashes = 0
        self.damages = self.damaged = False
        self.is_early = False
        self.count = 0
        self.fault: BaseException | None = None
        self.begins: Callable[[], None] = _nothing
        self.between: Callable[[], None] = _nothing
        """What is done once, when the process has ended and before the next begins."""
        self._loop = loop
        self._disk = disk
        self._chance = chance
        self._trace = trace
        self._start = start
        self._machine: Machine | None = None
        self._life: asyncio.Task[None] | None = None
        self._points = 0
        self._dies_at_point = self._dies_at_step = 0

    @property
    def explorer(self) -> Explorer | None:
        """What the living process shows."""
        return self._machine.explorer if self._machine else None

    async def run(self) -> None:
        """Starts the process again whenever it was killed or stopped; returns when it ends by itself."""
        while self.fault is None:
            self.count += 1
            machine = self._machine = self._start()
            self._loop.may_work = lambda of=machine: not of.is_dead  # type: ignore[misc]
            self.begins()
            self._choose_death()
            self._trace.tell(f"life {self.count} begins")
            with listening(self._reached):
                await self._live(machine)
            if isinstance(self._disk, FileDisk) and self.damages and not self.damaged:
                self.damaged = True
                self._trace.tell(self._disk.damage(self._chance))
            between, self.between = self.between, _nothing
            between()
            await asyncio.sleep(self._chance.uniform(0.1, RESTART_S_MAX))

    async def stop(self) -> None:
        """Ends the process in order, as an operator does; returns when it is gone."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait((self._life,))

    async def _live(self, machine: Machine) -> None:
        self._life = asyncio.create_task(machine.run())
        await asyncio.wait((self._life,))
        fault = None if self._life.cancelled() else self._life.exception()
        was_killed = machine.is_dead or isinstance(fault, Killed)
        await machine.die(self._life)
        self._disk.let_go()
        self._trace.tell(f"life {self.count} ends: {'killed' if was_killed else type(fault).__name__}")
        if self.damaged and isinstance(fault, DAMAGES):
            self._disk.mend(fault)
        elif not was_killed:
            self.fault = fault

    def _choose_death(self) -> None:
        """At the so many-th point of the code, or between two steps of the loop."""
        self._points = self._dies_at_point = self._dies_at_step = 0
        if self.crashes:
            self.crashes -= 1
            early = 10 if self.is_early else 1
            if self._chance.random() < 0.8:
                self._dies_at_point = self._chance.randint(1, POINTS_A_LIFE // early)
            else:
                self._dies_at_step = self._loop.steps + self._chance.randint(1, STEPS_A_LIFE // early)
        self._loop.at_step = self._stepped

    def _reached(self, point: str) -> None:
        assert self._machine is not None
        if self._machine.is_dead:
            raise Killed(point)
        self._points += 1
        if self._points == self._dies_at_point:
            self._kill(point)
            raise Killed(point)

    def _stepped(self, step: int) -> None:
        if step == self._dies_at_step and self._life is not None and not self._life.done():
            self._kill(f"step {step}")

    def _kill(self, where: str) -> None:
        assert self._machine is not None
        self._machine.is_dead = True
        self._disk.crash()
        self._trace.tell(f"life {self.count} is killed at {where}")
        if self._life is not None:
            self._loop.call_soon(self._life.cancel)


def _nothing() -> None:
    """Nothing is to be done."""
