"""Where commits of the index meet their readers: each change is read, numbered and encoded once, whoever follows it.

All of it happens in the event loop, but for one hand-over: the index tells of a commit in the thread that made it.
"""

import asyncio
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from api.explorer.words import stats_out
from api.live.channels import Channel
from api.live.messages import Draft, Message, drafts_of, head_message, reset_message, stats_draft
from api.live.topics import Topics
from api.service.refusals import Crowded, Invalid
from api.settings import ApiSettings
from indexer.explorer import Changes
from indexer.explorer.explorer import Explorer

EVENT_ID = re.compile(r"([0-9a-f]{8})-(\d{1,15})")
LOG_MESSAGES = 20_000
STATS_EVERY_S = 0.5
BEAT_CHECKS = 4
"""How often within a heartbeat's time is looked for channels that were silent for so long."""

UNTOLD = "more changed at once than is told one by one: load what you show, then go on with what comes here"
UNKNOWN = "what changed since the id you name is not held here: load what you show, then go on with what comes here"


class BadEventId(Invalid):
    """The id of the last event is none of ours."""

    remedy = "Send the id of a message of this stream, unchanged, or none to hear what happens from now on."


class TooManyReaders(Crowded):
    """As many readers as this server allows are already following."""

    remedy = "Read GET /explorer/v1/... instead, or try again in a moment."


class Hub:
    """The log of the newest messages, and a channel for each set of topics that somebody follows."""

    def __init__(self, explorer: Explorer, settings: ApiSettings, log_messages: int = LOG_MESSAGES) -> None:
        self._explorer, self._settings = explorer, settings
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._log: deque[Message] = deque(maxlen=log_messages)
        self._head = explorer.head()
        self._channels: dict[Topics, Channel] = {}
        self._by_topic: dict[str, set[Channel]] = {}
        self._flush_at: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0
        self.readers = 0

    @property
    def newest(self) -> str:
        """The id up to which all that happened was told. Rows read after this was asked for hold all of it."""
        return f"{self._epoch}-{self._number}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follows the index while the block lasts."""
        loop = asyncio.get_running_loop()

        def tell(changes: Changes) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self._take, changes)

        end = self._explorer.follow(tell)
        self._head = self._explorer.head()
        beside = [asyncio.create_task(work) for work in (self._keep_beating(), self._keep_counting())]
        try:
            yield
        finally:
            end()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def admit(self) -> None:
        """Raises TooManyReaders."""
        if self.readers >= self._settings.live_readers_max:
            raise TooManyReaders(f"{self.readers} readers are following, the most allowed")

    def since(self, topics: Topics, event_id: str | None) -> list[Message]:
        """What was told of these topics since an id, or the order to load everything anew. Raises BadEventId."""
        if not event_id:
            return []
        parts = EVENT_ID.fullmatch(event_id)
        if parts is None:
            raise BadEventId(f"the last event id is {event_id[:64]!r}")
        missed = self._number - int(parts[2])
        if parts[1] != self._epoch or not 0 <= missed <= len(self._log):
            return [reset_message(self.newest, UNKNOWN)]
        newer = (self._log[i] for i in range(len(self._log) - missed, len(self._log)))
        return [message for message in newer if message.draft.concerns(topics)]

    def join(self, topics: Topics) -> Channel:
        """The channel of these topics, with nothing pending: who joins has heard all that came before its end."""
        channel = self._channels.get(topics)
        if channel is None:
            channel = self._channels[topics] = Channel(topics, _now())
            for topic in topics:
                self._by_topic.setdefault(topic, set()).add(channel)
        elif channel.pending:
            channel.flush(self._head, self.head(), _now())
        channel.admit(self._head)
        return channel

    def leave(self, channel: Channel) -> None:
        channel.readers -= 1
        if channel.readers:
            return
        del self._channels[channel.topics]
        for topic in channel.topics:
            self._by_topic[topic].discard(channel)
            if not self._by_topic[topic]:
                del self._by_topic[topic]

    def head(self) -> Message:
        return head_message(self.newest, self._head)

    def _take(self, changes: Changes) -> None:
        """One commit, in the event loop."""
        self._head = changes.head
        if not changes.is_whole:
            self._start_anew()
        for draft in drafts_of(changes):
            self._post(draft)
        self._flush_soon()

    def _post(self, draft: Draft) -> None:
        self._number += 1
        message = Message(self.newest, draft)
        self._log.append(message)
        for channel in self._followers(draft):
            channel.pending.append(message)

    def _followers(self, draft: Draft) -> Iterator[Channel]:
        """Each once, though it may follow several of the topics."""
        found = {channel for topic in draft.topics for channel in self._by_topic.get(topic, ())}
        return (channel for channel in found if not draft.unless or channel.topics.isdisjoint(draft.unless))

    def _start_anew(self) -> None:
        self._number += 1
        self._log.clear()
        for channel in self._channels.values():
            channel.pending = [reset_message(self.newest, UNTOLD)]

    def _flush_soon(self) -> None:
        """At once after a silence; else together with what else comes within a moment."""
        if self._flush_at is None:
            loop = asyncio.get_running_loop()
            self._flush_at = loop.call_at(self._flushed_at + self._settings.live_together_s, self._flush)

    def _flush(self) -> None:
        self._flush_at, self._flushed_at = None, _now()
        head = self.head()
        for channel in self._channels.values():
            if channel.wants(self._head):
                channel.flush(self._head, head, self._flushed_at)

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_s / BEAT_CHECKS)
            now = _now()
            beat = self.head()
            for channel in self._channels.values():
                if now - channel.sent_at >= self._settings.heartbeat_s and not channel.pending:
                    channel.beat(beat, now)

    async def _keep_counting(self) -> None:
        """Tells the figures whenever they are others, while anybody follows them."""
        version, told = -1, None
        while True:
            version = await self._explorer.changed(version, timeout_s=1.0)
            if "stats" in self._by_topic:
                row = await asyncio.to_thread(self._explorer.queries.stats)
                stats = stats_out(row)
                if stats != told:
                    told = stats
                    self._post(stats_draft(stats, row.head == row.final))
                    self._flush_soon()
            await asyncio.sleep(STATS_EVERY_S)


def _now() -> float:
    return asyncio.get_running_loop().time()
