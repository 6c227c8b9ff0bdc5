import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from chain.devnet import Devnet
from chain.errors import Refused
from chain.heads import heads
from chain.node import Node
from tests.chain.lab import Lab, eventually, impatient
from tests.chain.proxy import Proxy


class Watch:
    """The heads heard so far, and waits for one."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    async def until_at(self, number: int) -> None:
        await eventually(lambda: self.heard[-1:] == [number])


@asynccontextmanager
async def watching(url: str, **settings: Any) -> AsyncIterator[Watch]:
    watch = Watch()
    async with Node(impatient(url, **settings)) as node, aclosing(heads(node)) as stream:

        async def listen() -> None:
            async for head in stream:
                watch.heard.append(head.number)

        task = asyncio.create_task(listen())
        try:
            yield watch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_without_a_socket_new_heads_are_asked_for(lab: Lab, devnet: Devnet) -> None:
    async with watching(devnet.url) as watch:
        await watch.until_at(0)
        await lab.mine()
        await watch.until_at(1)


async def test_with_a_socket_nobody_has_to_ask(lab: Lab, proxy: Proxy) -> None:
    async with watching(proxy.url, ws_url=proxy.ws_url, poll_interval_s=60) as watch:
        await watch.until_at(0)
        await eventually(lambda: proxy.socket_count == 1)
        await until_subscribed(lab, watch)
        asked = len(proxy.asked)
        head = watch.heard[-1]
        await lab.mine()
        await watch.until_at(head + 1)
        assert len(proxy.asked) == asked


async def test_when_the_socket_is_cut_heads_are_asked_for_and_it_connects_again(
    lab: Lab, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with watching(proxy.url, ws_url=proxy.ws_url) as watch:
        await watch.until_at(0)
        await eventually(lambda: proxy.socket_count == 1)
        proxy.refuses_sockets = True
        await proxy.cut_sockets()
        await lab.mine()
        await watch.until_at(1)
        await eventually(lambda: "is away, polling" in caplog.text)
        proxy.refuses_sockets = False
        await eventually(lambda: proxy.socket_count == 1)
        await lab.mine()
        await watch.until_at(2)
    away = [record for record in caplog.records if "is away, polling: " in record.getMessage()]
    assert len(away) == 1, "an outage is one line"


async def test_a_socket_that_went_silent_does_not_keep_us_from_new_heads(lab: Lab, proxy: Proxy) -> None:
    async with watching(proxy.url, ws_url=proxy.ws_url) as watch:
        await eventually(lambda: proxy.socket_count == 1)
        proxy.is_silent = True
        await lab.mine()
        await watch.until_at(1)


async def test_a_head_that_went_back_is_told_although_no_socket_says_so(lab: Lab, devnet: Devnet) -> None:
    before = await lab.snapshot()
    await lab.mine(2)
    async with watching(devnet.url, ws_url=devnet.ws_url) as watch:
        await watch.until_at(2)
        await lab.revert(before)
        await watch.until_at(0)


async def test_a_slow_reader_gets_the_newest_and_not_all(lab: Lab, devnet: Devnet) -> None:
    async with Node(impatient(devnet.url, ws_url=devnet.ws_url)) as node, aclosing(heads(node)) as stream:
        told = [await anext(stream)]
        await lab.mine(30)
        while told[-1].number < 30:
            told.append(await anext(stream))
    assert len(told) < 10


async def test_while_the_node_is_away_we_wait(lab: Lab, proxy: Proxy) -> None:
    async with watching(proxy.url) as watch:
        await watch.until_at(0)
        proxy.status = 503
        await lab.mine()
        asked = len(proxy.asked)
        await eventually(lambda: len(proxy.asked) > asked + 4)
        proxy.status = 200
        await watch.until_at(1)


async def test_a_refusal_that_no_waiting_mends_ends_the_heads(proxy: Proxy) -> None:
    proxy.status = 401
    async with Node(impatient(proxy.url)) as node, aclosing(heads(node)) as stream:
        with pytest.raises(Refused, match="401"):
            await anext(stream)


async def until_subscribed(lab: Lab, watch: Watch) -> None:
    """Mines until the socket tells of it: a block may come between connecting and subscribing."""
    for _ in range(200):
        await lab.mine()
        if watch.heard[-1] > 0:
            break
        await asyncio.sleep(0.05)
    await watch.until_at(int(await lab.node.call("eth_blockNumber"), 16))
