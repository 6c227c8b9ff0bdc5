"""What a follower tells: three kinds of news, each to be acted on in the order they come."""

from msgspec import Struct

from domain.facts import BlockFinalised


class Extended(Struct, frozen=True):
    """The next block, also one without anything of ours.

    `is_final` says that it was final when it was read: a Finalised that covers it follows before any block that is not,
    so it may go to the ledger without passing through the tip.
    """

    block: BlockFinalised
    is_final: bool = False


class Reorganised(Struct, frozen=True):
    """The blocks from `number` on are no longer on the chain; `dropped` are their hashes, lowest first."""

    number: int
    dropped: tuple[bytes, ...]


class Finalised(Struct, frozen=True):
    """The blocks up to `number`, whose hash is `hash`, will not change any more."""

    number: int
    hash: bytes


News = Extended | Reorganised | Finalised
