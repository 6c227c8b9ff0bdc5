"""A provider's answers about blocks go in; blocks come out, checked at a level and reduced to what touched us."""

from collections.abc import Sequence
from typing import Any, Protocol

from chain.bloom import check_bloom, mask_of, may_hold
from chain.errors import Distrusted, Garbled, Missing
from chain.integrity import Log, check_header, check_places, check_root, read_log, read_receipt
from chain.jsonrpc import Call, Rpc
from chain.levels import ROOT, Level
from chain.wire import Header, WireBlock, WireOutline, WireReceipt, hex_of, octets, quantity
from domain.facts import BlockFinalised, Occurrence, Transaction, Wei

Block = BlockFinalised
At = int | bytes | str
"""A block by number, by hash, or by tag."""

Answer = WireBlock | WireOutline | None
Receipts = Sequence[WireReceipt] | None
OUTLINE, FULL, RECEIPTS = WireOutline | None, WireBlock | None, list[WireReceipt] | None


class Decoding(Protocol):
    """Who knows the logs of some contracts."""

    addresses: set[bytes]

    def occurrence(self, log: Log) -> Occurrence | None:
        """The fact of a log of one of the addresses; None if no fact comes of it."""
        ...


class Reader:
    """Checks what is said of a block, and reads of it what touched the decoder's contracts."""

    def __init__(self, decoder: Decoding, level: Level = ROOT) -> None:
        self.level = level
        self._decoder = decoder
        self._ours = frozenset(map(hex_of, decoder.addresses))
        self._masks = tuple(map(mask_of, decoder.addresses))

    def header_call(self, at: At) -> Call:
        """Asks for a block as far as the level reads it without its receipts."""
        method, where = where_is(at)
        if self.level.trusts_bloom:
            return Call(f"eth_getBlockBy{method}", [where, False], OUTLINE)
        return Call(f"eth_getBlockBy{method}", [where, True], FULL)

    def receipts_call(self, at: At) -> Call:
        return Call("eth_getBlockReceipts", [where_is(at)[1]], RECEIPTS)

    def wants_receipts(self, block: Answer) -> bool:
        """Whether the block, by its own word, can hold what touched us."""
        return block is not None and (not self.level.trusts_bloom or may_hold(block, self._masks))

    def check(self, at: At, block: Answer, receipts: Receipts) -> bytes:
        """The block's hash, once the answers agree with each other, with the header and with what was asked for."""
        if block is None:
            raise Missing(f"the node has no block {where_is(at)[1]}")
        digest = check_header(block)
        check_asked(at, block)
        if self.wants_receipts(block):
            self._check_receipts(at, block, receipts)
        return digest

    def read(self, digest: bytes, block: WireBlock | WireOutline, receipts: Receipts) -> Block:
        """The checked block as a fact."""
        transactions: list[Transaction] = []
        occurrences: list[Occurrence] = []
        if receipts and self.wants_receipts(block):
            self._read_receipts(block, receipts, transactions, occurrences)
        return Block(
            number=quantity(block.number, 63),
            hash=digest,
            parent=octets(block.parent_hash, 32),
            timestamp=quantity(block.timestamp, 63),
            transactions=tuple(transactions),
            occurrences=tuple(occurrences),
        )

    def _check_receipts(self, at: At, block: WireBlock | WireOutline, receipts: Receipts) -> None:
        if receipts is None:
            raise Missing(f"the node has no receipts of block {where_is(at)[1]}")
        check_places(block, _hashes(block), receipts)
        if self.level.proves_receipts:
            check_root(block, receipts)
        if self.level.trusts_bloom:
            check_bloom(block, receipts)

    def _read_receipts(
        self,
        block: WireBlock | WireOutline,
        receipts: Sequence[WireReceipt],
        transactions: list[Transaction],
        occurrences: list[Occurrence],
    ) -> None:
        ours, occurrence, log_index = self._ours, self._decoder.occurrence, 0
        for index, receipt in enumerate(receipts):
            speaks = False
            for log in receipt.logs:
                if log.address in ours:
                    speaks = True
                    fact = occurrence(read_log(log, index, log_index))
                    if fact is not None:
                        occurrences.append(fact)
                log_index += 1
            if speaks or (receipt.recipient in ours and not self.level.trusts_bloom):
                transactions.append(_transaction(block, receipt, index))


async def fetch(rpc: Rpc, at: At, reader: Reader) -> Block:
    """One checked block, in one round trip. Raises Missing, Distrusted, or what the node layer raises."""
    block, receipts = await rpc.batch([reader.header_call(at), reader.receipts_call(at)])
    digest = reader.check(at, block, receipts)
    return reader.read(digest, block, receipts)


async def fetch_header(node: Rpc, at: At) -> Header:
    """A block's header, its hash checked."""
    method, where = where_is(at)
    header: Header | None = await node.call(f"eth_getBlockBy{method}", [where, False], Header | None)
    if header is None:
        raise Missing(f"{node.place} has no block {where}")
    check_header(header)
    check_asked(at, header)
    return header


def where_is(at: At) -> tuple[str, str]:
    """How a block is asked for: by what, and the text of that."""
    if isinstance(at, bytes):
        return "Hash", hex_of(at)
    return "Number", hex(at) if isinstance(at, int) else at


def check_asked(at: At, header: Header) -> None:
    wrong_hash = isinstance(at, bytes) and octets(header.hash, 32) != at
    if wrong_hash or (isinstance(at, int) and header.number != hex(at)):
        raise Distrusted(
            f"asked for block {where_is(at)[1]}, the node answered with block {header.number} {header.hash}"
        )


def _hashes(block: WireBlock | WireOutline) -> Sequence[Any]:
    return block.transactions if isinstance(block, WireOutline) else [each.hash for each in block.transactions]


def _transaction(block: WireBlock | WireOutline, receipt: WireReceipt, index: int) -> Transaction:
    told = read_receipt(receipt, index, ())
    return Transaction(
        hash=told.tx_hash,
        index=index,
        sender=told.sender,
        recipient=told.recipient,
        value=_value(block, index),
        gas_used=told.gas_used,
        fee=Wei(told.gas_used * told.gas_price),
        succeeded=told.succeeded,
    )


def _value(block: WireBlock | WireOutline, index: int) -> Wei | None:
    """What the transaction sent along; an outline does not say."""
    if isinstance(block, WireOutline):
        return None
    wire = block.transactions[index]
    if wire.transaction_index is not None and quantity(wire.transaction_index) != index:
        raise Garbled(f"transaction {wire.hash} says it is number {wire.transaction_index}, it is {index}")
    return Wei(quantity(wire.value, 256))
