"""Tasks and timers come in; time that jumps from one timer to the next comes out, and threads that are none.

An hour of waiting costs nothing, and the same seed runs the same steps in the same order.
"""

import asyncio
import random
from asyncio import base_events
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

STEPS_MAX = 400_000
"""A world that is not done by then goes in circles."""


class Stuck(AssertionError):
    """Nothing is left that could ever happen, or the same happens for ever."""


class VirtualLoop(base_events.BaseEventLoop):
    """An event loop without sockets. `takes_s` says how long a thread's work takes at most, by the function's name."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.takes_s: Callable[[str], float] = lambda _: 0.01
        self.steps = 0
        self.at_step: Callable[[int], None] = lambda _: None
        self.may_work: Callable[[], bool] = lambda: True
        self.after_work: Callable[[], None] = lambda: None
        self._now = 0.0
        self._selector = self  # what the base class asks how long to sleep

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Sleeps by moving the clock."""
        if timeout is None:
            raise Stuck(f"at {self._now:.3f} s everybody waits for somebody else")
        self._now += timeout
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Stuck(f"not done after {STEPS_MAX} steps, at {self._now:.3f} s")
        self.at_step(self.steps)
        return []

    def run_in_executor(self, _: object, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """The work of a thread: done at once or at its end, whatever becomes of who waits for it."""
        future: asyncio.Future[T] = self.create_future()
        takes_s = self.chance.random() * self.takes_s(_name(func))
        begins_s = self.chance.choice((0.0, takes_s))
        ends_s = takes_s - begins_s
        self.call_later(begins_s, self._work, self.may_work, future, lambda: func(*args), ends_s)
        return future

    def _work(
        self, may_work: Callable[[], bool], future: asyncio.Future[T], work: Callable[[], T], ends_s: float
    ) -> None:
        """Cancelling who waits does not stop a thread; only the end of its process does."""
        if not may_work():
            future.cancel()
            return
        try:
            result = work()
        except BaseException as fault:
            tell: Callable[..., None] = future.set_exception
            told: Any = fault
        else:
            tell, told = future.set_result, result
            self.after_work()
        self.call_later(ends_s, lambda: None if future.done() else tell(told))

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody is woken."""


def _name(func: Any) -> str:
    """What `asyncio.to_thread` was asked to call."""
    within = getattr(func, "args", ())
    return str(getattr(within[0] if within else func, "__qualname__", ""))


def run(loop: VirtualLoop, main: Coroutine[Any, Any, T]) -> T:
    """`main` to its end, and whatever it left behind cancelled."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.at_step = lambda _: None
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
