"""Where and when a fact happened, as rows tell it, and the error of a fact that no rule can take."""

from msgspec import Struct

LATEST_S = 253_402_300_799  # the last second of the year 9999: a later time says "never" just as well
ZERO_ADDRESS = bytes(20)


class Moment(Struct, frozen=True, gc=False):
    """A log's place: its block and transaction, and the block's time in Unix seconds."""

    block: int
    block_hash: str
    at: int
    tx_hash: str
    gas_used: int
    log_index: int


class Unfoldable(Exception):
    """A fact that contradicts what came before it. It is parked with this reason and the rest goes on."""


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()


def clamped(seconds: int) -> int:
    """A time that every clock can show: chain times are unsigned integers that anyone may choose."""
    return min(seconds, LATEST_S)


def worded(number: int) -> str:
    """A 256-bit word, as receipt documents write it."""
    return f"0x{number:064x}"
