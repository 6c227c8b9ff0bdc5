"""What can go wrong between us and a provider, each once with another to turn to and once with none."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
import pytest_asyncio

from chain.devnet import Devnet, DevnetSettings
from chain.errors import ChainError, Overloaded, TooSlow, Unreachable
from chain.failures import of_status
from chain.following import Follower
from chain.heads import heads
from chain.jsonrpc import Call
from chain.node import Node
from chain.settings import ProviderSettings
from chain.transport import Reply
from tests.chain.lab import Lab, eventually, impatient, impatient_of
from tests.chain.listening import Listener
from tests.chain.proxy import Proxy

BOUND_S = 5.0
"""No call may take longer in these tests, whatever happens: their deadline is below."""

QUICK = {"request_timeout_s": 0.5, "deadline_s": 4.0}

Fault = Callable[[Proxy], Awaitable[None]]


async def is_limited(proxy: Proxy) -> None:
    proxy.status = 429


async def is_limited_until_told(proxy: Proxy) -> None:
    proxy.status, proxy.headers = 429, {"Retry-After": "0.1"}


async def is_broken(proxy: Proxy) -> None:
    proxy.status = 500


async def is_unavailable(proxy: Proxy) -> None:
    proxy.status = 503


async def is_behind_a_gateway_that_times_out(proxy: Proxy) -> None:
    proxy.status = 504


async def hangs(proxy: Proxy) -> None:
    proxy.awake.clear()


async def answers_half(proxy: Proxy) -> None:
    proxy.breaks = "half"


async def truncates_json(proxy: Proxy) -> None:
    proxy.spoil = lambda body: body[: len(body) // 2]


async def resets_connections(proxy: Proxy) -> None:
    proxy.breaks = "reset"


async def is_gone(proxy: Proxy) -> None:
    await proxy.leave()


FAULTS: list[Fault] = [
    is_limited, is_limited_until_told, is_broken, is_unavailable, is_behind_a_gateway_that_times_out,
    hangs, answers_half, truncates_json, resets_connections, is_gone,
]  # fmt: skip


async def mend(proxy: Proxy, fault: Fault) -> None:
    proxy.status, proxy.headers, proxy.breaks, proxy.spoil = 200, {}, "", lambda body: body
    proxy.awake.set()
    if fault is is_gone:
        await proxy.come()


@pytest_asyncio.fixture
async def second(devnet: Devnet) -> AsyncIterator[Proxy]:
    async with Proxy(devnet.url) as proxy:
        yield proxy


@asynccontextmanager
async def two(first: Proxy, second: Proxy) -> AsyncIterator[Node]:
    providers = [ProviderSettings(url=each.url, name=name) for name, each in (("first", first), ("second", second))]
    async with Node(impatient_of(*providers, **QUICK)) as node:
        yield node


async def number(node: Node) -> int:
    async with asyncio.timeout(BOUND_S):
        return int(await node.call("net_version"))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_other_provider_is_asked_meanwhile_and_the_first_again_once_it_works(
    fault: Fault, proxy: Proxy, second: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with two(proxy, second) as node:
        await number(node)
        assert second.asked == []
        await fault(proxy)
        for _ in range(3):
            await number(node)
        assert second.asked.count("net_version") == 3
        await eventually(lambda: len(lines(caplog)) == 1)
        asked = len(second.asked)
        await mend(proxy, fault)
        await eventually(lambda: len(lines(caplog)) == 2)
        await number(node)
        assert len(second.asked) == asked
    begun, ended = lines(caplog)
    assert begun.startswith("provider first: ")
    assert ended.startswith("over after")
    assert ended.endswith("provider first")


@pytest.mark.parametrize("fault", FAULTS)
async def test_without_another_provider_it_is_waited_out(
    fault: Fault, lab: Lab, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with (
        Node(impatient(proxy.url, **QUICK)) as node,
        Listener(Follower(node, lab.decoder, lab.pins)) as heard,
    ):
        await lab.claim(1)
        await heard.until_at(1)
        await fault(proxy)
        await lab.claim(2)
        await eventually(lambda: len(lines(caplog)) == 1)
        assert heard.head == 1
        await mend(proxy, fault)
        await heard.until_at(2)
        await eventually(lambda: len(lines(caplog)) == 2)
    assert len(lines(caplog)) == 2, "an outage is one line, its end another"


@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        (is_limited, Overloaded, "429"),
        (is_broken, Overloaded, "5xx"),
        (hangs, TooSlow, "timeout"),
        (answers_half, Unreachable, "reset"),
        (truncates_json, ChainError, "malformed"),
        (resets_connections, Unreachable, "reset"),
        (is_gone, Unreachable, "connect"),
    ],
)
async def test_each_fault_is_told_apart(fault: Fault, error: type[ChainError], kind: str, proxy: Proxy) -> None:
    async with Node(impatient(proxy.url, **QUICK)) as node:
        await fault(proxy)
        with pytest.raises(error) as caught:
            await number(node)
        assert caught.value.kind == kind
        assert node.effort.counted("provider_errors") == {kind: 2}
        await mend(proxy, fault)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://no-such-host.invalid:8545", "dns"),
        ("https://127.0.0.1:{port}", "tls"),
        ("http://127.0.0.1:1", "connect"),
    ],
)
async def test_a_host_without_name_certificate_or_server_is_passed_over(
    url: str, kind: str, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    url = url.format(port=proxy.url.rpartition(":")[2])  # where no TLS is spoken
    away, well = ProviderSettings(url=url, name="away"), ProviderSettings(url=proxy.url, name="well")
    async with Node(impatient_of(away, well)) as node:
        for _ in range(3):
            await number(node)
        await eventually(lambda: len(lines(caplog)) == 1)
        assert set(node.effort.counted("provider_errors")) == {kind}
        assert lines(caplog)[0].startswith(f"provider away: {url}: ")


async def test_all_providers_gone_for_long_is_two_lines_and_then_it_goes_on(
    lab: Lab, proxy: Proxy, second: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with two(proxy, second) as node, aclosing(heads(node)) as stream:
        assert (await anext(stream)).number == 0
        await proxy.leave()
        await second.leave()
        waiting = asyncio.create_task(anext(stream))
        await eventually(lambda: len(lines(caplog)) == 2)
        failed = node.effort.counted("provider_errors")["connect"]
        await eventually(lambda: node.effort.counted("provider_errors")["connect"] > failed + 40)
        assert not waiting.done()
        await lab.mine()
        await second.come()
        assert (await waiting).number == 1
        await proxy.come()
        await eventually(lambda: len(lines(caplog)) == 4)
        await lab.mine()
        assert (await anext(stream)).number == 2
    assert sum(each.startswith("provider ") for each in lines(caplog)) == 2


async def test_a_provider_that_hangs_while_it_is_vetted_holds_nobody_up_for_long(proxy: Proxy, second: Proxy) -> None:
    proxy.awake.clear()
    async with two(proxy, second) as node:
        began = asyncio.get_running_loop().time()
        await number(node)
        assert asyncio.get_running_loop().time() - began < 2


async def test_when_all_hang_each_call_ends_with_its_deadline(proxy: Proxy, second: Proxy) -> None:
    proxy.awake.clear()
    second.awake.clear()
    providers = [ProviderSettings(url=each.url, name=each.url) for each in (proxy, second)]
    async with Node(impatient_of(*providers, attempts=1000, request_timeout_s=0.2, deadline_s=0.7)) as node:
        began = asyncio.get_running_loop().time()
        errors = await asyncio.gather(*[node.call("net_version") for _ in range(50)], return_exceptions=True)
        assert all(isinstance(each, TooSlow) for each in errors)
        assert asyncio.get_running_loop().time() - began < 2


async def test_a_clock_that_jumps_changes_no_pause_and_no_deadline(
    proxy: Proxy, second: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, real = random.Random(7), time.time
    monkeypatch.setattr(time, "time", lambda: real() + chance.choice((-1e9, 0, 1e9)))
    async with two(proxy, second) as node:
        for fault in (is_unavailable, hangs, is_limited_until_told):
            await fault(proxy)
            await number(node)
            await mend(proxy, fault)
            (first,) = [each for each in node.providers("head") if each.name == "first"]
            await eventually(lambda first=first: first.health.is_well)  # type: ignore[misc]
            await number(node)


@pytest.mark.parametrize(
    ("header", "clock", "after_s"),
    [
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1792567680.0 - 5, 5.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1792567680.0 + 1e6, 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0, 60.0),
        ("7", 0.0, 7.0),
        ("-3", 0.0, 0.0),
        ("1e9", 0.0, 60.0),
        ("soon", 0.0, None),
        ("nan", 0.0, None),
        ("", 0.0, None),
    ],
)
def test_when_to_come_back_is_seconds_or_a_date_and_never_far_whatever_the_clock(
    header: str, clock: float, after_s: float | None
) -> None:
    error = of_status("http://node", [Call("eth_call")], Reply(429, {"retry-after": header}, b""), lambda: clock)
    assert isinstance(error, Overloaded)
    assert error.retry_after_s == after_s


@pytest.mark.parametrize("fault", FAULTS)
async def test_following_goes_on_through_it_and_it_is_told_once(
    fault: Fault, lab: Lab, proxy: Proxy, second: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with two(proxy, second) as node, Listener(Follower(node, lab.decoder, lab.pins)) as heard:
        await lab.claim(1)
        await heard.until_at(1)
        await fault(proxy)
        await lab.claim(2)
        await heard.until_at(2)
        await lab.mine(12)
        await heard.until_at(14)
        await eventually(lambda: len(lines(caplog)) == 1)
        await mend(proxy, fault)
        await eventually(lambda: len(lines(caplog)) == 2)
        await lab.claim(3)
        await heard.until_at(15)
        assert heard.jobs == [1, 2, 3]
    assert [each.partition(": ")[0] for each in lines(caplog)][:1] == ["provider first"]
    assert len(lines(caplog)) == 2


async def test_a_provider_of_a_chain_that_began_anew_is_left_out_though_its_id_is_the_same(
    lab: Lab, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    await lab.claim(1)
    with Devnet(DevnetSettings(automine=False, extra=("--timestamp", "1600000000"))) as anew:
        providers = [ProviderSettings(url=url, name=name) for name, url in (("anew", anew.url), ("ours", proxy.url))]
        async with (
            Node(impatient_of(*providers)) as node,
            Listener(Follower(node, lab.decoder, lab.pins)) as heard,
        ):
            await heard.until_at(1)
            assert [each.name for each in node.providers("head")] == ["ours"]
    (told,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert told.startswith("provider anew is left out from now on: ")
    assert "another chain of id 31337" in told


async def test_blocks_of_old_come_from_the_provider_for_backfills_and_the_newest_from_that_for_the_head(
    lab: Lab, proxy: Proxy, second: Proxy
) -> None:
    await lab.mine(40)
    old = ProviderSettings(url=proxy.url, name="old", roles=("backfill",))
    new = ProviderSettings(url=second.url, name="new", roles=("head",))
    async with (
        Node(impatient_of(old, new)) as node,
        Listener(Follower(node, lab.decoder, lab.pins)) as heard,
    ):
        await heard.until_at(40)
    assert 30 <= proxy.asked.count("eth_getBlockReceipts") <= 40
    assert proxy.asked.count("eth_getBlockByHash") == 0
    assert second.asked.count("eth_getBlockByHash") >= 8
