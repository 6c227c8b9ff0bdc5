"""Blocks, transactions and receipts as nodes write them in JSON, and the strict reading of their hex text.

Lengths are checked while the JSON is read, digits when the text is turned into bytes.
"""

from typing import Annotated

from msgspec import Meta, Struct, field

from chain.errors import Garbled

Address = Annotated[str, Meta(min_length=42, max_length=42)]
Word = Annotated[str, Meta(min_length=66, max_length=66)]
"""A hash, or another value of 32 bytes."""
Bloom = Annotated[str, Meta(min_length=514, max_length=514)]
Topics = Annotated[list[Word], Meta(max_length=4)]


class Header(Struct, frozen=True, rename="camel", gc=False):
    """A block's header; what later forks added is optional."""

    hash: Word
    parent_hash: Word
    sha3_uncles: Word
    miner: Address
    state_root: Word
    transactions_root: Word
    receipts_root: Word
    logs_bloom: Bloom
    difficulty: str
    number: str
    gas_limit: str
    gas_used: str
    timestamp: str
    extra_data: str
    mix_hash: Word
    nonce: Annotated[str, Meta(min_length=18, max_length=18)]
    base_fee_per_gas: str | None = None
    withdrawals_root: Word | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: Word | None = None
    requests_hash: Word | None = None


class WireTransaction(Struct, frozen=True, rename="camel", gc=False):
    hash: Word
    value: str
    transaction_index: str | None = None


class WireBlock(Header, frozen=True, rename="camel", kw_only=True, gc=False):
    """A header with its transactions in full."""

    transactions: list[WireTransaction]


class WireOutline(Header, frozen=True, rename="camel", kw_only=True, gc=False):
    """A header with its transactions' hashes."""

    transactions: list[Word]


class WireLog(Struct, frozen=True, rename="camel", gc=False):
    address: Address
    topics: Topics
    data: str
    block_hash: str
    block_number: str
    transaction_hash: str
    transaction_index: str
    log_index: str
    removed: bool = False


class WireReceipt(Struct, frozen=True, rename="camel", gc=False, kw_only=True):
    """`root` stands in the place of `status` in blocks from before Byzantium."""

    type: str = "0x0"
    status: str | None = None
    root: str | None = None
    cumulative_gas_used: str
    logs_bloom: Bloom
    logs: list[WireLog]
    transaction_hash: Word
    transaction_index: str
    block_hash: str
    block_number: str
    gas_used: str
    effective_gas_price: str = "0x0"
    sender: Address = field(name="from")
    recipient: Address | None = field(name="to", default=None)


def quantity(text: str, bits: int = 64) -> int:
    """A number of at most `bits` bits. Raises Garbled for anything else."""
    if text[:2] == "0x" and text.isalnum() and text.isascii():  # or int() would take spaces and underscores
        try:
            number = int(text, 16)
        except ValueError:
            number = -1
        if number >= 0 and not number >> bits:
            return number
    raise Garbled(f"{text[:80]!r} is not a hex number of at most {bits} bits")


def octets(text: str, size: int | None = None) -> bytes:
    """The bytes that hex text stands for, `size` of them where that is given. Raises Garbled for anything else."""
    try:
        data = bytes.fromhex(text[2:])
    except ValueError:
        data = None
    if text[:2] != "0x" or data is None or 2 + 2 * len(data) != len(text) or len(data) != (size or len(data)):
        raise Garbled(f"{text[:80]!r} is not {'' if size is None else f'{size} bytes of '}hex data")
    return data


def hex_of(data: bytes) -> str:
    return "0x" + data.hex()
