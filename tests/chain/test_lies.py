"""Each lie of a provider about block 3, told while we follow: never believed, named, and survived.

Survived by waiting, where there is no other provider, or by asking another: each lie at each level that can see it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import Struct

from chain.devnet import Devnet, DevnetSettings
from chain.errors import WrongChain
from chain.following import Follower
from chain.news import Evidence, Extended
from chain.node import Node
from chain.settings import ProviderSettings
from tests.chain.lab import Lab, impatient, impatient_of
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


class Lie(Struct, frozen=True):
    """`said` is what we say of it at level root; `at_bloom` at level bloom, None where the bloom can not tell."""

    change: Change
    said: str
    at_bloom: str | None


def seen(change: Change, said: str) -> Lie:
    return Lie(change, said, said)


def unseen(change: Change, said: str) -> Lie:
    return Lie(change, said, None)


LIES = {
    "a log left out": seen(logs(lambda found: found[1:]), "a gap or a repeat"),
    "a log left out, the rest renumbered": Lie(
        logs(lambda found: found[1:], renumbered=True), "a log or receipt was left out", "knows of more than came"
    ),
    "all logs left out": Lie(
        logs(lambda _found: [], renumbered=True), "a log or receipt was left out", "knows of more than came"
    ),
    "a log doubled": seen(logs(lambda found: [found[0], *found]), "a gap or a repeat"),
    "a log added": unseen(logs(lambda found: [*found, found[0]], renumbered=True), "added or changed"),
    "a log made up": Lie(
        logs(lambda found: [*found, {**found[0], "topics": ["0x" + "99" * 32]}], renumbered=True),
        "added or changed",
        "its bloom knows nothing of it",
    ),
    "logs reordered": unseen(logs(lambda found: found[::-1], renumbered=True), "added or changed"),
    "logs reordered with their numbers": seen(logs(lambda found: found[::-1]), "a gap or a repeat"),
    "a log's data changed": unseen(first_log(data="0x" + "00" * 31 + "07"), "added or changed"),
    "a log of another job": Lie(
        logs(lambda found: [{**found[0], "topics": [found[0]["topics"][0], *["0x" + "99" * 32] * 2]}, *found[1:]]),
        "added or changed",
        "its bloom knows nothing of it",
    ),
    "a log of another contract": Lie(
        first_log(address="0x" + "77" * 20), "added or changed", "its bloom knows nothing of it"
    ),
    "a log of a sibling block": seen(first_log(blockHash="0x" + "88" * 32), "says it is of transaction"),
    "a log of another height": seen(first_log(blockNumber="0x2"), "says it is of transaction"),
    "a log taken back": seen(first_log(removed=True), "marked as removed"),
    "hex that is not hex": seen(first_log(data="0xzz"), "is not hex data"),
    "half a byte": Lie(first_log(data="0x123"), "an odd number", "is not hex data"),
    "an address too short": seen(first_log(address="0x1234"), "length >= 42"),
    "a topic too many": seen(first_log(topics=["0x" + "00" * 32] * 5), "length <= 4"),
    "a number out of range": seen(first_log(logIndex="0x" + "f" * 40), "not a hex number of at most 64 bits"),
    "a number that is none": seen(first_log(logIndex=7), "Expected `str`, got `int`"),
    "no receipts": seen(receipts(lambda _found: []), "2 transactions and 0 receipts"),
    "a receipt left out": seen(receipts(lambda found: found[:1]), "2 transactions and 1 receipts"),
    "receipts swapped": seen(receipts(lambda found: found[::-1]), "says it is receipt"),
    "receipts of other transactions": seen(
        receipts(lambda found: [{**found[0], "transactionHash": "0x" + "55" * 32}, found[1]]),
        "is of transaction 0x5555",
    ),
    "receipts withheld": seen(receipts(lambda _found: None), "has no receipts of block"),
    "a receipt of a kind we do not know": unseen(
        receipts(lambda found: [{**found[0], "type": "0x7e"}, found[1]]),
        "receipt of type 0x7e, which we can not encode",
    ),
    "a success called a failure": seen(
        receipts(lambda found: [{**found[0], "status": "0x0"}, found[1]]), "is said to have failed"
    ),
    "gas that does not add up": seen(
        receipts(lambda found: [{**found[0], "gasUsed": "0x1"}, found[1]]), "claims 0x1 gas"
    ),
    "a block withheld": seen(lambda result: None if isinstance(result, dict) else result, "has no block"),
    "a header of another time": seen(block(timestamp="0x1"), "its header hashes to"),
    "a header without its root": seen(block(receiptsRoot="0x" + "00" * 32), "its header hashes to"),
    "a header that hides its logs": seen(block(logsBloom="0x" + "00" * 256), "its header hashes to"),
    "a header cut short": seen(block(requestsHash=None), "its header hashes to"),
    "a header with a hash too short": seen(block(parentHash="0x12"), "length >= 66"),
    "another block of the same height": seen(block(hash="0x" + "66" * 32), "its header hashes to"),
}
TOLD = [(name, "root", lie.said) for name, lie in LIES.items()]
TOLD += [(name, "bloom", lie.at_bloom) for name, lie in LIES.items() if lie.at_bloom is not None]
UNSEEN = [name for name, lie in LIES.items() if lie.at_bloom is None]
WITHHELD = {"receipts withheld", "a block withheld"}
"""Not to have a thing speaks against nobody: another is asked, and no doubt is left."""


@pytest.mark.parametrize(("name", "level", "said"), TOLD)
async def test_a_lie_is_named_and_outlived(name: str, level: str, said: str, lab: Lab, proxy: Proxy) -> None:
    await lab.claim(1)
    await lab.claim(2)
    async with following(lab, proxy.url, level=level) as heard:
        await heard.until_at(2)
        tell(proxy, LIES[name])
        await lab.claim(31, 41, repeat=2)
        await heard.until(lambda: said in (heard.follower.trouble or ""))
        assert heard.head == 2, "nothing of the block was believed"
        proxy.lie = lambda _method, _params, result: result
        await heard.until(lambda: heard.jobs == [1, 2, 32, 31, 42, 41])
        await heard.until(lambda: heard.follower.trouble is None)
    assert name in WITHHELD or any(said in doubt for doubt in evidence_of(heard, 3).doubts), "the doubt is on record"


@pytest.mark.parametrize(("name", "level", "said"), TOLD)
async def test_a_lie_is_named_and_survived_by_asking_another(
    name: str, level: str, said: str, lab: Lab, proxy: Proxy, devnet: Devnet
) -> None:
    await lab.claim(1)
    await lab.claim(2)
    tell(proxy, LIES[name])
    await lab.claim(31, 41, repeat=2)
    async with among(lab, proxy.url, devnet.url, level=level) as heard:
        await heard.until(lambda: heard.jobs == [1, 2, 32, 31, 42, 41])
    evidence = evidence_of(heard, 3)
    assert evidence.level == level
    assert "honest" in evidence.provider
    assert name in WITHHELD or any(said in doubt for doubt in evidence.doubts)


@pytest.mark.parametrize("name", UNSEEN)
async def test_what_the_bloom_can_not_tell_a_second_provider_can(
    name: str, lab: Lab, proxy: Proxy, devnet: Devnet
) -> None:
    """The docs of the levels say so: bloom proves that no log is missing, not that each is right."""
    await lab.claim(1)
    await lab.claim(2)
    tell(proxy, LIES[name])
    await lab.claim(31, 41, repeat=2)
    async with following(lab, proxy.url, level="bloom") as heard:
        await heard.until_at(3)
        assert heard.follower.trouble is None
    async with among(lab, proxy.url, devnet.url, devnet.url, level="quorum:2") as heard:
        await heard.until(lambda: heard.jobs == [1, 2, 32, 31, 42, 41])


@pytest.mark.parametrize("name", LIES)
async def test_two_of_three_outvote_a_lie(name: str, lab: Lab, proxy: Proxy, devnet: Devnet) -> None:
    await lab.claim(1)
    await lab.claim(2)
    tell(proxy, LIES[name])
    await lab.claim(31, 41, repeat=2)
    async with among(lab, proxy.url, devnet.url, devnet.url, level="quorum:2") as heard:
        await heard.until(lambda: heard.jobs == [1, 2, 32, 31, 42, 41])
    evidence = evidence_of(heard, 3)
    assert evidence.level == "quorum:2"
    assert name in WITHHELD | {"a receipt of a kind we do not know"} or evidence.doubts


async def test_two_who_disagree_are_both_waited_for(lab: Lab, proxy: Proxy, devnet: Devnet) -> None:
    await lab.claim(1)
    await lab.claim(2)
    tell(proxy, LIES["a log's data changed"])
    await lab.claim(31, 41, repeat=2)
    async with among(lab, proxy.url, devnet.url, level="quorum:2") as heard:
        await heard.until(lambda: "no 2 of 2 providers agree on blocks" in trouble(heard))
        assert heard.head < 3
        proxy.lie = lambda _method, _params, result: result
        await heard.until(lambda: heard.jobs == [1, 2, 32, 31, 42, 41])


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_pruned_history_that_answers_with_nothing_is_not_taken_for_history(
    level: str, lab: Lab, proxy: Proxy, devnet: Devnet
) -> None:
    for job_id in range(1, 31):
        await lab.claim(job_id)

    def prune(method: str, _params: list[Any], result: Any) -> Any:
        is_old = method == "eth_getBlockReceipts" and result and int(result[0]["blockNumber"], 16) < 20
        return [] if is_old else result

    proxy.lie = prune
    async with following(lab, proxy.url, level=level) as heard:
        await heard.until(lambda: "1 transactions and 0 receipts" in trouble(heard))
        assert not heard.jobs
    async with among(lab, proxy.url, devnet.url, level=level) as heard:
        await heard.until(lambda: heard.jobs == [*range(1, 31)])


def tell(proxy: Proxy, lie: Lie) -> None:
    """From now on, about block 3."""
    proxy.lie = lambda method, params, result: lie.change(result) if concerns(method, params, result) else result


def concerns(method: str, params: list[Any], result: Any) -> bool:
    """Whether this is block 3, or its receipts; heads are left alone."""
    if method == "eth_getBlockReceipts":
        return bool(result) and result[0]["blockNumber"] == BLOCK
    return method.startswith("eth_getBlockBy") and bool(result) and result["number"] == BLOCK and params[0] != "latest"


def evidence_of(heard: Listener, number: int) -> Evidence:
    """Why we believed the block."""
    extended = [each for each in heard.news if isinstance(each, Extended)]
    told = [each for each in extended if any(block.number == number for block in each.blocks)]
    assert told[-1].evidence is not None
    return told[-1].evidence


@asynccontextmanager
async def among(lab: Lab, liar: str, *honest: str, **settings: Any) -> AsyncIterator[Listener]:
    """Follows through several providers, of whom the one that may lie is asked first."""
    first = ProviderSettings(url=liar, name="liar", weight=2)
    others = [ProviderSettings(url=url, name=f"honest {i}") for i, url in enumerate(honest)]
    chosen = impatient_of(first, *others, **settings)
    async with Node(chosen) as node, Listener(Follower(node, lab.decoder, lab.pins)) as heard:
        yield heard


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_another_block_than_the_one_asked_for_is_not_taken(level: str, lab: Lab, proxy: Proxy) -> None:
    await lab.mine(30)
    other = await lab.node.call("eth_getBlockByNumber", ["0x5", level == "root"])

    def lie(_method: str, params: list[Any], result: Any) -> Any:
        return other if params[:1] == ["0x9"] and isinstance(result, dict) else result

    proxy.lie = lie
    async with following(lab, proxy.url, batch_blocks=4, level=level) as heard:
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
@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_an_answer_that_is_cut_or_is_no_answer_is_waited_out(
    level: str, spoil: Callable[[bytes], bytes], lab: Lab, proxy: Proxy
) -> None:
    await lab.claim(1)
    async with following(lab, proxy.url, level=level) as heard:
        await heard.until_at(1)
        proxy.spoil = spoil
        await lab.claim(2)
        with pytest.raises(TimeoutError):
            await heard.until_at(2, timeout_s=0.3)
        proxy.spoil = lambda body: body
        await heard.until(lambda: heard.jobs == [1, 2])


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_a_provider_that_switches_to_another_chain_stops_us(level: str, lab: Lab, proxy: Proxy) -> None:
    await lab.claim(1)
    async with following(lab, proxy.url, level=level) as heard, Devnet(DevnetSettings(chain_id=1337)) as other:
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


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_a_stale_answer_for_the_head_is_not_taken_for_a_shorter_chain(level: str, lab: Lab, proxy: Proxy) -> None:
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

    async with following(lab, proxy.url, level=level) as heard:
        await heard.until_at(3)
        proxy.lie = lag
        await heard.until(lambda: stale_answers > 20)
        await lab.claim(4)
        await heard.until(lambda: heard.jobs == [1, 2, 3, 4])
        assert not heard.reorgs


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_a_reorg_between_two_calls_is_noticed(level: str, lab: Lab, proxy: Proxy) -> None:
    """The block comes from before the reorg, its receipts from after it."""
    await lab.claim(1)
    before = await lab.node.call("eth_getBlockByNumber", ["latest", level == "root"])
    await lab.reorganise(1, 7)
    after = await lab.node.call("eth_getBlockReceipts", ["latest"])

    def mix(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockReceipts":
            return after
        return before if method.startswith("eth_getBlockBy") and params[0] != "0x0" else result

    proxy.lie = mix
    async with following(lab, proxy.url, level=level) as heard:
        await heard.until(lambda: "says it is receipt" in trouble(heard))
        assert not heard.jobs
        proxy.lie = lambda _method, _params, result: result
        await heard.until(lambda: heard.jobs == [7])


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_a_head_that_goes_back_for_a_moment_takes_nothing_away(level: str, lab: Lab, proxy: Proxy) -> None:
    """One answer of long ago among the right ones, at any time."""
    await lab.claim(1)
    old = await lab.node.call("eth_getBlockByNumber", ["0x0", False])
    await lab.claim(2)
    async with following(lab, proxy.url, level=level) as heard:
        await heard.until_at(2)
        told = 0

        def forget(_method: str, params: list[Any], result: Any) -> Any:
            nonlocal told
            told += params[:1] == ["latest"]
            return old if params[:1] == ["latest"] and told % 5 == 0 else result

        proxy.lie = forget
        for job_id in range(3, 13):
            await lab.claim(job_id)
            await heard.until_at(job_id)
        assert told >= 10
        assert not heard.reorgs


@pytest.mark.parametrize(("level", "said"), [("root", "a log or receipt was left out"), ("bloom", "its bloom knows")])
async def test_the_receipts_of_a_sibling_under_the_names_of_the_block_are_not_taken(
    level: str, said: str, lab: Lab, proxy: Proxy
) -> None:
    """All of them true, and of the block that stood there before."""
    await lab.claim(1)
    await lab.claim(31, 41)
    sibling = await lab.node.call("eth_getBlockReceipts", ["0x2"])
    await lab.reorganise(1, 32, 42)

    def rename(result: Any) -> Any:
        for told, true in zip(sibling, result, strict=True):
            names = {name: true[name] for name in ("blockHash", "transactionHash")}
            told |= names | {"logs": [log | names for log in told["logs"]]}
            told |= {name: true[name] for name in ("gasUsed", "cumulativeGasUsed")}
        return sibling

    proxy.lie = lambda method, _params, result: (
        rename(result) if method == "eth_getBlockReceipts" and result and result[0]["blockNumber"] == "0x2" else result
    )
    async with following(lab, proxy.url, level=level) as heard:
        await heard.until(lambda: said in trouble(heard))
        assert heard.jobs in ([], [1])
        proxy.lie = lambda _method, _params, result: result
        await heard.until(lambda: sorted(heard.jobs) == [1, 32, 42])


def trouble(heard: Listener) -> str:
    return heard.follower.trouble or ""
