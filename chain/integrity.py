"""What a node says of a block goes in; what its header proves of it comes out, or Distrusted with what was wrong.

A block hash commits to the header, the header to the receipts. So whoever has the right hash can be told nothing wrong
about logs, and a chain of parents makes one hash answer for all before it.

What is hashed is put together as hex text, as it came, and turned into bytes in one go: that also finds what is no hex.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NoReturn

from msgspec import Struct

from chain.errors import Distrusted, Garbled
from chain.wire import Header, WireBlock, WireLog, WireReceipt, hex_of, octets, quantity
from receipts import rlp
from receipts.keccak import keccak256
from receipts.trie import trie_root

KNOWN_RECEIPT_TYPES = range(5)
INTEGERS_KEPT = PREFIXES_KEPT = ADDRESSES_KEPT = 4096
ONE_BYTE = len("0x00")
FAILED = "0x0"
ONE_BYTE_BELOW = 0x80
"""Smaller numbers are their own RLP."""
from_hex = bytes.fromhex
NUMBERS = tuple(hex(number) for number in range(4096))
"""The places of logs and receipts as nodes write them."""


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
    check_places(block, [each.hash for each in block.transactions], receipts)
    check_root(block, receipts)
    checked: list[Receipt] = []
    before = 0
    for index, wire in enumerate(receipts):
        logs = tuple([read_log(log, index, before + i) for i, log in enumerate(wire.logs)])
        before += len(logs)
        checked.append(read_receipt(wire, index, logs))
    return checked


def check_places(header: Header, hashes: Sequence[str], receipts: Sequence[WireReceipt]) -> None:
    """Raises Distrusted unless receipts and logs are the block's by their own word, in order and without a gap."""
    if len(receipts) != len(hashes):
        raise Distrusted(f"{_name(header)} has {len(hashes)} transactions and {len(receipts)} receipts")
    block_hash, number, log_count, gas = header.hash, header.number, 0, 0
    for index, receipt in enumerate(receipts):
        place = _number(index)
        if (receipt.block_hash, receipt.block_number, receipt.transaction_index) != (block_hash, number, place):
            raise Distrusted(
                f"{_name(header)}: receipt {index} says it is receipt {receipt.transaction_index} of block "
                f"{receipt.block_number} {receipt.block_hash}"
            )
        tx_hash = receipt.transaction_hash
        if tx_hash != hashes[index]:
            raise Distrusted(
                f"{_name(header)}: receipt {index} is of transaction {tx_hash}, the block lists {hashes[index]} there"
            )
        if receipt.logs and receipt.status == FAILED:
            raise Distrusted(f"{_name(header)}: transaction {tx_hash} is said to have failed, which leaves no logs")
        for log in receipt.logs:
            if (
                log.block_hash != block_hash
                or log.block_number != number
                or log.transaction_hash != tx_hash
                or log.transaction_index != place
                or log.log_index != _number(log_count)
                or log.removed
            ):
                _misplaced(header, receipt, log, log_count)
            log_count += 1
        gas = _check_gas(header, receipt, index, gas)


def check_root(header: Header, receipts: Sequence[WireReceipt]) -> None:
    """Raises Distrusted unless the receipts have the root that the header names."""
    root = trie_root([(rlp.encode_integer(index), encode_receipt(each)) for index, each in enumerate(receipts)])
    if root != octets(header.receipts_root, 32):
        raise Distrusted(
            f"{_name(header)}: its {len(receipts)} receipts with {sum(len(each.logs) for each in receipts)} logs have "
            f"the root {hex_of(root)}, the header says {header.receipts_root}: a log or receipt was left out, added or "
            "changed"
        )


def encode_header(header: Header) -> bytes:
    """The header in RLP: 15 fields, and as many of the six that forks added as it has."""
    text = (
        f"a0{header.parent_hash[2:]}a0{header.sha3_uncles[2:]}94{header.miner[2:]}a0{header.state_root[2:]}"
        f"a0{header.transactions_root[2:]}a0{header.receipts_root[2:]}b90100{header.logs_bloom[2:]}"
        f"{_integer(header.difficulty)}{_integer(header.number)}{_integer(header.gas_limit)}"
        f"{_integer(header.gas_used)}{_integer(header.timestamp)}{rlp.encode_text(octets(header.extra_data)).hex()}"
        f"a0{header.mix_hash[2:]}88{header.nonce[2:]}{_fork_fields(header)}"
    )
    return rlp.encode_list(_octets(text, "the header", header.hash))


def encode_receipt(receipt: WireReceipt) -> bytes:
    """The receipt as its trie holds it: RLP, behind its type where it has one (EIP-2718)."""
    kind = quantity(receipt.type, 8)
    if kind not in KNOWN_RECEIPT_TYPES:
        raise Distrusted(
            f"transaction {receipt.transaction_hash} has a receipt of type {receipt.type}, which we can not encode: "
            f"known are 0 to {KNOWN_RECEIPT_TYPES[-1]}"
        )
    logs = _octets("".join([_encoded_log(log) for log in receipt.logs]), "a log", receipt.transaction_hash)
    outcome = octets(receipt.root, 32) if receipt.root else rlp.integer_bytes(_status(receipt))
    payload = b"".join((
        rlp.encode_text(outcome),
        rlp.encode_integer(quantity(receipt.cumulative_gas_used)),
        rlp.encode_text(octets(receipt.logs_bloom, 256)),
        rlp.encode_list(logs),
    ))  # fmt: skip
    return bytes((kind,)) * bool(kind) + rlp.encode_list(payload)


