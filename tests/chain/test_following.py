import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chain.devnet import Devnet
from chain.errors import DeepReorg, WrongChain
from chain.following import Follower
from chain.identity import Pins
from chain.news import Extended, Finalised, Reorganised
from chain.node import Node
from domain.ledger.tip import Position
from tests.chain.lab import STRANGER, Lab, impatient
from tests.chain.listening import Listener, following
from tests.chain.proxy import Proxy


@pytest_asyncio.fixture
async def quick(devnet: Devnet) -> AsyncIterator[Node]:
    async with Node(impatient(devnet.url, ws_url=devnet.ws_url)) as node:
        yield node


def follower(lab: Lab, node: Node, **others: Any) -> Follower:
    return Follower(node, lab.decoder, lab.pins, **others)


async def test_blocks_come_in_order_with_what_touched_us(lab: Lab, quick: Node) -> None:
    await lab.claim(1, 2)
    await lab.mine()
    await lab.claim(3, by=STRANGER)
    await lab.claim(4)
    async with Listener(follower(lab, quick)) as heard:
        await heard.until_at(4)
        assert heard.jobs == [1, 2, 4]
        assert [len(block.transactions) for block in heard.blocks] == [0, 2, 0, 0, 1]
        await lab.claim(5)
        await heard.until_at(5)
        assert heard.jobs == [1, 2, 4, 5]


async def test_a_block_is_final_once_enough_others_stand_on_it(lab: Lab, devnet: Devnet) -> None:
    async with following(lab, devnet.url, finality="depth:3") as heard:
        await heard.until_at(0)
        await lab.mine(5)
        await heard.until(lambda: heard.final is not None and heard.final.number == 2)
        assert [block.number for block in heard.tip] == [3, 4, 5]


async def test_with_instant_finality_each_block_is_final_as_it_comes(lab: Lab, devnet: Devnet) -> None:
    async with following(lab, devnet.url, finality="depth:0") as heard:
        await lab.claim(1)
        await heard.until(lambda: heard.final is not None and heard.final.number == 1)
        assert all(each.is_final for each in heard.news if isinstance(each, Extended))


@pytest.mark.parametrize("tag", ["finalized", "safe"])
async def test_the_nodes_own_word_on_finality_is_followed(lab: Lab, devnet: Devnet, tag: str) -> None:
    await lab.mine(80)
    promised = int((await lab.node.call("eth_getBlockByNumber", [tag, False]))["number"], 16)
    assert 0 < promised < 80
    async with following(lab, devnet.url, finality=tag, batch_blocks=7) as heard:
        await heard.until_at(80)
        await heard.until(lambda: heard.final is not None and heard.final.number == promised)


async def test_while_catching_up_final_blocks_are_closed_off_before_unfinal_ones(lab: Lab, devnet: Devnet) -> None:
    await lab.mine(60)
    async with following(lab, devnet.url, finality="depth:4", batch_blocks=10) as heard:
        await heard.until_at(60)
        await heard.until(lambda: heard.final is not None and heard.final.number == 56)
    open_final: list[int] = []
    for each in heard.news:
        if isinstance(each, Extended) and each.is_final:
            open_final += [block.number for block in each.blocks]
        elif isinstance(each, Extended):
            assert not open_final, "a final block was left open before an unfinal one"
        elif isinstance(each, Finalised):
            open_final = [number for number in open_final if number > each.number]


async def test_a_reorg_drops_the_old_blocks_and_tells_the_new(lab: Lab, quick: Node) -> None:
    await lab.claim(1)
    await lab.claim(2)
    await lab.claim(3)
    async with Listener(follower(lab, quick)) as heard:
        await heard.until_at(3)
        old = tuple(block.hash for block in heard.blocks[2:])
        await lab.reorganise(2, 7)
        await heard.until(lambda: heard.jobs == [1, 7])
        assert heard.reorgs == [Reorganised(2, old)]


