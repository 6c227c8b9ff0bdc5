"""A true answer goes in, one that a bad node might give instead comes out: each lie that was ever seen, by name.

Every lie here can be found out with the block's hash in hand, or by asking again.
"""

import copy
import random
from collections.abc import Callable
from typing import Any

from tests.simulation.chain import Block

Json = Any
Lie = Callable[[random.Random, Block, Json], Json]


def drop_logs(chance: random.Random, _: Block, receipts: Json) -> Json:
    """Receipts whose logs are silently missing (erigon#23062, reth#17678)."""
    told = copy.deepcopy(list(receipts))
    speaking = [each for each in told if each["logs"]]
    for receipt in speaking[: chance.randint(1, 3)]:
        receipt["logs"] = receipt["logs"][: chance.randint(0, len(receipt["logs"]) - 1)]
    return told


def no_receipts(_: random.Random, __: Block, ___: Json) -> Json:
    """`[]`, as pruned history answers (geth#18198)."""
    return []


def drop_receipt(chance: random.Random, _: Block, receipts: Json) -> Json:
    told = copy.deepcopy(list(receipts))
    if told:
        told.pop(chance.randrange(len(told)))
    return told


def add_log(chance: random.Random, _: Block, receipts: Json) -> Json:
    told = copy.deepcopy(list(receipts))
    speaking = [each for each in told if each["logs"]]
    if speaking:
        receipt = chance.choice(speaking)
        receipt["logs"].append(dict(receipt["logs"][-1]))
    return told


def change_log(chance: random.Random, _: Block, receipts: Json) -> Json:
    told = copy.deepcopy(list(receipts))
    logs = [log for each in told for log in each["logs"]]
    if logs:
        log = chance.choice(logs)
        log["data"] = "0x" + "01" * max(1, len(log["data"]) // 2 - 1)
    return told


def swap_logs(_: random.Random, __: Block, receipts: Json) -> Json:
    """Right logs in the wrong order, numbered as if it were the right one."""
    told = copy.deepcopy(list(receipts))
    for receipt in told:
        if len(receipt["logs"]) > 1:
            first, second = receipt["logs"][0], receipt["logs"][1]
            first["logIndex"], second["logIndex"] = second["logIndex"], first["logIndex"]
            receipt["logs"][:2] = [second, first]
    return told


def sibling(chance: random.Random, block: Block, receipts: Json) -> Json:
    """The receipts of another block."""
    other = block.parent
    if other is None:
        return receipts
    return list((other if chance.random() < 0.5 or other.parent is None else other.parent).sealed.receipts)


def sibling_renamed(_: random.Random, block: Block, receipts: Json) -> Json:
    """The receipts of another block, said to be of this one."""
    if block.parent is None:
        return receipts
    told = copy.deepcopy(list(block.parent.sealed.receipts))
    place = {"blockHash": "0x" + block.hash.hex(), "blockNumber": hex(block.number)}
    for receipt in told:
        receipt.update(place)
        for log in receipt["logs"]:
            log.update(place)
    return told


def fail_silently(_: random.Random, __: Block, receipts: Json) -> Json:
    """Transactions that failed are said to have worked."""
    told = copy.deepcopy(list(receipts))
    for receipt in told:
        receipt["status"] = "0x1"
    return told


def not_hex(chance: random.Random, _: Block, told: Json) -> Json:
    told = copy.deepcopy(list(told) if isinstance(told, tuple) else told)
    target = chance.choice(told) if isinstance(told, list) and told else told
    if isinstance(target, dict):
        target[chance.choice(("blockHash", "blockNumber") if "blockHash" in target else ("hash", "number"))] = "0xzz"
    return told


def too_large(_: random.Random, __: Block, header: Json) -> Json:
    return {**header, "number": hex(2**70), "timestamp": hex(2**70)}


def other_header(chance: random.Random, _: Block, header: Json) -> Json:
    """A header that does not hash to its hash."""
    return {**header, chance.choice(("receiptsRoot", "parentHash", "stateRoot")): "0x" + chance.randbytes(32).hex()}


def other_block(_: random.Random, block: Block, header: Json) -> Json:
    """A block number that answers with another block."""
    return block.parent.sealed.header if block.parent else header


def fewer_transactions(_: random.Random, __: Block, header: Json) -> Json:
    return {**header, "transactions": header["transactions"][:-1]}


OF_RECEIPTS: tuple[Lie, ...] = (
    drop_logs, no_receipts, drop_receipt, add_log, change_log, swap_logs, sibling, sibling_renamed, fail_silently,
    not_hex,
)  # fmt: skip
SEEN_BY_BLOOM: tuple[Lie, ...] = (no_receipts, sibling, not_hex)
"""Where nothing but the bloom speaks against what was told, these can still be found out."""

OF_BLOCKS: tuple[Lie, ...] = (not_hex, too_large, other_header, other_block, fewer_transactions)
