"""The jobs that somebody tells or follows right now: events come in from worker and chain, numbered stories go out.

All of it is in memory and bounded: what is forgotten can be told again from the explorer's row and the answer's bytes.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from api.service.refusals import Crowded
from api.service.telling import Event, EventName, Source, Told, difference, reason

Clock = Callable[[], int]


class TooManyStreams(Crowded):
    """As many readers as this server allows are already following jobs."""

    remedy = "Read GET /v1/prompts/{id}?wait=30 instead, or try again in a moment."


class FellBehind(Exception):
    """A reader was slower than the story; what it has not read yet is no longer held piece by piece."""


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


class Story:
    """What was told of one job, in order. Old tokens are folded into one event, so its length is bounded."""

    def __init__(self, events_max: int, clock: Clock) -> None:
        self.events: list[Event] = []
        self.token_seq = -1
        self.index_version = -1
        self.ended = False
        self.readers = 0
        self._events_max, self._clock = events_max, clock
        self._numbered = 0
        self._folded_through = 0
        self._news = asyncio.Event()

    def tell(self, name: EventName, data: dict[str, Any], source: Source) -> Event:
        self._numbered += 1
        event = Event(self._numbered, name, data, source, self._clock())
        self.events.append(event)
        if len(self.events) > self._events_max:
            self._fold()
        self._news.set()
        self._news = asyncio.Event()
        return event

    def tell_chain(self, now: Sequence[Told], answer: str | None = None) -> None:
        """Brings the chain's part up to `now`: withdraws what no longer holds, then tells what is new.

        `answer` is the whole text, for a story that nobody heard while it was told.
        """
        withdrawn, fresh = difference(self.events, now)
        self._withdraw(withdrawn, reason(withdrawn, now))
        for one in fresh:
            if one.name == "answered" and answer is not None:
                self.tell("token", {"seq": 0, "text": answer}, "worker")
            self.tell(one.name, one.data, "chain")
        self.ended = bool(now) and now[-1].name in ("indexed", "failed")

    def end_attempt(self, reason: str) -> None:
        """Withdraws what the worker said so far: it failed, or was restarted and answers again from the first token."""
        self._withdraw([event for event in self.events if event.source == "worker"], reason)

    @property
    def claimant(self) -> str | None:
        """The worker of the claim that stands."""
        return next((event.data["worker"] for event in reversed(self.events) if event.name == "claimed"), None)

    def holds(self, number: int) -> bool:
        """Whether a reader who has everything up to `number` can go on from there."""
        return number == 0 or self._folded_through <= number <= self._numbered

    async def follow(self, after: int, heartbeat_s: float) -> AsyncGenerator[Event | None, None]:
        """Events above `after` as they come; None when nothing came for a while. Raises FellBehind."""
        while True:
            if after and not self.holds(after):
                raise FellBehind
            news = self._news
            fresh = [event for event in self.events if event.number > after]
            for event in fresh:
                yield event
                after = event.number
            if fresh:
                continue
            if self.ended:
                return
            try:
                await asyncio.wait_for(news.wait(), heartbeat_s)
            except TimeoutError:
                yield None

    def _withdraw(self, events: Sequence[Event], reason: str) -> None:
        if not events:
            return
        gone = {event.number for event in events}
        self.events = [event for event in self.events if event.number not in gone]
        if any(event.source == "worker" for event in events):
            self.token_seq = -1
        names = list(dict.fromkeys(event.name for event in events))
        self.tell("retract", {"events": sorted(gone), "names": names, "reason": reason}, "chain")

    def _fold(self) -> None:
        """Makes one event of each run of tokens in the older half."""
        half = len(self.events) // 2
        old, young = self.events[:half], self.events[half:]
        folded: list[Event] = []
        for event in old:
            if folded and event.name == "token" == folded[-1].name:
                text = folded[-1].data["text"] + event.data["text"]
                folded[-1] = Event(event.number, "token", event.data | {"text": text}, event.source, event.at)
            else:
                folded.append(event)
        self._folded_through = old[-1].number
        self.events = folded + young


class Stories:
    """The stories held, the least recently used forgotten first."""

    def __init__(self, stories_max: int, events_max: int, streams_max: int, clock: Clock = unix_ms) -> None:
        self.epoch = secrets.token_hex(4)
        self._limits = stories_max, events_max, streams_max
        self._clock = clock
        self._stories: OrderedDict[int, Story] = OrderedDict()
        self.streams = 0

    def held(self, job_id: int) -> Story | None:
        return self._stories.get(job_id)

    def followed(self) -> list[int]:
        """The jobs that somebody follows right now."""
        return [job_id for job_id, story in self._stories.items() if story.readers]

    def open(self, job_id: int) -> Story:
        story = self._stories.setdefault(job_id, Story(self._limits[1], self._clock))
        self._stories.move_to_end(job_id)
        if len(self._stories) > self._limits[0]:
            self._forget(keep=job_id)
        return story

    async def read(self, job_id: int, after: int, heartbeat_s: float) -> AsyncGenerator[Event | None, None]:
        """One reader's walk through a story. Raises TooManyStreams, FellBehind."""
        if self.streams >= self._limits[2]:
            raise TooManyStreams(f"{self.streams} readers are following jobs, the most allowed")
        story = self.open(job_id)
        self.streams += 1
        story.readers += 1
        try:
            async with aclosing(story.follow(after, heartbeat_s)) as events:
                async for event in events:
                    yield event
        finally:
            self.streams -= 1
            story.readers -= 1

    def _forget(self, keep: int) -> None:
        idle = (job_id for job_id, story in self._stories.items() if not story.readers and job_id != keep)
        if (oldest := next(idle, None)) is not None:
            del self._stories[oldest]
