"""What a node says of a block goes in; what its header proves of it comes out, or Distrusted with what was wrong.

A block hash commits to the header, the header to the receipts. So whoever has the right hash can be told nothing wrong
about logs, and a chain of parents makes one hash answer for all before it.
"""

from collections.abc import Sequence

from msgspec import Struct

from chain.errors import Distrusted
from chain.wire import Header, WireBlock, WireLog, WireReceipt, hex_of, octets, quantity
from receipts import rlp
from receipts.keccak import keccak256
from receipts.trie import trie_root

KNOWN_RECEIPT_TYPES = range(5)
TOPICS_MAX = 4
ADDRESS_PREFIX, WORD_PREFIX = b"\x94", b"\xa0"
"""What RLP puts before 20 and before 32 bytes."""


class Log(Struct, frozen=True, gc=False):
    """A log in raw bytes, at its place in the block."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    tx_index: int
    log_index: int


class Receipt(Struct, frozen=True):
    """A transaction's outcome, proved by the block's receipts root; `sender` and `recipient` are the node's word."""

    tx_hash: bytes
    index: int
    sender: bytes
    recipient: bytes | None
    succeeded: bool
    gas_used: int
    gas_price: int
    logs: tuple[Log, ...]


def check_header(header: Header) -> bytes:
    """The block's hash, recomputed from the header's fields."""
    found = keccak256(encode_header(header))
    if found != octets(header.hash, 32):
        raise Distrusted(f"block {header.number} {header.hash}: its header hashes to {hex_of(found)}")
    return found


def check_receipts(block: WireBlock, receipts: Sequence[WireReceipt]) -> list[Receipt]:
    """The block's receipts, recomputed to its receipts root, each log at the place it claims."""
    if len(receipts) != len(block.transactions):
        raise Distrusted(f"{_name(block)} has {len(block.transactions)} transactions and {len(receipts)} receipts")
    checked: list[Receipt] = []
    entries: list[tuple[bytes, bytes]] = []
    before, log_count = 0, 0
    for index, wire in enumerate(receipts):
        _check_place(block, wire, index)
        logs = tuple(_check_log(block, wire, log, index, log_count + i) for i, log in enumerate(wire.logs))
        log_count += len(logs)
        spent = quantity(wire.cumulative_gas_used)
        if spent - before != quantity(wire.gas_used):
            raise Distrusted(
                f"{_name(block)}: receipt {index} claims {wire.gas_used} gas, its block {spent - before:#x}"
            )
        before = spent
        entries.append((rlp.encode_integer(index), encode_receipt(wire, logs)))
        checked.append(_checked(wire, index, logs))
    root = trie_root(entries)
    if root != octets(block.receipts_root, 32):
        raise Distrusted(
            f"{_name(block)}: its {len(receipts)} receipts with {log_count} logs have the root {hex_of(root)}, "
            f"the header says {block.receipts_root}: a log or receipt was left out, added or changed"
        )
    return checked


def encode_header(header: Header) -> bytes:
    """The header in RLP: 15 fields, and as many of the six that forks added as it has."""
    parts = [
        octets(header.parent_hash, 32),
        octets(header.sha3_uncles, 32),
        octets(header.miner, 20),
        octets(header.state_root, 32),
        octets(header.transactions_root, 32),
        octets(header.receipts_root, 32),
        octets(header.logs_bloom, 256),
        rlp.integer_bytes(quantity(header.difficulty, 256)),
        rlp.integer_bytes(quantity(header.number)),
        rlp.integer_bytes(quantity(header.gas_limit)),
        rlp.integer_bytes(quantity(header.gas_used)),
        rlp.integer_bytes(quantity(header.timestamp)),
        octets(header.extra_data),
        octets(header.mix_hash, 32),
        octets(header.nonce, 8),
    ]
    return rlp.encode(parts + _fork_fields(header))


