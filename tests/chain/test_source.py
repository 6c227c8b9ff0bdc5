"""Ranges of blocks: how much is asked for at once, of whom, and what a window costs when it is refused."""

from typing import Any

from chain.blocks import Reader
from chain.devnet import Devnet
from chain.levels import BLOOM, ROOT, Level
from chain.node import Node
from chain.settings import ProviderSettings
from chain.source import Source
from tests.chain.lab import Lab, impatient, impatient_of
from tests.chain.proxy import Proxy


async def numbers(node: Node, lab: Lab, last: int, level: Level = ROOT) -> list[int]:
    stretches = Source(node, Reader(lab.decoder, level)).range(1, last)
    return [block.number async for stretch in stretches for block in stretch.blocks]


async def test_a_provider_that_takes_fewer_calls_is_asked_for_less(lab: Lab, proxy: Proxy) -> None:
    await lab.mine(40)
    proxy.calls_max = 6
    async with Node(impatient(proxy.url, batch_blocks=20)) as node:
        assert await numbers(node, lab, 40) == [*range(1, 41)]
    assert max(proxy.batches[-5:]) <= 6


async def test_an_answer_that_is_too_large_is_asked_for_in_parts(lab: Lab, proxy: Proxy) -> None:
    for job_id in range(1, 25):
        await lab.claim(job_id)
    refused = 0

    def refuse(body: bytes) -> bytes:
        nonlocal refused
        if body.count(b'"transactionHash"') <= 16:
            return body
        refused += 1
        return b'{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"query returned more than 10000 results"}}'

    proxy.spoil = refuse
    async with Node(impatient(proxy.url, batch_blocks=24, batches_ahead=1)) as node:
        assert await numbers(node, lab, 24) == [*range(1, 25)]
    assert refused


async def test_levels_tell_the_same_of_blocks_that_spoke_of_us(lab: Lab) -> None:
    """But for what a transaction sent along, which level bloom does not ask for."""
    for job_id in range(1, 6):
        await lab.claim(job_id, 10 + job_id, repeat=2)
        await lab.mine()
    found: dict[str, list[Any]] = {}
    for level in (ROOT, BLOOM):
        stretches = Source(lab.node, Reader(lab.decoder, level)).range(1, 10)
        found[level.name] = [block async for stretch in stretches for block in stretch.blocks]
    for one, other in zip(found["root"], found["bloom"], strict=True):
        assert (one.hash, one.occurrences) == (other.hash, other.occurrences)
        for proved, seen in zip(one.transactions, other.transactions, strict=True):
            assert (proved.hash, proved.sender, proved.fee) == (seen.hash, seen.sender, seen.fee)
            assert proved.value == 0
            assert seen.value is None


async def test_a_backfill_names_all_who_told_it(lab: Lab, devnet: Devnet, proxy: Proxy) -> None:
    await lab.mine(40)
    two = [ProviderSettings(url=url, name=name) for name, url in (("one", devnet.url), ("two", proxy.url))]
    async with Node(impatient_of(*two, batch_blocks=5, batches_ahead=4)) as node:
        stretches = [each async for each in Source(node, Reader(lab.decoder)).range(1, 40)]
    assert {each.evidence.provider for each in stretches} == {"one", "two"}