def read_log(wire: WireLog, tx_index: int, log_index: int) -> Log:
    """The log's own bytes, each byte of them given."""
    data = wire.data
    try:
        topics = tuple([from_hex(topic[2:]) for topic in wire.topics])
        said = from_hex(data[2:])
    except ValueError:
        topics, said = (), b""
    if len(b"".join(topics)) != 32 * len(wire.topics) or 2 * len(said) != len(data) - 2 or data[:2] != "0x":
        raise Garbled(f"log {log_index} of {wire.transaction_hash}: {data[:80]!r}, or a topic, is not hex data")
    return Log(_address(wire.address), topics, said, tx_index, log_index)


def read_receipt(wire: WireReceipt, index: int, logs: tuple[Log, ...]) -> Receipt:
    return Receipt(
        tx_hash=octets(wire.transaction_hash, 32),
        index=index,
        sender=_address(wire.sender),
        recipient=None if wire.recipient is None else _address(wire.recipient),
        succeeded=wire.root is not None or _status(wire) == 1,
        gas_used=quantity(wire.gas_used),
        gas_price=quantity(wire.effective_gas_price, 256),
        logs=logs,
    )


def _fork_fields(header: Header) -> str:
    """The fields after the fifteenth that are there, one behind the other."""
    fields = (
        (header.base_fee_per_gas, False),
        (header.withdrawals_root, True),
        (header.blob_gas_used, False),
        (header.excess_blob_gas, False),
        (header.parent_beacon_block_root, True),
        (header.requests_hash, True),
    )
    return "".join([f"a0{text[2:]}" if is_word else _integer(text) for text, is_word in fields if text is not None])


@lru_cache(ADDRESSES_KEPT)
def _address(text: str) -> bytes:
    return octets(text, 20)


@lru_cache(INTEGERS_KEPT)
def _integer(text: str) -> str:
    """A number's RLP as hex digits."""
    number = quantity(text, 256)
    if number < ONE_BYTE_BELOW:
        return f"{number:02x}" if number else "80"
    digits = f"{number:x}"
    digits = digits if len(digits) % 2 == 0 else "0" + digits
    return f"{ONE_BYTE_BELOW + len(digits) // 2:02x}{digits}"


def _encoded_log(log: WireLog) -> str:
    """A log's RLP as hex digits: its address, the list of its topics, its data."""
    topics, data = log.topics, log.data
    if len(data) == ONE_BYTE and data[2:] < "80":
        return _list(f"94{log.address[2:]}{_list(_words(topics))}{data[2:]}")
    before_address, before_topics, before_data = _prefixes(len(topics), len(data))
    return f"{before_address}{log.address[2:]}{before_topics}{_words(topics)}{before_data}{data[2:]}"


@lru_cache(PREFIXES_KEPT)
def _prefixes(topic_count: int, data_length: int) -> tuple[str, str, str]:
    """What stands before a log's address, topics and data, by the length of its data's text."""
    if data_length % 2:
        raise Garbled(f"a log's data have {data_length - 2} hex digits: an odd number")
    topics, data = bytes(33 * topic_count), bytes(data_length // 2 - 1)
    before_topics = rlp.encode_list(topics).removesuffix(topics)
    before_data = rlp.encode_text(data).removesuffix(data) if len(data) != 1 else b"\x81"
    whole = bytes(21) + before_topics + topics + before_data + data
    return rlp.encode_list(whole).removesuffix(whole).hex() + "94", before_topics.hex(), before_data.hex()


def _words(topics: Sequence[str]) -> str:
    return "".join(["a0" + topic[2:] for topic in topics])


def _list(digits: str) -> str:
    return rlp.encode_list(_octets(digits, "a log", "a receipt")).hex()


def _octets(text: str, what: str, whose: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if 2 * len(data) != len(text):
        raise Garbled(f"{what} of {whose} holds what is not hex data")
    return data


def _number(value: int) -> str:
    return NUMBERS[value] if value < len(NUMBERS) else hex(value)


def _check_gas(header: Header, receipt: WireReceipt, index: int, before: int) -> int:
    """The gas that the block had spent after this receipt."""
    spent = quantity(receipt.cumulative_gas_used)
    if spent - before != quantity(receipt.gas_used):
        raise Distrusted(
            f"{_name(header)}: receipt {index} claims {receipt.gas_used} gas, its block {spent - before:#x}"
        )
    return spent


def _misplaced(header: Header, receipt: WireReceipt, log: WireLog, log_index: int) -> NoReturn:
    """Says what is wrong with a log's account of itself."""
    place = (log.block_hash, log.block_number, log.transaction_hash, log.transaction_index)
    if place != (receipt.block_hash, receipt.block_number, receipt.transaction_hash, receipt.transaction_index):
        raise Distrusted(
            f"{_name(header)}: log {log_index} says it is of transaction {log.transaction_index} "
            f"{log.transaction_hash} in block {log.block_number} {log.block_hash}"
        )
    if log.removed:
        raise Distrusted(f"{_name(header)}: log {log_index} is marked as removed")
    quantity(log.log_index)
    raise Distrusted(f"{_name(header)}: log {log.log_index} stands where log {log_index} should: a gap or a repeat")


def _status(receipt: WireReceipt) -> int:
    return quantity(receipt.status or "", 1)


def _name(header: Header) -> str:
    return f"block {quantity(header.number)} {header.hash}"
