"""The API's side of SQL: a text comes in, the gate's answer goes out, from memory while nothing has changed since."""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from api.service.refusals import Crowded, Invalid, Unready
from api.sql.settings import SqlSettings
from api.sql.wire import Format, Outcome, Question, Reply, Standing, frame, receive

RETRY_S = 0.05
BROKEN = (ConnectionError, FileNotFoundError, asyncio.IncompleteReadError, msgspec.MsgspecError)

log = logging.getLogger(__name__)


class NotAllowed(Invalid):
    """The statement is not one that may be asked."""

    remedy = "Ask with one SELECT over the tables and functions that /explorer/v1/dictionary and docs/sql.md list."


class TextTooLong(Invalid):
    """The text of the query is too long."""

    remedy = "Put long lists of values into a range or a join."


class QueryFailed(Invalid):
    """DuckDB can not answer the query."""

    remedy = "Correct the query; /explorer/v1/dictionary lists tables and columns."


class QueryTooSlow(Invalid):
    """The query takes longer than one may."""

    remedy = "Narrow it by block, time or key, or take the data: /explorer/v1/export or /explorer/v1/snapshot.duckdb."


class QueryTooBig(Invalid):
    """The query needs more memory, or has a bigger answer, than one may."""

    remedy = "Ask for fewer columns or rows, or take the data: /explorer/v1/export or /explorer/v1/snapshot.duckdb."


class SqlCrowded(Crowded):
    """As many queries run as may run at once."""


class SqlUnready(Unready):
    """The process that answers SQL is not there."""

    remedy = "Try again in a moment: it is started anew within a second."


class SqlOff(Unready):
    """This server answers no SQL."""

    remedy = "Ask another server, or its operator: [sql] enabled = true."


REFUSALS: dict[Outcome, type[Invalid]] = {
    Outcome.REFUSED: NotAllowed,
    Outcome.FAILED: QueryFailed,
    Outcome.TOO_SLOW: QueryTooSlow,
    Outcome.TOO_BIG: QueryTooBig,
}


class Key(Struct, frozen=True):
    text: str
    format: Format
    rows_max: int


class SqlDoor:
    """Connections to the gate at `path`, and the answers that still hold."""

    def __init__(self, path: str, settings: SqlSettings) -> None:
        self.settings = settings
        self._path = path
        self._free = asyncio.Semaphore(settings.queries_at_once)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._kept = Kept(settings.cache_bytes_max)
        self.standing: Standing | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hears of changes while the block lasts."""
        hearing = asyncio.create_task(self._hear())
        try:
            yield
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            for _, writer in self._idle:
                writer.close()

    def check_length(self, text: str) -> None:
        """Raises TextTooLong."""
        most = self.settings.text_bytes_max
        if (length := len(text.encode("utf-8", "replace"))) > most:
            raise TextTooLong(f"the query has {length} bytes, more than the {most} that one may have")

    def known(self, key: Key) -> Reply | None:
        """An answer that still holds."""
        return self._kept.get(key, self.standing) if self.standing else None

    async def answer(self, key: Key, client: str) -> Reply:
        """Cancelled, it stops the query. Raises the refusals of this module."""
        if found := self.known(key):
            return found
        async with self._turn(client):
            reply = await self._ask(key)
        if reply.outcome is not Outcome.ANSWERED:
            raise REFUSALS[reply.outcome](reply.reason)
        if not reply.is_changing:
            self._kept.put(key, reply)
        return reply

    @asynccontextmanager
    async def _turn(self, client: str) -> AsyncIterator[None]:
        """A place among those that run; nobody may take all of them. Raises SqlCrowded after a while."""
        most = self.settings.queries_at_once
        share = self._shares.get(client)
        if share is None:
            share = self._shares[client] = asyncio.Semaphore(max(1, most // 2))
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self.settings.wait_s_max):
                    await stack.enter_async_context(share)
                    await stack.enter_async_context(self._free)
            except TimeoutError:
                raise SqlCrowded(
                    f"{most} queries may run at once, half of them for one address, and none ended"
                    f" within {self.settings.wait_s_max:g} s"
                ) from None
            yield

    async def _ask(self, key: Key) -> Reply:
        """Once more where the gate ended under it, if there was time for more: it may be somebody else's fault."""
        question = Question(key.text, key.format, key.rows_max)
        began = time.monotonic()
        while True:
            try:
                return await self._exchange(question)
            except BROKEN:
                if time.monotonic() - began > self.settings.seconds_max:
                    raise QueryTooSlow("the query did not stop, and took the process that ran it along") from None
                if time.monotonic() - began > self.settings.seconds_max / 2:
                    raise SqlUnready("the process that answers SQL ended meanwhile") from None
            await asyncio.sleep(RETRY_S)

    async def _exchange(self, question: Question) -> Reply:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_unix_connection(self._path)
        is_whole = False
        try:
            writer.write(frame(question))
            reply = await receive(reader, Reply)
            is_whole = True
            return reply
        finally:
            if is_whole:
                self._idle.append((reader, writer))
            else:
                writer.close()

    async def _hear(self) -> None:
        while True:
            with contextlib.suppress(*BROKEN):
                reader, writer = await asyncio.open_unix_connection(self._path)
                try:
                    writer.write(frame(Question("", Format.JSON, 0)))
                    while True:
                        self.standing = await receive(reader, Standing)
                finally:
                    writer.close()
            self.standing = None
            await asyncio.sleep(RETRY_S)


class Kept:
    """Answers by question, the least asked for let go first; they hold for one standing."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max, self._bytes = bytes_max, 0
        self._standing: Standing | None = None
        self._replies: OrderedDict[Key, Reply] = OrderedDict()

    def get(self, key: Key, standing: Standing) -> Reply | None:
        if standing != self._standing:
            return None
        found = self._replies.get(key)
        if found:
            self._replies.move_to_end(key)
        return found

    def put(self, key: Key, reply: Reply) -> None:
        if reply.standing != self._standing:
            self._replies.clear()
            self._standing, self._bytes = reply.standing, 0
        self._replies[key] = reply
        self._bytes += len(reply.body)
        while self._bytes > self._bytes_max:
            _, oldest = self._replies.popitem(last=False)
            self._bytes -= len(oldest.body)
