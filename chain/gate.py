"""Requests go in, as many at once come out as the provider bears: more with answers, fewer when it limits us."""

import asyncio
from collections import deque
from types import TracebackType

from chain.pacing import Pace


class Gate:
    """Use as `async with gate`. Lets the rest wait in the order they came."""

    def __init__(self, at_once: int, at_once_max: int) -> None:
        self.pace = Pace(1, at_once_max, min(at_once, at_once_max))
        self._inside = 0
        self._answered = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def widen(self) -> None:
        """After an answer: one more at once for each full round of them."""
        self._answered += 1
        if self._answered >= self.pace.now:
            self._answered = 0
            self.pace = self.pace.grown()
            self._admit()

    def narrow(self) -> None:
        """After a refusal for going too fast: half as many at once."""
        self._answered = 0
        self.pace = self.pace.shrunk()

    async def __aenter__(self) -> None:
        if self._inside < self.pace.now and not self._waiting:
            self._inside += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._inside -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._inside < self.pace.now:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)