def encode_receipt(receipt: WireReceipt, logs: Sequence[Log]) -> bytes:
    """The receipt as its trie holds it: RLP, behind its type where it has one (EIP-2718)."""
    kind = quantity(receipt.type, 8)
    if kind not in KNOWN_RECEIPT_TYPES:
        raise Distrusted(
            f"transaction {receipt.transaction_hash} has a receipt of type {receipt.type}, which we can not encode: "
            f"known are 0 to {KNOWN_RECEIPT_TYPES[-1]}"
        )
    outcome = octets(receipt.root, 32) if receipt.root else rlp.integer_bytes(_status(receipt))
    payload = b"".join((
        rlp.encode_text(outcome),
        rlp.encode_integer(quantity(receipt.cumulative_gas_used)),
        rlp.encode_text(octets(receipt.logs_bloom, 256)),
        rlp.encode_list(b"".join([_encode_log(log) for log in logs])),
    ))  # fmt: skip
    return bytes((kind,)) * bool(kind) + rlp.encode_list(payload)


def _fork_fields(header: Header) -> list[bytes]:
    fields = (
        (header.base_fee_per_gas, None),
        (header.withdrawals_root, 32),
        (header.blob_gas_used, None),
        (header.excess_blob_gas, None),
        (header.parent_beacon_block_root, 32),
        (header.requests_hash, 32),
    )
    present = [(text, size) for text, size in fields if text is not None]
    return [octets(text, size) if size else rlp.integer_bytes(quantity(text, 256)) for text, size in present]


def _encode_log(log: Log) -> bytes:
    topics = b"".join([WORD_PREFIX + topic for topic in log.topics])
    return rlp.encode_list(ADDRESS_PREFIX + log.address + rlp.encode_list(topics) + rlp.encode_text(log.data))


def _check_place(block: WireBlock, receipt: WireReceipt, index: int) -> None:
    claims = (receipt.block_hash, quantity(receipt.block_number), quantity(receipt.transaction_index))
    if claims != (block.hash, quantity(block.number), index):
        raise Distrusted(
            f"{_name(block)}: receipt {index} says it is receipt {receipt.transaction_index} of block "
            f"{receipt.block_number} {receipt.block_hash}"
        )
    if receipt.transaction_hash != block.transactions[index].hash:
        raise Distrusted(
            f"{_name(block)}: receipt {index} is of transaction {receipt.transaction_hash}, the block lists "
            f"{block.transactions[index].hash} there"
        )


def _check_log(block: WireBlock, receipt: WireReceipt, log: WireLog, index: int, log_index: int) -> Log:
    """The log in bytes, given that it says of itself what its receipt and its position say."""
    place = (log.block_hash, log.block_number, log.transaction_hash, log.transaction_index)
    if place != (receipt.block_hash, receipt.block_number, receipt.transaction_hash, receipt.transaction_index):
        raise Distrusted(
            f"{_name(block)}: log {log_index} says it is of transaction {log.transaction_index} "
            f"{log.transaction_hash} in block {log.block_number} {log.block_hash}"
        )
    if quantity(log.log_index) != log_index:
        raise Distrusted(f"{_name(block)}: log {log.log_index} stands where log {log_index} should: a gap or a repeat")
    if log.removed or len(log.topics) > TOPICS_MAX:
        raise Distrusted(f"{_name(block)}: log {log_index} is marked as removed, or has more than {TOPICS_MAX} topics")
    topics = tuple([octets(topic, 32) for topic in log.topics])
    return Log(octets(log.address, 20), topics, octets(log.data), index, log_index)


def _checked(wire: WireReceipt, index: int, logs: tuple[Log, ...]) -> Receipt:
    return Receipt(
        tx_hash=octets(wire.transaction_hash, 32),
        index=index,
        sender=octets(wire.sender, 20),
        recipient=None if wire.recipient is None else octets(wire.recipient, 20),
        succeeded=wire.root is not None or _status(wire) == 1,
        gas_used=quantity(wire.gas_used),
        gas_price=quantity(wire.effective_gas_price, 256),
        logs=logs,
    )


def _status(receipt: WireReceipt) -> int:
    return quantity(receipt.status or "", 1)


def _name(block: Header) -> str:
    return f"block {quantity(block.number)} {block.hash}"
