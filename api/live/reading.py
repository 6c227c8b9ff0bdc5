"""One reader of the hub: topics and the last id come in, messages go out as they happen."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from api.live.channels import FellBehind, Frame
from api.live.hub import Hub
from api.live.messages import Message, dropped_message, subscribed_message
from api.live.topics import Topics

SLOW = "this reader is slower than what happens; come back with the last id to go on, as long as it is held"


class Reader:
    """Its place in the channel of its topics."""

    def __init__(self, hub: Hub, topics: Topics, event_id: str | None) -> None:
        self._hub = hub
        missed = hub.since(topics, event_id)
        self._channel = hub.join(topics)
        self._place = self._channel.end
        self._waiting = [Frame((*missed, hub.head()))]

    @property
    def topics(self) -> Topics:
        return self._channel.topics

    @property
    def is_alone(self) -> bool:
        return self._channel.readers == 1

    async def frames(self) -> list[Frame]:
        """What happened since the last call, as soon as anything has. Raises FellBehind."""
        while not self._waiting:
            if self._place == self._channel.end:
                await self._channel.news()
            self._take(self._channel.held(self._place))
        waiting, self._waiting = self._waiting, []
        return waiting

    def follow(self, topics: Topics) -> None:
        """Other topics from now on; what came before is not lost. Raises FellBehind."""
        before = self._channel
        self._take(before.held(self._place))
        self._channel = self._hub.join(topics)
        self._place = self._channel.end
        self._hub.leave(before)
        before.wake()
        self._waiting.append(Frame((subscribed_message(self._hub.newest, topics),)))

    def last_words(self) -> Message:
        return dropped_message(self._hub.newest, SLOW)

    def close(self) -> None:
        self._hub.leave(self._channel)

    def _take(self, frames: list[Frame]) -> None:
        self._waiting += frames
        self._place += len(frames)


@contextmanager
def reading(hub: Hub, topics: Topics, event_id: str | None) -> Iterator[Reader]:
    """Raises BadEventId."""
    reader = Reader(hub, topics, event_id)
    hub.readers += 1
    try:
        yield reader
    finally:
        hub.readers -= 1
        reader.close()


async def events(hub: Hub, topics: Topics, event_id: str | None) -> AsyncGenerator[bytes, None]:
    """One reader's stream of server-sent events, which ends when it is too slow."""
    with reading(hub, topics, event_id) as reader:
        try:
            while True:
                frames = await reader.frames()
                keep = not reader.is_alone and len(frames) == 1
                yield b"".join([frame.sse(keep) for frame in frames])
        except FellBehind:
            yield reader.last_words().sse
