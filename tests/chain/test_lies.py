"""Each lie of a provider about block 3, told while we follow: never believed, named, and survived once it ends."""

from collections.abc import Callable
from typing import Any

import pytest

from chain.devnet import Devnet, DevnetSettings
from chain.errors import WrongChain
from chain.node import Node
from tests.chain.lab import Lab, impatient
from tests.chain.listening import Listener, following
from tests.chain.proxy import Proxy

Change = Callable[[Any], Any]
BLOCK = "0x3"


def receipts(change: Change) -> Change:
    return lambda result: change(result) if isinstance(result, list) else result


def block(**fields: Any) -> Change:
    return lambda result: {**result, **fields} if isinstance(result, dict) else result


def first_log(**fields: Any) -> Change:
    def change(found: list[Any]) -> list[Any]:
        found[0]["logs"][0].update(fields)
        return found

    return receipts(change)


def logs(change: Callable[[list[Any]], list[Any]], renumbered: bool = False) -> Change:
    """Changes the logs of the first receipt; `renumbered` hides the gap from who only counts."""

    def apply(found: list[Any]) -> list[Any]:
        found[0]["logs"] = change(found[0]["logs"])
        if renumbered:
            everything = [each for receipt in found for each in receipt["logs"]]
            numbered = iter([{**each, "logIndex": hex(index)} for index, each in enumerate(everything)])
            for receipt in found:
                receipt["logs"] = [next(numbered) for _ in receipt["logs"]]
        return found

    return receipts(apply)


LIES: dict[str, tuple[Change, str]] = {
    "a log left out": (logs(lambda found: found[1:]), "a gap or a repeat"),
    "a log left out, the rest renumbered": (
        logs(lambda found: found[1:], renumbered=True),
        "a log or receipt was left out",
    ),
    "all logs left out": (logs(lambda _found: [], renumbered=True), "a log or receipt was left out"),
    "a log doubled": (logs(lambda found: [found[0], *found]), "a gap or a repeat"),
    "a log added": (logs(lambda found: [*found, found[0]], renumbered=True), "added or changed"),
    "logs reordered": (logs(lambda found: found[::-1], renumbered=True), "added or changed"),
    "a log's data changed": (first_log(data="0x" + "00" * 31 + "07"), "added or changed"),
    "a log of another contract": (first_log(address="0x" + "77" * 20), "added or changed"),
    "a log of a sibling block": (first_log(blockHash="0x" + "88" * 32), "says it is of transaction"),
    "a log taken back": (first_log(removed=True), "marked as removed"),
    "hex that is not hex": (first_log(data="0xzz"), "is not hex data"),
    "a number out of range": (first_log(logIndex="0x" + "f" * 40), "not a hex number of at most 64 bits"),
    "a number that is none": (first_log(logIndex=7), "Expected `str`, got `int`"),
    "no receipts": (receipts(lambda _found: []), "2 transactions and 0 receipts"),
    "a receipt left out": (receipts(lambda found: found[:1]), "2 transactions and 1 receipts"),
    "receipts swapped": (receipts(lambda found: found[::-1]), "says it is receipt"),
    "receipts withheld": (receipts(lambda _found: None), "has no receipts of block"),
    "a receipt of a kind we do not know": (
        receipts(lambda found: [{**found[0], "type": "0x7e"}, found[1]]),
        "receipt of type 0x7e, which we can not encode",
    ),
    "a failure called a success": (
        receipts(lambda found: [{**found[0], "status": "0x0"}, found[1]]),
        "added or changed",
    ),
    "gas that does not add up": (receipts(lambda found: [{**found[0], "gasUsed": "0x1"}, found[1]]), "claims 0x1 gas"),
    "a block withheld": (lambda result: None if isinstance(result, dict) else result, "has no block"),
    "a header of another time": (block(timestamp="0x1"), "its header hashes to"),
    "a header without its root": (block(receiptsRoot="0x" + "00" * 32), "its header hashes to"),
    "a header cut short": (block(requestsHash=None), "its header hashes to"),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_lie_is_named_and_outlived(name: str, lab: Lab, proxy: Proxy) -> None:
    change, said = LIES[name]
    await lab.claim(1)
    await lab.claim(2)

    def lie(method: str, _params: list[Any], result: Any) -> Any:
        return change(result) if concerns(method, result) else result

    async with following(lab, proxy.url) as heard:
        await heard.until_at(2)
        proxy.lie = lie
        await lab.claim(31, 41, repeat=2)
        await heard.until(lambda: said in (heard.follower.trouble or ""))
        assert heard.head == 2, "nothing of the block was believed"
        proxy.lie = lambda _method, _params, result: result
        await heard.until(lambda: heard.jobs == [1, 2, 32, 31, 42, 41])
        await heard.until(lambda: heard.follower.trouble is None)


def concerns(method: str, result: Any) -> bool:
    """Whether this is block 3 in full, or its receipts; heads and checks of identity are left alone."""
    if method == "eth_getBlockReceipts":
        return bool(result) and result[0]["blockNumber"] == BLOCK
    if not method.startswith("eth_getBlockBy") or not result or result["number"] != BLOCK:
        return False
    return bool(result["transactions"]) and isinstance(result["transactions"][0], dict)


async def test_another_block_than_the_one_asked_for_is_not_taken(lab: Lab, proxy: Proxy) -> None:
    await lab.mine(30)
    other = await lab.node.call("eth_getBlockByNumber", ["0x5", True])

    def lie(_method: str, params: list[Any], result: Any) -> Any:
        return other if params[:1] == ["0x9"] and isinstance(result, dict) else result

    proxy.lie = lie
    async with following(lab, proxy.url, batch_blocks=4) as heard:
        await heard.until(lambda: "asked for block 0x9, the node answered with block 0x5" in trouble(heard))
        proxy.lie = lambda _method, _params, result: result
        await heard.until_at(30)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[: len(body) // 2],
        lambda _body: b"",
        lambda _body: b"<html>504</html>",
        lambda _body: b'"\xff\xfe"',
        lambda _body: b"[]",
        lambda _body: b'{"jsonrpc":"2.0","id":1,"result":{}}',
    ],
    ids=["cut", "empty", "html", "not utf-8", "too few", "of another shape"],
)
async def test_an_answer_that_is_cut_or_is_no_answer_is_waited_out(
    spoil: Callable[[bytes], bytes], lab: Lab, proxy: Proxy
) -> None:
    await lab.claim(1)
    async with following(lab, proxy.url) as heard:
        await heard.until_at(1)
        proxy.spoil = spoil
        await lab.claim(2)
        with pytest.raises(TimeoutError):
            await heard.until_at(2, timeout_s=0.3)
        proxy.spoil = lambda body: body
        await heard.until(lambda: heard.jobs == [1, 2])


