import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from chain.devnet import Devnet
from chain.errors import Refused
from chain.heads import heads
from chain.node import Node
from chain.settings import ChainSettings, ProviderSettings
from tests.chain.lab import Lab, eventually, impatient, impatient_of
from tests.chain.proxy import Proxy


class Watch:
    """The heads heard so far, and waits for one."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.heard: list[int] = []

    async def until_at(self, number: int) -> None:
        await eventually(lambda: self.heard[-1:] == [number])


def watching(url: str, **settings: Any) -> AbstractAsyncContextManager[Watch]:
    return following(impatient(url, **settings))


@asynccontextmanager
async def following(settings: ChainSettings) -> AsyncIterator[Watch]:
    async with Node(settings) as node, aclosing(heads(node)) as stream:
        watch = Watch(node)

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


@pytest_asyncio.fixture
async def second(devnet: Devnet) -> AsyncIterator[Proxy]:
    async with Proxy(devnet.url) as proxy:
        yield proxy


def pair(first: Proxy, second: Proxy, sockets: bool = True, **others: Any) -> ChainSettings:
    both = (("first", first), ("second", second))
    providers = [
        ProviderSettings(url=each.url, ws_url=each.ws_url if sockets else None, name=name) for name, each in both
    ]
    return impatient_of(*providers, **others)


async def test_one_socket_is_listened_to_that_of_the_first_provider(proxy: Proxy, second: Proxy, lab: Lab) -> None:
    async with following(pair(proxy, second)) as watch:
        await eventually(lambda: proxy.socket_count == 1)
        await lab.mine(3)
        await watch.until_at(3)
        assert second.socket_count == 0


async def test_when_its_socket_breaks_the_next_is_listened_to_and_the_first_again_once_it_speaks(
    proxy: Proxy, second: Proxy, lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with following(pair(proxy, second)) as watch:
        await eventually(lambda: proxy.socket_count == 1)
        proxy.refuses_sockets = True
        await proxy.cut_sockets()
        await eventually(lambda: second.socket_count == 1)
        await lab.mine()
        await watch.until_at(1)
        proxy.refuses_sockets = False
        while "over after" not in caplog.text:
            await lab.mine()
            await asyncio.sleep(0.02)
        await eventually(lambda: (proxy.socket_count, second.socket_count) == (1, 0))
    away = [each.getMessage() for each in caplog.records if "is away, polling: " in each.getMessage()]
    assert len(away) == 1


async def test_a_silent_socket_is_left_for_one_that_speaks(proxy: Proxy, second: Proxy, lab: Lab) -> None:
    async with following(pair(proxy, second)) as watch:
        await eventually(lambda: proxy.socket_count == 1)
        proxy.is_silent = True
        for number in range(1, 6):
            await lab.mine()
            await watch.until_at(number)
        await eventually(lambda: second.socket_count == 1)


async def test_a_provider_that_stands_still_is_passed_over_until_it_has_caught_up(
    proxy: Proxy, second: Proxy, lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with following(pair(proxy, second, sockets=False, quiet_after_s=0.1)) as watch:
        await watch.until_at(0)
        stuck = await lab.node.call("eth_getBlockByNumber", ["0x0", False])
        proxy.lie = lambda method, _params, result: {
            "eth_getBlockByNumber": stuck, "eth_blockNumber": "0x0"
        }.get(method, result)  # fmt: skip
        await lab.mine(2)
        await watch.until_at(2)
        asked = len(second.asked)
        await lab.mine()
        await watch.until_at(3)
        assert len(second.asked) > asked
        proxy.lie = lambda _method, _params, result: result
        await eventually(lambda: "over after" in caplog.text)
    told = [each.getMessage() for each in caplog.records]
    assert told[0].startswith(f"provider first: {proxy.url} stands still at block 0, others are at 2")


async def until_subscribed(lab: Lab, watch: Watch) -> None:
    """Mines until the socket tells of it: a block may come between connecting and subscribing."""
    for _ in range(200):
        await lab.mine()
        if watch.heard[-1] > 0:
            break
        await asyncio.sleep(0.05)
    await watch.until_at(int(await lab.node.call("eth_blockNumber"), 16))
