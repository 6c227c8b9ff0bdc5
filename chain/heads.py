"""A node goes in, its newest head comes out, each time there is another one: told by WebSocket, else asked for.

A reader that is slow skips what it missed. The socket only makes it quick: whenever it is silent for a poll interval
the node is asked, so a socket that died without a word, or a head that went back, costs no more than that interval.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from msgspec import Struct

from chain.errors import ChainError, Distrusted, Retryable
from chain.integrity import check_header
from chain.node import Node, pause_before
from chain.outages import Outage
from chain.wire import Header, quantity

SUBSCRIBE = '{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'

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

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self._head: Head | None = None
        self._failure: BaseException | None = None
        self._there = asyncio.Event()

    def offer(self, head: Head) -> None:
        self.heard.set()
        if head != self._head:
            self._head = head
            self._there.set()

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


async def heads(node: Node) -> AsyncGenerator[Head, None]:
    """The newest head, then each other one; ends only by a Fatal. Close it (`contextlib.aclosing`) to end its tasks."""
    newest = _Newest()
    tasks = [asyncio.create_task(_poll(node, newest))]
    if node.settings.ws_url is not None:
        tasks.append(asyncio.create_task(_listen(node, node.settings.ws_url, newest)))
    for task in tasks:
        task.add_done_callback(newest.watch)
    try:
        while True:
            yield await newest.take()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def latest(node: Node) -> Head:
    """The node's newest block, its hash checked."""
    return _head(await node.call("eth_getBlockByNumber", ["latest", False], Header))


async def _poll(node: Node, newest: _Newest) -> None:
    """Asks at once, and then whenever nothing was heard for a poll interval."""
    outage = Outage(log, f"{node.place} does not tell its head")
    while True:
        try:
            newest.offer(await latest(node))
            outage.end()
        except Retryable as error:
            outage.begin(error)
        quiet = False
        while not quiet:
            newest.heard.clear()
            try:
                async with asyncio.timeout(node.settings.poll_interval_s):
                    await newest.heard.wait()
            except TimeoutError:
                quiet = True


async def _listen(node: Node, ws_url: str, newest: _Newest) -> None:
    """Hears new heads, and connects again whenever that breaks."""
    outage = Outage(log, f"the WebSocket of {node.place} is away, polling")
    failures = 0
    while True:
        try:
            async with aclosing(_subscription(node, ws_url)) as told:
                async for head in told:
                    newest.offer(head)
                    outage.end()
                    failures = 0
            outage.begin(Distrusted("it closed"))
        except (OSError, msgspec.DecodeError, ChainError) as error:
            outage.begin(error)
        failures += 1
        await asyncio.sleep(pause_before(failures, node.settings))


async def _subscription(node: Node, ws_url: str) -> AsyncGenerator[Head, None]:
    socket = await node.connect(ws_url)
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