async def test_a_reorg_of_a_reorg_ends_in_the_last_of_the_chains(lab: Lab, quick: Node) -> None:
    await lab.claim(1)
    await lab.claim(2)
    async with Listener(follower(lab, quick)) as heard:
        await heard.until_at(2)
        await lab.reorganise(2, 7)
        await lab.reorganise(1, 8)
        await lab.claim(9)
        await heard.until(lambda: heard.head == 3 and heard.jobs[-1] == 9)
        assert [block.hash for block in heard.blocks] == await chain_of(lab, 3)


async def test_a_shorter_chain_takes_the_place_of_ours_once_the_node_sticks_to_it(lab: Lab, quick: Node) -> None:
    await lab.claim(1)
    before = await lab.snapshot()
    await lab.claim(2)
    await lab.claim(3)
    async with Listener(follower(lab, quick)) as heard:
        await heard.until_at(3)
        await lab.revert(before)
        await heard.until(lambda: heard.jobs == [1])
        await lab.claim(8)
        await heard.until(lambda: heard.jobs == [1, 8])


async def test_a_shorter_chain_with_other_blocks_is_followed_at_once(lab: Lab, quick: Node) -> None:
    await lab.claim(1)
    before = await lab.snapshot()
    for job_id in (2, 3, 4):
        await lab.claim(job_id)
    async with Listener(follower(lab, quick)) as heard:
        await heard.until_at(4)
        await lab.revert(before)
        await lab.claim(8, 9)
        await heard.until(lambda: heard.jobs == [1, 8, 9])


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_a_shorter_chain_with_more_logs_leaves_no_trace_of_the_longer(
    lab: Lab, devnet: Devnet, level: str
) -> None:
    await lab.claim(1)
    before = await lab.snapshot()
    for job_id in (2, 3, 4, 5):
        await lab.claim(job_id)
    async with following(lab, devnet.url, level=level) as heard:
        await heard.until_at(5)
        await lab.revert(before)
        await lab.claim(20, 30, 40, repeat=3)
        await heard.until(lambda: heard.jobs == [1, 22, 21, 20, 32, 31, 30, 42, 41, 40])
        assert [block.hash for block in heard.blocks] == await chain_of(lab, 2)


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_a_reorg_of_empty_blocks_is_a_reorg(lab: Lab, devnet: Devnet, level: str) -> None:
    await lab.claim(1)
    await lab.mine(3)
    async with following(lab, devnet.url, level=level) as heard:
        await heard.until_at(4)
        old = tuple(block.hash for block in heard.blocks[3:])
        await lab.reorganise(2)
        await lab.mine()
        await heard.until_at(5)
        assert [block.hash for block in heard.blocks] == await chain_of(lab, 5)
        assert heard.reorgs == [Reorganised(3, old)]
        assert heard.jobs == [1]


@pytest.mark.parametrize("level", ["root", "bloom"])
async def test_a_reorg_in_the_middle_of_a_range_is_read_as_the_chain_is_then(
    lab: Lab, proxy: Proxy, level: str
) -> None:
    for job_id in range(1, 61):
        await lab.claim(job_id)
    settings = {"finality": "depth:50", "batch_blocks": 2, "batches_ahead": 1, "request_timeout_s": 20}
    held = asyncio.Event()

    def hold(method: str, params: list[Any], result: Any) -> Any:
        if method.startswith("eth_getBlockBy") and params[0] == hex(25) and not held.is_set():
            held.set()
            proxy.awake.clear()
        return result

    proxy.lie = hold
    async with following(lab, proxy.url, level=level, **settings) as heard:
        await asyncio.wait_for(held.wait(), 10)
        await lab.reorganise(45, 777)
        proxy.awake.set()
        await heard.until(lambda: heard.head == 60 and heard.jobs == [*range(1, 16), 777])
        assert [block.hash for block in heard.blocks] == await chain_of(lab, 60)


async def test_a_tag_of_another_fork_makes_nothing_final(lab: Lab, proxy: Proxy) -> None:
    await lab.mine(3)
    other = await lab.node.call("eth_getBlockByNumber", ["0x3", False])
    await lab.reorganise(1, 7)
    await lab.mine(2)
    proxy.lie = lambda _method, params, result: other if params[:1] == ["finalized"] else result
    async with following(lab, proxy.url, finality="finalized") as heard:
        await heard.until_at(5)
        await lab.mine()
        await heard.until_at(6)
        doubts = [each.evidence.doubts for each in heard.news if isinstance(each, Extended) and each.evidence]
        assert "its finalized block 3 is" in str(doubts)
        assert heard.final is None


