"""Block numbers or hashes go in; blocks come out, checked against their headers and reduced to what touched us."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from chain.decoding import Decoder
from chain.errors import Distrusted, Garbled, Missing
from chain.integrity import Receipt, check_header, check_receipts
from chain.node import Call, Node
from chain.wire import Header, WireBlock, WireReceipt, WireTransaction, hex_of, octets, quantity
from domain.facts import BlockFinalised, Transaction, Wei

Block = BlockFinalised
At = int | bytes | str
"""A block by number, by hash, or by tag."""

CALLS_PER_BLOCK = 2


async def fetch(node: Node, at: At, decoder: Decoder) -> Block:
    """One checked block, in one round trip. Raises Missing, Distrusted, or what the node layer raises."""
    block, receipts = await node.batch(_calls(at))
    return read_block(at, block, receipts, decoder)


async def fetch_range(node: Node, first: int, last: int, decoder: Decoder) -> AsyncGenerator[list[Block], None]:
    """The blocks `first` to `last` in order, a batch at a time, while the next ones are on their way."""
    size, ahead = node.settings.batch_blocks, node.settings.batches_ahead
    starts = iter(range(first, last + 1, size))
    coming: deque[asyncio.Task[list[Any]]] = deque()
    try:
        while True:
            while len(coming) < ahead and (start := next(starts, None)) is not None:
                numbers = range(start, min(start + size, last + 1))
                coming.append(asyncio.create_task(node.batch([call for n in numbers for call in _calls(n)])))
            if not coming:
                return
            answers = await coming.popleft()
            yield await _read_batch(first, answers, decoder)
            first += len(answers) // CALLS_PER_BLOCK
    finally:
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)


async def fetch_header(node: Node, at: At) -> Header:
    """A block's header, its hash checked."""
    method, where = _where(at)
    header: Header | None = await node.call(f"eth_getBlockBy{method}", [where, False], Header | None)
    if header is None:
        raise Missing(f"{node.place} has no block {where}")
    check_header(header)
    _check_asked(at, header)
    return header


def read_block(at: At, block: WireBlock | None, receipts: Sequence[WireReceipt] | None, decoder: Decoder) -> Block:
    """The block as a fact, once the node's answers agree with each other and with what was asked for."""
    if block is None or receipts is None:
        raise Missing(f"the node has no {'block' if block is None else 'receipts of block'} {_where(at)[1]}")
    digest = check_header(block)
    _check_asked(at, block)
    checked = check_receipts(block, receipts)
    touching = [receipt for receipt in checked if decoder.touches(receipt)]
    occurrences = [decoder.occurrence(log) for receipt in touching for log in receipt.logs]
    return Block(
        number=quantity(block.number, 63),
        hash=digest,
        parent=octets(block.parent_hash, 32),
        timestamp=quantity(block.timestamp, 63),
        transactions=tuple([_transaction(block.transactions[each.index], each) for each in touching]),
        occurrences=tuple([each for each in occurrences if each is not None]),
    )


async def _read_batch(first: int, answers: Sequence[Any], decoder: Decoder) -> list[Block]:
    """The blocks of a batch; lets others run between two of them, as checking them keeps a core busy."""
    blocks = []
    for i in range(0, len(answers), CALLS_PER_BLOCK):
        blocks.append(read_block(first + i // CALLS_PER_BLOCK, answers[i], answers[i + 1], decoder))
        await asyncio.sleep(0)
    return blocks


def _calls(at: At) -> list[Call]:
    method, where = _where(at)
    return [
        Call(f"eth_getBlockBy{method}", [where, True], WireBlock | None),
        Call("eth_getBlockReceipts", [where], list[WireReceipt] | None),
    ]


def _where(at: At) -> tuple[str, str]:
    if isinstance(at, bytes):
        return "Hash", hex_of(at)
    return "Number", hex(at) if isinstance(at, int) else at


def _check_asked(at: At, header: Header) -> None:
    wrong_hash = isinstance(at, bytes) and octets(header.hash, 32) != at
    wrong_number = isinstance(at, int) and quantity(header.number) != at
    if wrong_hash or wrong_number:
        raise Distrusted(f"asked for block {_where(at)[1]}, the node answered with block {header.number} {header.hash}")


def _transaction(wire: WireTransaction, receipt: Receipt) -> Transaction:
    if wire.transaction_index is not None and quantity(wire.transaction_index) != receipt.index:
        raise Garbled(f"transaction {wire.hash} says it is number {wire.transaction_index}, it is {receipt.index}")
    return Transaction(
        hash=receipt.tx_hash,
        index=receipt.index,
        sender=receipt.sender,
        recipient=receipt.recipient,
        value=Wei(quantity(wire.value, 256)),
        gas_used=receipt.gas_used,
        fee=Wei(receipt.gas_used * receipt.gas_price),
        succeeded=receipt.succeeded,
    )
