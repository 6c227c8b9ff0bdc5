from contextlib import aclosing
from typing import Any

import pytest

from chain.blocks import Block, Reader
from chain.blocks import fetch as fetch_by
from chain.decoding import Decoder
from chain.devnet import Devnet
from chain.errors import Missing
from chain.levels import ROOT, Level
from chain.node import Node
from chain.source import Source
from domain.facts import JobClaimed, JobCompleted, Transaction
from tests.chain.lab import SPEAKER, STRANGER, WORKER, Lab, claim_data, impatient


async def fetch(node: Node, at: Any, decoder: Decoder, level: Level = ROOT) -> Block:
    return await fetch_by(node, at, Reader(decoder, level))


async def test_a_block_holds_what_touched_us_and_nothing_else(lab: Lab) -> None:
    await lab.send(STRANGER, claim_data(1))
    await lab.send(SPEAKER, claim_data(2))
    await lab.complete(2, "QmAnswer")
    block = await fetch(lab.node, 1, lab.decoder)
    assert [each.fact for each in block.occurrences] == [
        JobClaimed(2, WORKER, 1_700_000_000),
        JobCompleted(2, WORKER, "QmAnswer"),
    ]
    assert [(each.tx_index, each.log_index) for each in block.occurrences] == [(1, 1), (2, 2)]
    assert [each.index for each in block.transactions] == [1, 2]


async def test_a_transaction_carries_its_cost_and_outcome_although_it_failed(lab: Lab) -> None:
    digest = await lab.send(SPEAKER, claim_data(1, repeat=10_000), gas=100_000)
    await lab.mine()
    receipt = await lab.node.call("eth_getTransactionReceipt", [digest])
    (transaction,) = (await fetch(lab.node, 1, lab.decoder)).transactions
    assert transaction == Transaction(
        hash=bytes.fromhex(digest[2:]),
        index=0,
        sender=bytes.fromhex(receipt["from"][2:]),
        recipient=SPEAKER,
        value=transaction.value,
        gas_used=int(receipt["gasUsed"], 16),
        fee=transaction.fee,
        succeeded=False,
    )
    assert transaction.fee == int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)


async def test_a_block_is_the_same_by_number_and_by_hash(lab: Lab) -> None:
    await lab.claim(1)
    block = await fetch(lab.node, 1, lab.decoder)
    assert await fetch(lab.node, block.hash, lab.decoder) == block
    assert await fetch(lab.node, "latest", lab.decoder) == block


@pytest.mark.parametrize("at", [9, b"\x99" * 32])
async def test_a_block_that_is_not_there_may_come_later(lab: Lab, at: int | bytes) -> None:
    with pytest.raises(Missing, match="has no block"):
        await fetch(lab.node, at, lab.decoder)


async def test_a_range_comes_in_order_in_windows_that_grow(lab: Lab, devnet: Devnet) -> None:
    await lab.mine(23)
    async with (
        Node(impatient(devnet.url, batch_blocks=5, batches_ahead=1)) as node,
        aclosing(Source(node, Reader(lab.decoder)).range(2, 23)) as stretches,
    ):
        found = [[block.number for block in stretch.blocks] async for stretch in stretches]
    assert [number for window in found for number in window] == [*range(2, 24)]
    assert [len(window) for window in found] == [5, 6, 7, 4]


async def test_a_range_that_ends_before_it_begins_is_empty(lab: Lab) -> None:
    assert [each async for each in Source(lab.node, Reader(lab.decoder)).range(5, 4)] == []
