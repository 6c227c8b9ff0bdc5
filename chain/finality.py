"""A setting in words goes in; the rule by which a block becomes final comes out."""

import re

from msgspec import Struct

TAGS = ("finalized", "safe")


class Depth(Struct, frozen=True):
    """A block is final when `blocks` others stand on it; 0 means at once."""

    blocks: int


class Tag(Struct, frozen=True):
    """A block is final when the node's block of this name has reached it."""

    name: str


Finality = Depth | Tag


def parse(text: str) -> Finality:
    """Reads `depth:N`, `finalized` or `safe`. Raises ValueError."""
    if text in TAGS:
        return Tag(text)
    depth = re.fullmatch(r"depth:(\d{1,9})", text)
    if depth is None:
        raise ValueError(f"finality is {text!r}: choose 'finalized', 'safe' or 'depth:N' with a number of blocks")
    return Depth(int(depth[1]))
