"""Readers of the same topics share what they are sent: messages come in, frames of them go out to all at once.

A reader keeps nothing but its place among the frames. Who stands so far back that its next frame is gone falls behind.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from api.live.messages import Message
from api.live.topics import Topics
from indexer.explorer.rows import Head

FRAMES_MAX = 256
MESSAGES_MAX = 8_192
"""What a channel holds for readers that are slower than the others, whichever is reached first."""


class FellBehind(Exception):
    """What the reader should be sent next is not held any more."""


class Frame:
    """Messages that are sent together. `beat` is a sign of life, with the id up to which all was told."""

    def __init__(self, messages: Sequence[Message], beat: bool = False) -> None:
        self.messages, self.beat = messages, beat
        self._sse: bytes | None = None

    def sse(self, keep: bool) -> bytes:
        """As server-sent events; joined once if it is kept for other readers."""
        if self._sse is not None:
            return self._sse
        joined = b"".join([message.sse for message in self.messages])
        if self.beat:
            joined = f": heartbeat\nid: {self.messages[-1].id}\n\n".encode()
        self._sse = joined if keep else None
        return joined

    def forget(self) -> None:
        self._sse = None


class Channel:
    """One set of topics. `readers` are how many follow it."""

    def __init__(self, topics: Topics, now: float) -> None:
        self.topics = topics
        self.readers = 0
        self.pending: list[Message] = []
        self.sent_at = now
        self._frames: deque[Frame] = deque()
        self._first = 0
        self._held = 0
        self._news = asyncio.Event()
        self._told_final = -1
        self._unfinal = -1

    @property
    def end(self) -> int:
        """The place after the newest frame."""
        return self._first + len(self._frames)

    def admit(self, head: Head) -> None:
        """One more reader, who may hold rows of any block up to the head."""
        self.readers += 1
        self._unfinal = max(self._unfinal, head.number)
        self._told_final = max(self._told_final, head.final) if self.readers > 1 else head.final

    def wants(self, head: Head) -> bool:
        """Whether there is news for its readers at this head: messages, or rows that became final."""
        return bool(self.pending) or self._told_final < min(head.final, self._unfinal)

    def flush(self, head: Head, message: Message, now: float) -> None:
        """Sends what is pending, with the head that it leads to."""
        self._send(Frame((*self.pending, message)), now)
        self.pending = []
        self._told_final, self._unfinal = head.final, max(self._unfinal, head.number)

    def beat(self, message: Message, now: float) -> None:
        self._send(Frame((message,), beat=True), now)

    async def news(self) -> None:
        """Returns when there is a new frame, or a reader has left."""
        await self._news.wait()

    def wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def held(self, place: int) -> list[Frame]:
        """The frames from `place` on. Raises FellBehind."""
        if place < self._first:
            raise FellBehind
        return [self._frames[i] for i in range(place - self._first, len(self._frames))]

    def _send(self, frame: Frame, now: float) -> None:
        if self._frames:
            self._frames[-1].forget()
        self._frames.append(frame)
        self._held += len(frame.messages)
        while len(self._frames) > FRAMES_MAX or (self._held > MESSAGES_MAX and len(self._frames) > 1):
            self._held -= len(self._frames.popleft().messages)
            self._first += 1
        self.sent_at = now
        self.wake()
