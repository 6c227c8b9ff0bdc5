import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chain.errors import Denied, Garbled, Missing, Overloaded, Refused, Reverted, TooSlow, Unreachable, WrongChain
from chain.node import Call, Node
from chain.patience import pause_before
from chain.refusals import RpcError, revert_reason, to_error
from chain.settings import ChainSettings
from tests.chain.lab import Lab, eventually, impatient
from tests.chain.proxy import Proxy


@pytest_asyncio.fixture
async def far(proxy: Proxy) -> AsyncIterator[Node]:
    async with Node(impatient(proxy.url, attempts=3, request_timeout_s=0.2, deadline_s=5)) as node:
        yield node


async def test_a_batch_is_answered_in_the_order_asked_whatever_order_the_node_takes(far: Node, proxy: Proxy) -> None:
    proxy.shuffles = True
    calls = [Call("eth_getBlockByNumber", ["0x0", False]), *[Call("eth_chainId", kind=str)] * 9, Call("eth_accounts")]
    block, *chain_ids, accounts = await far.batch(calls)
    assert block["number"] == "0x0"
    assert chain_ids == [hex(31337)] * 9
    assert len(accounts) == 10


async def test_a_batch_that_lacks_an_answer_is_not_believed(far: Node, proxy: Proxy) -> None:
    proxy.spoil = lambda _body: b'[{"jsonrpc":"2.0","id":0,"result":"0x1"}]'
    with pytest.raises(Garbled, match="1 answers for 2 calls"):
        await far.batch([Call("eth_chainId"), Call("eth_chainId")])


async def test_one_refusal_in_a_batch_is_raised_or_stands_in_its_place(far: Node) -> None:
    calls = [Call("eth_chainId"), Call("eth_nonsense")]
    with pytest.raises(Refused, match="eth_nonsense: Method not found"):
        await far.batch(calls)
    chain_id, refusal = await far.answers(calls)
    assert chain_id == hex(31337)
    assert isinstance(refusal, Refused)


async def test_a_hanging_node_costs_no_more_than_the_deadline(proxy: Proxy) -> None:
    proxy.awake.clear()
    began = time.monotonic()
    async with Node(impatient(proxy.url, attempts=50, request_timeout_s=0.1, deadline_s=0.5)) as node:
        with pytest.raises(TooSlow, match="eth_chainId: no answer"):
            await node.call("eth_chainId")
    assert 0.3 < time.monotonic() - began < 2


async def test_a_short_outage_is_bridged_by_asking_again_without_a_word(
    far: Node, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.status = 503
    asking = asyncio.create_task(far.call("eth_chainId"))
    await eventually(lambda: bool(proxy.asked))
    proxy.status = 200
    assert await asking == hex(31337)
    assert not caplog.records


async def test_a_node_that_limits_us_is_asked_again_when_it_said(proxy: Proxy) -> None:
    proxy.status, proxy.headers = 429, {"Retry-After": "0.3"}
    async with Node(impatient(proxy.url, attempts=2)) as node:
        began = time.monotonic()
        with pytest.raises(Overloaded, match="status 429: not now") as limit:
            await node.call("eth_chainId")
    assert time.monotonic() - began >= 0.3
    assert limit.value.retry_after_s == 0.3


async def test_a_wrong_key_is_told_at_once_and_without_the_key(proxy: Proxy) -> None:
    proxy.status = 401
    async with Node(impatient(f"{proxy.url}/?key=secret")) as node:
        with pytest.raises(Refused, match="status 401: not now; check rpc_url and its key") as refusal:
            await node.call("eth_chainId")
    assert "secret" not in str(refusal.value)
    assert len(proxy.asked) == 1


async def test_a_node_that_is_not_there_is_named() -> None:
    async with Node(impatient("http://127.0.0.1:1")) as node:
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1: "):
            await node.call("eth_chainId")


async def test_a_result_of_another_type_is_not_taken(far: Node) -> None:
    with pytest.raises(Garbled, match="eth_chainId: Expected `int`, got `str`"):
        await far.call("eth_chainId", kind=int)


async def test_an_answer_without_end_is_cut_off(proxy: Proxy) -> None:
    async with Node(impatient(proxy.url, answer_bytes_max=300)) as node:
        with pytest.raises(Garbled, match="more than 300 bytes"):
            await node.call("eth_getBlockByNumber", ["0x0", False])


async def test_a_block_the_node_does_not_have_may_come_later(lab: Lab, far: Node) -> None:
    await lab.mine()
    with pytest.raises(Missing, match="BlockOutOfRange"):
        await far.call("eth_call", [{"to": "0x" + "11" * 20}, "0x99"])


async def test_another_chain_than_set_is_refused(proxy: Proxy) -> None:
    async with Node(impatient(proxy.url, chain_id=5)) as node:
        with pytest.raises(WrongChain, match="serves chain 31337, expected 5: correct rpc_url or chain_id"):
            await node.check_chain_id()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RpcError(-32005, "daily request count exceeded, request rate limited"), Overloaded),
        (RpcError(-32000, "execution aborted (timeout = 5s)"), Overloaded),
        (RpcError(-32603, "Internal error"), Overloaded),
        (RpcError(-32000, "header not found"), Missing),
        (RpcError(-32000, "missing trie node 1234"), Missing),
        (RpcError(-32601, "the method eth_getBlockReceipts does not exist"), Denied),
        (RpcError(-32602, "invalid argument 0: hex string without 0x prefix"), Refused),
        (RpcError(3, "execution reverted: no such job"), Reverted),
        (RpcError(-32000, "execution reverted"), Reverted),
        (RpcError(-32603, "EVM error InvalidFEOpcode"), Refused),
        (RpcError(-32015, "VM execution error.", {"data": "0x"}), Refused),
    ],
)
def test_each_error_is_of_the_kind_that_says_whether_to_ask_again(error: RpcError, kind: type[Exception]) -> None:
    assert type(to_error("eth_call", error)) is kind


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0x08c379a0" + f"{32:064x}{11:064x}" + b"no such job".hex().ljust(64, "0"), "no such job"),
        ({"data": "0x08c379a0" + f"{32:064x}{2:064x}" + b"ha".hex().ljust(64, "0")}, "ha"),
        ("0x4e487b71" + f"{0x12:064x}", "division by zero"),
        ("0x4e487b71" + f"{0x51:064x}", "panic 0x51"),
        ("0xdeadbeef", "0xdeadbeef"),
        ("0x08c379a0ff", "malformed reason 0x08c379a0ff"),
        ("0x", ""),
        ("0xzz", ""),
        (None, ""),
    ],
)
def test_the_reason_of_a_revert_is_read(data: object, reason: str) -> None:
    assert revert_reason(data) == reason


def test_pauses_grow_to_a_ceiling_and_are_never_the_same() -> None:
    settings = ChainSettings(backoff_s=0.1, backoff_max_s=1)
    pauses = [pause_before(attempt, settings) for attempt in range(1, 60)]
    assert 0.05 <= pauses[0] <= 0.1
    assert all(0.5 <= pause <= 1 for pause in pauses[5:])
    assert len(set(pauses)) > 50
