"""What a follower tells: three kinds of news, each to be acted on in the order they come."""

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import BlockFinalised


class Evidence(Struct, frozen=True):
    """Why blocks were believed: the level, who told them, what was checked, and what speaks against it all the same."""

    level: str
    provider: str
    checks: tuple[str, ...]
    doubts: tuple[str, ...] = ()


DOUBTS_MAX = 20
"""So many doubts about one stretch of blocks are kept word by word."""


def joined(one: Evidence, other: Evidence) -> Evidence:
    """The evidence for two stretches that were checked in the same way, maybe by others' word."""
    if one == other:
        return one
    names = dict.fromkeys([*one.provider.split(", "), *other.provider.split(", ")])
    doubts = tuple(dict.fromkeys([*one.doubts, *other.doubts]))[:DOUBTS_MAX]
    return replace(one, provider=", ".join(names), doubts=doubts)


class Extended(Struct, frozen=True):
    """The next blocks, lowest first, also those without anything of ours; one at the head, many while catching up.

    `is_final` says that they were final when they were read: a Finalised that covers them follows before any block that
    is not, so they may go to the ledger without passing through the tip.
    """

    blocks: tuple[BlockFinalised, ...]
    is_final: bool = False
    evidence: Evidence | None = None


class Reorganised(Struct, frozen=True):
    """The blocks from `number` on are no longer on the chain; `dropped` are their hashes, lowest first."""

    number: int
    dropped: tuple[bytes, ...]


class Finalised(Struct, frozen=True):
    """The blocks up to `number`, whose hash is `hash`, will not change any more."""

    number: int
    hash: bytes


News = Extended | Reorganised | Finalised
