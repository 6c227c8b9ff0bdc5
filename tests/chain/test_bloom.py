"""What a header's bloom says of addresses and logs, on blocks of a development chain and on known values."""

import pytest

from chain.blocks import Reader
from chain.bloom import check_bloom, mask_of, may_hold
from chain.errors import Distrusted
from chain.levels import BLOOM
from chain.node import Node
from chain.source import Source
from chain.wire import WireOutline, WireReceipt
from tests.chain.lab import SPEAKER, STRANGER, Lab, claim_data, impatient
from tests.chain.proxy import Proxy


async def block_of(lab: Lab, number: int) -> tuple[WireOutline, list[WireReceipt]]:
    block = await lab.node.call("eth_getBlockByNumber", [hex(number), False], WireOutline)
    return block, await lab.node.call("eth_getBlockReceipts", [hex(number)], list[WireReceipt])


def test_an_item_sets_at_most_three_of_2048_bits_and_always_the_same() -> None:
    masks = [mask_of(item) for item in (SPEAKER, STRANGER, SPEAKER)]
    assert masks[0] == masks[2] != masks[1]
    assert all(1 <= mask.bit_count() <= 3 and mask < 1 << 2048 for mask in masks)


async def test_a_block_may_hold_whoever_spoke_in_it_and_nobody_else(lab: Lab) -> None:
    await lab.claim(1)
    await lab.claim(2, by=STRANGER)
    await lab.mine()
    ours = [mask_of(SPEAKER)]
    assert [may_hold((await block_of(lab, number))[0], ours) for number in (1, 2, 3)] == [True, False, False]


async def test_the_logs_of_a_block_fill_its_bloom(lab: Lab) -> None:
    await lab.send(STRANGER, claim_data(1, repeat=20))
    await lab.claim(7, 8, repeat=3)
    await lab.claim(99)
    block, receipts = await block_of(lab, 1)
    _, others = await block_of(lab, 2)
    check_bloom(block, receipts)
    with pytest.raises(Distrusted, match="knows of more than came"):
        check_bloom(block, receipts[1:])
    with pytest.raises(Distrusted, match="knows nothing of it"):
        check_bloom(block, [*receipts, *others])


async def test_at_level_bloom_only_blocks_that_may_hold_our_logs_are_looked_into(lab: Lab, proxy: Proxy) -> None:
    await lab.mine(20)
    await lab.claim(1)
    await lab.mine(20)
    await lab.send(SPEAKER, b"", gas=21_000 + 10_000)  # reaches us without making us speak: no bloom tells
    await lab.mine()
    async with Node(impatient(proxy.url, batch_blocks=10, batches_ahead=1)) as node:
        source = Source(node, Reader(lab.decoder, BLOOM))
        blocks = [block async for stretch in source.range(1, 42) for block in stretch.blocks]
    assert [block.number for block in blocks] == [*range(1, 43)]
    assert [block.number for block in blocks if block.transactions] == [21]
    assert proxy.asked.count("eth_getBlockByNumber") == 42
    assert proxy.asked.count("eth_getBlockReceipts") == 10 + 1, "all of the first window, then where the bloom says so"


async def test_a_block_whose_bloom_speaks_of_us_by_chance_is_looked_into_and_found_empty(lab: Lab) -> None:
    """A block so full of others' logs that its bloom has every bit."""
    await lab.node.call("evm_setBlockGasLimit", [hex(10**9)])
    await lab.send(STRANGER, claim_data(1, repeat=9_000), gas=200_000_000)
    await lab.mine()
    block, receipts = await block_of(lab, 1)
    assert len(receipts[0].logs) == 9_000
    assert may_hold(block, [mask_of(SPEAKER)])
    reader = Reader(lab.decoder, BLOOM)
    assert not reader.read(reader.check(1, block, receipts), block, receipts).occurrences
