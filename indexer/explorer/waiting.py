"""Readers that wait for news: each commit comes in as a number, and who waits for a later one wakes up."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Waiters:
    """Counts changes. Threads and coroutines wait alike; nobody polls."""

    def __init__(self) -> None:
        self.version = 0
        self._changed = threading.Condition()
        self._futures: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Something readable changed."""
        with self._changed:
            self.version += 1
            self._changed.notify_all()
            futures, self._futures = self._futures, set()
        for future in futures:
            _wake(future)

    def wait(self, after: int, timeout_s: float) -> int:
        """The version as soon as it is above `after`, or as it is when the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self.version > after, timeout_s)
            return self.version

    async def changed(self, after: int, timeout_s: float) -> int:
        """The same for a coroutine."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._changed:
            if self.version > after:
                return self.version
            self._futures.add(future)
        try:
            await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            pass
        finally:
            with self._changed:
                self._futures.discard(future)
        return self.version

    def until(self, found: Callable[[], T | None], timeout_s: float) -> T | None:
        """What `found` finds, asked again after each change; None when the time is up."""
        deadline = time.monotonic() + timeout_s
        while True:
            version = self.version
            if (answer := found()) or time.monotonic() >= deadline:
                return answer
            self.wait(version, max(0.0, deadline - time.monotonic()))

    async def until_async(self, found: Callable[[], T | None], timeout_s: float) -> T | None:
        """The same for a coroutine; `found` runs in a thread."""
        deadline = time.monotonic() + timeout_s
        while True:
            version = self.version
            if (answer := await asyncio.to_thread(found)) or time.monotonic() >= deadline:
                return answer
            await self.changed(version, max(0.0, deadline - time.monotonic()))


def _wake(future: asyncio.Future[None]) -> None:
    loop = future.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(None))
