"""A setting in words goes in; how strictly blocks are checked before they are believed comes out.

What each level sees, and what it rests on:
* root: every transaction that was sent to us or made us speak, as the header's `receiptsRoot` proves it.
* bloom: every transaction that made us speak. The header's bloom tells which blocks can hold one; all logs of these are
  held to that bloom, which proves that none is missing but not that their data are right. What a transaction sent along
  is not asked for, and one that was sent to us without making us speak is not seen.
* quorum:K: what root sees, on the word of K providers that say the same, instead of a proof.
"""

import re

from msgspec import Struct

COMMON = ("header hash", "parent link", "logs against their block")


class Level(Struct, frozen=True):
    """`voters` is how many providers must say the same."""

    name: str
    checks: tuple[str, ...]
    proves_receipts: bool = False
    trusts_bloom: bool = False
    voters: int = 1


ROOT = Level("root", (*COMMON, "receipts root"), proves_receipts=True)
BLOOM = Level("bloom", (*COMMON, "logs bloom"), trusts_bloom=True)


def parse(text: str) -> Level:
    """Reads `root`, `bloom` or `quorum:K`. Raises ValueError."""
    quorum = re.fullmatch(r"quorum:(\d{1,3})", text)
    if quorum and int(quorum[1]) >= 2:
        return Level(text, (*COMMON, f"{quorum[1]} providers agree"), voters=int(quorum[1]))
    for level in (ROOT, BLOOM):
        if text == level.name:
            return level
    raise ValueError(
        f"level is {text!r}: choose 'root', 'bloom', or 'quorum:K' with a number of providers from 2 on that must agree"
    )