async def test_a_follower_says_when_it_is_level_with_the_chain(lab: Lab, quick: Node) -> None:
    await lab.mine(30)
    async with Listener(follower(lab, quick)) as heard:
        assert not heard.follower.is_level
        await heard.until(lambda: heard.follower.is_level)
        assert heard.head == 30


async def test_following_goes_on_from_where_it_was_stopped(lab: Lab, devnet: Devnet) -> None:
    settings = impatient(devnet.url, finality="depth:2", batch_blocks=3)
    async with Node(settings) as node, Listener(follower(lab, node)) as first:
        for job_id in range(1, 7):
            await lab.claim(job_id)
        await first.until(lambda: first.head == 6 and first.final is not None and first.final.number == 4)
    await lab.claim(7)
    async with Node(settings) as node:
        again = Listener(follower(lab, node, final=first.final, tip=first.tip), first.final, first.tip)
        async with again as second:
            await second.until_at(7)
    told = [block.number for each in second.news if isinstance(each, Extended) for block in each.blocks]
    assert told == [7], "nothing is told twice"


async def test_a_reorg_while_we_were_away_is_told_first(lab: Lab, quick: Node) -> None:
    await lab.claim(1)
    await lab.claim(2)
    async with Listener(follower(lab, quick)) as first:
        await first.until_at(2)
    await lab.reorganise(1, 7)
    await lab.mine(30)
    resumed = follower(lab, quick, final=first.final, tip=first.tip)
    async with Listener(resumed, first.final, first.tip) as second:
        await second.until_at(32)
        assert second.reorgs == [Reorganised(2, (first.blocks[2].hash,))]
        assert second.jobs == [1, 7]


async def test_a_reorg_below_the_final_block_stops_with_a_remedy(lab: Lab, devnet: Devnet) -> None:
    async with following(lab, devnet.url, finality="depth:1") as heard:
        await lab.mine(5)
        await heard.until(lambda: heard.final is not None and heard.final.number == 4)
        await lab.reorganise(3, 7)
        with pytest.raises(DeepReorg, match=r"final block 4 was .* remove the data folder"):
            await heard.until(lambda: heard.jobs == [7])


async def test_a_node_that_stays_below_the_final_block_stops_us_with_a_remedy(lab: Lab, devnet: Devnet) -> None:
    await lab.mine(3)
    async with Node(impatient(devnet.url)) as node:
        ahead = Position(9, b"\x09" * 32)
        async with Listener(follower(lab, node, final=ahead), final=ahead) as heard:
            with pytest.raises(DeepReorg, match="ends with block 3, but block 9 was final"):
                await heard.until(lambda: bool(heard.news))


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        (Pins(1, 0), "serves chain 31337, the deployment is on chain 1"),
        (Pins(31337, 0, "0x" + "11" * 32), "another chain of id 31337"),
    ],
)
async def test_another_chain_than_the_deployments_stops_us(lab: Lab, quick: Node, pins: Pins, said: str) -> None:
    async with Listener(Follower(quick, lab.decoder, pins)) as heard:
        with pytest.raises(WrongChain, match=said):
            await heard.until(lambda: bool(heard.news))


async def test_following_begins_at_the_block_of_the_deployment(lab: Lab, quick: Node) -> None:
    await lab.claim(1)
    await lab.claim(2)
    await lab.claim(3)
    pins = Pins(31337, 2, lab.pins.genesis_hash)
    async with Listener(Follower(quick, lab.decoder, pins)) as heard:
        await heard.until_at(3)
        assert [block.number for block in heard.blocks] == [2, 3]


async def chain_of(lab: Lab, last: int) -> list[bytes]:
    found = [await lab.node.call("eth_getBlockByNumber", [hex(number), False]) for number in range(last + 1)]
    return [bytes.fromhex(block["hash"][2:]) for block in found]
