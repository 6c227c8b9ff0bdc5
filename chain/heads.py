"""A node goes in, its newest head comes out, each time there is another one: told by WebSocket, else asked for.

A reader that is slow skips what it missed. One socket is listened to, of the best provider that has one and speaks. It
only makes it quick: whenever it is silent for a poll interval a provider is asked, so a socket that died without a
word, or a head that went back, costs no more than that interval.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from msgspec import Struct

from chain.effort import Effort
from chain.errors import ChainError, Distrusted, Retryable
from chain.integrity import check_header
from chain.jsonrpc import Rpc
from chain.node import Node
from chain.outages import Outage
from chain.patience import pause_before
from chain.provider import Provider
from chain.wire import Header, quantity

SUBSCRIBE = '{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'

SILENT_AFTER = 3
"""So many new heads in a row that had to be asked for, and the socket that told none is left."""

log = logging.getLogger(__name__)


class Head(Struct, frozen=True):
    """The newest block as the node has it; nothing says that it stands on the one before."""

    number: int
    hash: bytes


class _Params(Struct, frozen=True):
    result: Header


class _News(Struct, frozen=True):
    params: _Params | None = None
    error: msgspec.Raw | None = None


_decode = msgspec.json.Decoder(_News).decode


class _Newest:
    """A place for one head: a new one replaces the one that nobody has taken."""

    def __init__(self, effort: Effort) -> None:
        self.heard = asyncio.Event()
        self.changed_at = _now()
        self.missed = 0
        """How many new heads were not told but asked for since the socket told one."""
        self.listening: asyncio.Timeout | None = None
        self._effort = effort
        self._head: Head | None = None
        self._failure: BaseException | None = None
        self._there = asyncio.Event()

    def told(self, head: Head) -> None:
        self.missed = 0
        self.heard.set()
        self._offer(head)

    def asked(self, head: Head) -> None:
        self.missed += self._offer(head)
        if self.missed >= SILENT_AFTER and self.listening is not None:
            self.listening.reschedule(_now())
            self.listening = None

    def watch(self, task: asyncio.Task[None]) -> None:
        """Hands the error that a task ended with to whoever takes next."""
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._there.set()

    async def take(self) -> Head:
        await self._there.wait()
        self._there.clear()
        if self._failure is not None:
            raise self._failure
        assert self._head is not None
        return self._head

    def _offer(self, head: Head) -> bool:
        if head == self._head:
            return False
        self._head = head
        self.changed_at = _now()
        self._effort.note("head", head.number)
        self._there.set()
        return True


class _Ear:
    """What became of listening to one provider's socket."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.rests_until = 0.0
        self._failures = 0
        self._outage = Outage(log, f"the WebSocket of {provider.place} is away, polling")

    def heard(self) -> None:
        self._failures = 0
        self._outage.end()

    def broke(self, error: BaseException, rest_s: float = 0.0) -> None:
        """While the provider as a whole is away, that alone is told."""
        self._failures += 1
        self.rests_until = _now() + max(rest_s, pause_before(self._failures, self.provider.settings))
        if self.provider.health.is_well:
            self._outage.begin(error)


async def heads(node: Node) -> AsyncGenerator[Head, None]:
    """The newest head, then each other one; ends only by a Fatal. Close it (`contextlib.aclosing`) to end its tasks."""
    newest = _Newest(node.effort)
    tasks = [asyncio.create_task(_poll(node, newest))]
    if any(provider.ws_url for provider in node.providers("head")):
        tasks.append(asyncio.create_task(_listen(node, newest)))
    for task in tasks:
        task.add_done_callback(newest.watch)
    try:
        while True:
            with node.effort.on("waiting"):
                head = await newest.take()
            yield head
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def latest(node: Rpc) -> Head:
    """The newest block, its hash checked."""
    return _head(await node.call("eth_getBlockByNumber", ["latest", False], Header))


async def _poll(node: Node, newest: _Newest) -> None:
    """Asks at once, and then whenever nothing was heard for a poll interval."""
    while True:
        try:
            newest.asked(await latest(node))
            if _now() - newest.changed_at >= node.settings.quiet_after_s:
                await _compare(node)
                newest.changed_at = _now()
        except Retryable as error:
            log.debug("no head: %s", error)  # the outage of a provider is told where its calls are made
        quiet = False
        while not quiet:
            newest.heard.clear()
            try:
                async with asyncio.timeout(node.settings.poll_interval_s):
                    await newest.heard.wait()
            except TimeoutError:
                quiet = True


async def _compare(node: Node) -> None:
    """Passes over those whose head stays below the others', until they have caught up."""
    well = [each for each in node.providers("head") if each.health.is_well]
    if len(well) < 2:
        return
    first = await asyncio.gather(*[latest(each) for each in well], return_exceptions=True)
    best = max((head.number for head in first if isinstance(head, Head)), default=0)
    behind = [each for each, head in zip(well, first, strict=True) if isinstance(head, Head) and head.number < best]
    if behind:
        await asyncio.sleep(node.settings.poll_interval_s)
    for each in behind:
        if (head := await latest(each)).number < best:
            each.lags(head.number, best)


async def _listen(node: Node, newest: _Newest) -> None:
    """Hears new heads from the best socket there is; when that breaks or falls silent, from the next."""
    ears: dict[str, _Ear] = {}
    while True:
        ear = _best(node, ears)
        if ear is None or ear.rests_until > _now():
            await asyncio.sleep(node.settings.poll_interval_s if ear is None else ear.rests_until - _now())
            continue
        newest.missed = 0
        try:
            async with asyncio.timeout(None) as newest.listening, aclosing(_subscription(ear.provider)) as told:
                async for head in told:
                    newest.told(head)
                    ear.heard()
                    if _best(node, ears) is not ear:
                        break
                else:
                    ear.broke(Distrusted("it closed"))
        except TimeoutError:
            ear.broke(Distrusted("it is silent"), node.settings.distrust_s)
        except (OSError, msgspec.DecodeError, ChainError) as error:
            ear.broke(error)
        newest.listening = None


def _best(node: Node, ears: dict[str, _Ear]) -> _Ear | None:
    """The ear at the first socket that is at hand, in the order in which providers are asked; else the next to be."""
    for provider in node.providers("head"):
        if provider.ws_url is not None:
            ears.setdefault(provider.name, _Ear(provider))
    able = [ears[each.name] for each in node.providers("head") if each.name in ears]
    ready = [each for each in able if each.rests_until <= _now()]
    well = [each for each in ready if each.provider.health.is_well]
    return next(iter(well or ready or sorted(able, key=lambda each: each.rests_until)), None)


async def _subscription(provider: Provider) -> AsyncGenerator[Head, None]:
    socket = await provider.connect()
    try:
        await socket.send(SUBSCRIBE)
        async for text in socket:
            news = _decode(text)
            if news.error is not None:
                raise Distrusted(f"it refuses to tell new heads: {bytes(news.error).decode(errors='replace')[:200]}")
            if news.params is not None:
                yield _head(news.params.result)
    finally:
        await socket.close()


def _head(header: Header) -> Head:
    return Head(quantity(header.number, 63), check_header(header))


def _now() -> float:
    return asyncio.get_running_loop().time()
