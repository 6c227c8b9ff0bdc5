"""Where and when a fact happened, as rows tell it, and the error of a fact that no rule can take."""

from functools import lru_cache

from msgspec import Struct

from domain.jobs import NOBODY, Image

ADDRESSES_KEPT = 1 << 15


class Moment(Struct, gc=False):
    """A log's place: its block, the block's time in Unix seconds, and its transaction. It moves on from log to log."""

    block: int
    block_hash: str
    at: int
    tx_hash: str = "0x"
    gas_used: int = 0
    log_index: int = 0


class Unfoldable(Exception):
    """A fact that contradicts what came before it. It is parked with this reason and the rest goes on.

    A rule raises it before it has changed anything.
    """


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()


@lru_cache(ADDRESSES_KEPT)
def address(raw: bytes) -> str:
    """The same as text, remembered: addresses come again and again."""
    return "0x" + raw.hex()


def holder(raw: bytes) -> str | None:
    """An address that may be nobody's."""
    return None if raw == NOBODY else address(raw)


SHOWN = Image(address, holder)
"""How rows write the addresses of a job."""


def worded(number: int) -> str:
    """A 256-bit word, as receipt documents write it."""
    return "0x%064x" % number  # noqa: UP031  half the time of an f-string