async def test_a_provider_that_switches_to_another_chain_stops_us(lab: Lab, proxy: Proxy) -> None:
    await lab.claim(1)
    async with following(lab, proxy.url) as heard, Devnet(DevnetSettings(chain_id=1337)) as other:
        await heard.until_at(1)
        proxy.upstream = other.url
        with pytest.raises(WrongChain, match="serves chain 1337, the deployment is on chain 31337"):
            await heard.until(lambda: bool(heard.reorgs))


async def test_a_development_chain_that_began_anew_stops_us(lab: Lab, proxy: Proxy) -> None:
    await lab.claim(1)
    later = await lab.node.call("eth_getBlockByNumber", ["0x0", False])
    anew = DevnetSettings(extra=("--timestamp", str(int(later["timestamp"], 16) + 1)))
    async with following(lab, proxy.url) as heard, Devnet(anew) as other, Node(impatient(other.url)) as node:
        await heard.until_at(1)
        await node.call("anvil_mine", ["0x3"])
        proxy.upstream = other.url
        with pytest.raises(WrongChain, match="a new deployment and data folder"):
            await heard.until(lambda: bool(heard.reorgs))


async def test_a_stale_answer_for_the_head_is_not_taken_for_a_shorter_chain(lab: Lab, proxy: Proxy) -> None:
    await lab.claim(1)
    stale = await lab.node.call("eth_getBlockByNumber", ["latest", False])
    await lab.claim(2)
    await lab.claim(3)
    stale_answers = 0

    def lag(_method: str, params: list[Any], result: Any) -> Any:
        nonlocal stale_answers
        if params[:1] != ["latest"]:
            return result
        stale_answers += 1
        return stale if stale_answers % 2 else result

    async with following(lab, proxy.url) as heard:
        await heard.until_at(3)
        proxy.lie = lag
        await heard.until(lambda: stale_answers > 20)
        await lab.claim(4)
        await heard.until(lambda: heard.jobs == [1, 2, 3, 4])
        assert not heard.reorgs


async def test_a_reorg_between_two_calls_is_noticed(lab: Lab, proxy: Proxy) -> None:
    """The block comes from before the reorg, its receipts from after it."""
    await lab.claim(1)
    before = await lab.node.call("eth_getBlockByNumber", ["latest", True])
    await lab.reorganise(1, 7)

    def mix(method: str, params: list[Any], result: Any) -> Any:
        return before if method.startswith("eth_getBlockBy") and params[0] != "0x0" else result

    proxy.lie = mix
    async with following(lab, proxy.url) as heard:
        await heard.until(lambda: bool(trouble(heard)))
        assert not heard.jobs
        proxy.lie = lambda _method, _params, result: result
        await heard.until(lambda: heard.jobs == [7])


def trouble(heard: Listener) -> str:
    return heard.follower.trouble or ""
