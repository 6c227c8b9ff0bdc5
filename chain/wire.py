"""Blocks, transactions and receipts as nodes write them in JSON, and the strict reading of their hex text."""

from msgspec import Struct, field

from chain.errors import Garbled


class Header(Struct, frozen=True, rename="camel", gc=False):
    """A block's header; what later forks added is optional."""

    hash: str
    parent_hash: str
    sha3_uncles: str
    miner: str
    state_root: str
    transactions_root: str
    receipts_root: str
    logs_bloom: str
    difficulty: str
    number: str
    gas_limit: str
    gas_used: str
    timestamp: str
    extra_data: str
    mix_hash: str
    nonce: str
    base_fee_per_gas: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None


class WireTransaction(Struct, frozen=True, rename="camel", gc=False):
    hash: str
    value: str
    transaction_index: str | None = None


class WireBlock(Header, frozen=True, rename="camel", kw_only=True, gc=False):
    """A header with its transactions in full."""

    transactions: list[WireTransaction]


class WireLog(Struct, frozen=True, rename="camel", gc=False):
    address: str
    topics: list[str]
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
    logs_bloom: str
    logs: list[WireLog]
    transaction_hash: str
    transaction_index: str
    block_hash: str
    block_number: str
    gas_used: str
    effective_gas_price: str = "0x0"
    sender: str = field(name="from")
    recipient: str | None = field(name="to", default=None)


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
