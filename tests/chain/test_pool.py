"""Which of several providers is asked: real proxies before one chain, each told how to misbehave."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chain.devnet import Devnet
from chain.errors import Denied, Distrusted, Missing, Overloaded, TooMuch, TooSlow, Unreachable, WrongChain
from chain.jsonrpc import Rpc
from chain.node import Call, Node
from chain.settings import ProviderSettings, Role
from tests.chain.lab import eventually, impatient, impatient_of
from tests.chain.proxy import Proxy


@pytest_asyncio.fixture
async def second(devnet: Devnet) -> AsyncIterator[Proxy]:
    async with Proxy(devnet.url) as proxy:
        yield proxy


@pytest.fixture
def first(proxy: Proxy) -> Proxy:
    return proxy


def provider(proxy: Proxy, name: str, *roles: Role, **others: Any) -> ProviderSettings:
    return ProviderSettings(url=proxy.url, name=name, roles=roles or ("backfill", "head"), **others)


@pytest_asyncio.fixture
async def node(first: Proxy, second: Proxy) -> AsyncIterator[Node]:
    async with Node(impatient_of(provider(first, "first"), provider(second, "second"))) as node:
        yield node


def asked_for(proxy: Proxy, method: str = "net_version") -> int:
    return proxy.asked.count(method)


async def test_one_and_the_same_provider_tells_the_head_while_it_works(node: Node, first: Proxy, second: Proxy) -> None:
    for _ in range(5):
        await node.call("net_version")
    assert (asked_for(first), second.asked) == (5, [])


async def test_the_heaviest_comes_first(first: Proxy, second: Proxy) -> None:
    settings = impatient_of(provider(first, "light"), provider(second, "heavy", weight=2))
    async with Node(settings) as node:
        await node.call("net_version")
    assert (asked_for(first), asked_for(second)) == (0, 1)


async def test_a_backfill_is_shared_out_by_weight(first: Proxy, second: Proxy) -> None:
    settings = impatient_of(provider(first, "light"), provider(second, "heavy", weight=3))
    async with Node(settings) as node:
        leases = [node.lease("backfill") for _ in range(8)]
        names = [(await lease.__aenter__()).name for lease in leases]
        for lease in leases:
            await lease.__aexit__(None, None, None)
    assert names.count("heavy") == 6


async def test_each_role_has_its_providers_and_the_fallback_serves_when_they_are_away(
    first: Proxy, second: Proxy
) -> None:
    settings = impatient_of(
        provider(first, "old", "backfill"), provider(second, "new", "head"), ProviderSettings(
            url="http://127.0.0.1:1", name="spare", roles=("fallback",)
        ),
    )  # fmt: skip
    async with Node(settings) as node:
        assert [each.name for each in node.providers("backfill")] == ["old", "spare"]
        assert [each.name for each in node.providers("head")] == ["new", "spare"]
        async with node.lease("backfill") as lender:
            assert lender.name == "old"
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1: "):
            async with node.lease("head", but_not={"new"}):
                pass


async def test_when_all_are_excluded_from_a_lease_that_is_said(node: Node) -> None:
    with pytest.raises(Unreachable, match="no provider for head besides first, second: name another in"):
        async with node.lease("head", but_not=["first", "second"]):
            pass


async def test_a_failure_is_mended_by_asking_the_next_at_once(node: Node, first: Proxy, second: Proxy) -> None:
    await node.call("net_version")
    first.status = 503
    assert await node.call("net_version") == "31337"
    assert asked_for(second) == 1


async def test_one_who_told_something_untrue_is_passed_over_for_a_while_and_then_asked_again(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with pytest.raises(Distrusted):
        async with node.lease("head") as lender:
            raise Distrusted("a log is missing in block 5")
    for _ in range(3):
        async with node.lease("head") as stand_in:
            await stand_in.call("net_version")
            assert (lender.name, stand_in.name) == ("first", "second")
    await eventually(lambda: lender.health.is_well)
    async with node.lease("head") as again:
        assert again is lender
    await eventually(lambda: len(caplog.records) == 2)
    told = [record.getMessage() for record in caplog.records]
    assert told[0].startswith("provider first: a log is missing in block 5")
    assert told[1].startswith("over after 0.")


async def test_asking_for_too_much_is_no_fault_of_the_provider(node: Node) -> None:
    with pytest.raises(TooMuch):
        async with node.lease("backfill") as lender:
            raise TooMuch("at most 1000 blocks", 1000)
    assert lender.health.is_well


async def test_a_provider_of_another_chain_is_left_out_by_name_and_the_others_go_on(
    first: Proxy, second: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    first.lie = lambda method, _params, result: "0x5" if method == "eth_chainId" else result
    async with Node(impatient_of(provider(first, "first"), provider(second, "second"))) as node:
        for _ in range(3):
            await node.call("net_version")
        assert asked_for(first) == 0
        assert [each.name for each in node.providers("head")] == ["second"]
        (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert told.startswith("provider first is left out from now on: ")
        assert "serves chain 5, expected 31337" in told


async def test_when_every_provider_is_of_another_chain_there_is_nothing_to_wait_for(
    first: Proxy, second: Proxy
) -> None:
    settings = impatient_of(provider(first, "first"), provider(second, "second"), chain_id=5)
    async with Node(settings) as node:
        with pytest.raises(WrongChain, match="serves chain 31337, expected 5"):
            await node.call("net_version")


async def test_one_who_turns_out_to_be_of_another_chain_is_left_out_from_then_on(node: Node) -> None:
    with pytest.raises(Distrusted, match="another genesis; the others go on"):
        async with node.lease("head"):
            raise WrongChain("another genesis")
    with pytest.raises(WrongChain, match="another genesis"):
        async with node.lease("head"):
            raise WrongChain("another genesis")


async def test_providers_are_vetted_by_what_the_caller_checks_too(node: Node, first: Proxy, second: Proxy) -> None:
    async def check(rpc: Rpc) -> None:
        if rpc.place == first.url:
            raise WrongChain("another genesis")

    node.vet_with(check)
    await node.call("net_version")
    assert (asked_for(first), asked_for(second)) == (0, 1)


async def test_a_provider_that_comes_back_as_another_chain_is_not_asked_again(
    node: Node, first: Proxy, second: Proxy
) -> None:
    await node.call("net_version")
    first.status = 503
    await node.call("net_version")
    first.lie = lambda method, _params, result: "0x5" if method == "eth_chainId" else result
    first.status = 200
    await eventually(lambda: [each.name for each in node.providers("head")] == ["second"])
    await node.call("net_version")
    assert (asked_for(first), asked_for(second)) == (2, 2)


async def test_a_method_that_one_lacks_is_asked_of_another_from_then_on(
    node: Node, first: Proxy, second: Proxy
) -> None:
    first.spoil = _without("eth_accounts", first)
    for _ in range(3):
        assert len(await node.call("eth_accounts")) == 10
    assert (asked_for(first, "eth_accounts"), asked_for(second, "eth_accounts")) == (1, 3)
    await node.call("net_version")
    assert asked_for(first) == 1, "for all else it is the first as before"


async def test_a_method_that_all_lack_is_refused_at_once(node: Node) -> None:
    for _ in range(2):
        with pytest.raises(Denied, match="eth_nonsense"):
            await node.call("eth_nonsense")


async def test_a_key_that_is_refused_costs_its_provider_alone(node: Node, first: Proxy, second: Proxy) -> None:
    first.status = 401
    assert await node.call("net_version") == "31337"
    second.status = 401
    with pytest.raises(Denied, match="status 401"):
        await node.call("net_version")


async def test_a_contracts_refusal_is_not_asked_of_the_others(node: Node, second: Proxy) -> None:
    refusal = (await node.answers([Call("eth_chainId"), Call("eth_call", [{"data": "0xfe"}, "latest"])]))[1]
    assert isinstance(refusal, Exception)
    assert second.asked == []


async def test_what_a_transaction_broke_off_with_is_not_sent_again(node: Node, first: Proxy, second: Proxy) -> None:
    (sender, *_) = await node.call("eth_accounts")
    first.breaks = "reset"
    with pytest.raises(Unreachable):
        await node.call("eth_sendTransaction", [{"from": sender, "to": sender}])
    assert asked_for(first, "eth_sendTransaction") + asked_for(second, "eth_sendTransaction") == 1


async def test_a_signed_transaction_may_be_sent_through_another(node: Node, first: Proxy, second: Proxy) -> None:
    await node.call("eth_chainId")
    first.breaks = "reset"
    with pytest.raises(Exception, match="eth_sendRawTransaction"):
        await node.call("eth_sendRawTransaction", ["0x00"])
    assert (asked_for(first, "eth_sendRawTransaction"), asked_for(second, "eth_sendRawTransaction")) == (1, 1)


async def test_a_batch_too_long_for_the_provider_is_asked_for_in_parts_from_then_on(first: Proxy) -> None:
    first.calls_max = 7
    async with Node(impatient(first.url)) as node:
        for _ in range(2):
            assert await node.batch([Call("eth_chainId")] * 20) == [hex(31337)] * 20
    assert sorted(first.batches) == [6, 6, 7, 7, 7, 7, 20]


async def test_a_provider_that_takes_no_batches_is_asked_one_by_one(first: Proxy) -> None:
    first.calls_max = 1
    async with Node(impatient(first.url)) as node:
        assert await node.batch([Call("eth_chainId")] * 9) == [hex(31337)] * 9


async def test_a_provider_with_a_websocket_alone_is_asked_through_it(first: Proxy) -> None:
    settings = impatient_of(ProviderSettings(ws_url=first.ws_url, name="socket"), request_timeout_s=0.2)
    async with Node(settings) as node:
        told = await asyncio.gather(*[node.batch([Call("eth_chainId"), Call("net_version")]) for _ in range(5)])
        assert told == [["0x7a69", "31337"]] * 5
        assert first.socket_count == 1
        await first.cut_sockets()
        assert await node.call("net_version") == "31337"
        first.is_silent = True
        with pytest.raises(TooSlow):
            await node.call("net_version")
        first.is_silent = False
        assert await node.call("net_version") == "31337", "and no late answer is taken for that of a later call"


async def test_no_more_is_asked_for_at_once_than_is_set(first: Proxy) -> None:
    async with Node(impatient(first.url, requests_at_once=3)) as node:
        await asyncio.gather(*[node.call("eth_chainId") for _ in range(20)])
    assert first.at_once_max == 3


async def test_a_provider_that_limits_us_is_asked_for_half_as_much_at_once(first: Proxy) -> None:
    async with Node(impatient(first.url, attempts=1)) as node:
        first.status = 429
        with pytest.raises(Overloaded):
            await node.call("eth_chainId")
        first.status = 200
        first.awake.clear()
        asking = [asyncio.create_task(node.call("eth_chainId")) for _ in range(20)]
        await eventually(lambda: first.at_once == 4)
        await asyncio.sleep(0.05)
        assert first.at_once == 4, "where it was 8 before"
        first.awake.set()
        await asyncio.gather(*asking)
        assert 4 < first.at_once_max <= 8, "and more again by and by"


async def test_the_rate_budget_of_a_provider_is_kept(first: Proxy) -> None:
    settings = impatient_of(provider(first, "slow", requests_per_s=20))
    loop = asyncio.get_running_loop()
    async with Node(settings) as node:
        began = loop.time()
        await node.batch([Call("eth_chainId")] * 30)
        assert loop.time() - began >= 0.45
        assert max(first.batches) <= 20


async def test_a_budget_longer_than_the_deadline_is_waited_for(first: Proxy) -> None:
    settings = impatient_of(provider(first, "slow", requests_per_s=10), deadline_s=0.3)
    async with Node(settings) as node:
        assert len(await node.batch([Call("eth_chainId")] * 18)) == 18


async def test_a_node_that_said_when_to_come_back_is_not_asked_before(
    first: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    first.status, first.headers = 429, {"Retry-After": "50"}
    async with Node(impatient(first.url)) as node:
        for _ in range(5):
            with pytest.raises(Overloaded) as limit:
                await node.call("eth_chainId")
    assert limit.value.retry_after_s is not None
    assert 45 < limit.value.retry_after_s <= 50
    assert len(first.asked) == 1
    assert [each.getMessage().partition(":")[0] for each in caplog.records] == ["provider http"], "and that is told"


async def test_a_survey_tells_how_each_provider_stands(node: Node, first: Proxy) -> None:
    first.status = 503
    (ill, well) = (await node.survey()).items()
    assert (ill[0], well) == ("first", ("second", None))
    assert "answers with status 503" in str(ill[1])


async def test_errors_requests_and_retries_are_counted_by_kind(first: Proxy) -> None:
    first.status = 503
    async with Node(impatient(first.url)) as node:
        with pytest.raises(Overloaded):
            await node.call("eth_chainId")
        first.status = 429
        with pytest.raises(Overloaded):
            await node.call("eth_chainId")
        assert node.effort.counted("provider_errors") == {"5xx": 2, "429": 2}
        assert node.effort.counted("requests") == {"": 4}
        assert node.effort.counted("retries") == {"": 2}


async def test_what_one_provider_does_not_have_yet_another_may(node: Node, second: Proxy) -> None:
    await node.call("net_version")
    with pytest.raises(Missing):
        await node.call("eth_call", [{"to": "0x" + "11" * 20}, "0x99"])
    assert second.asked.count("eth_call") >= 1


def _without(method: str, proxy: Proxy) -> Any:
    """Answers that the last method asked for does not exist, if it is that one."""
    refusal = b'{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"the method does not exist/is not available"}}'
    return lambda body: refusal if proxy.asked[-1] == method else body
