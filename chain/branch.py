"""Checked blocks come in on top, final ones leave below: the part of the chain that we hold and that may still change.

It knows hashes, not the node: what it is given to extend must stand on its top, and it tells each change as news.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from chain.news import Evidence, Extended, Finalised, News, Reorganised
from domain.facts import BlockFinalised as Block


class Link(Struct, frozen=True):
    """What the next block has to stand on."""

    number: int
    hash: bytes
    timestamp: int = 0


def link(block: Block) -> Link:
    return Link(block.number, block.hash, block.timestamp)


class Branch:
    """`bottom` is final, the links above it are not."""

    def __init__(self, bottom: Link, links: Sequence[Link] = ()) -> None:
        self.bottom = bottom
        self._links = list(links)

    @property
    def top(self) -> Link:
        return self._links[-1] if self._links else self.bottom

    def at(self, number: int) -> Link | None:
        if number == self.bottom.number:
            return self.bottom
        index = number - self.bottom.number - 1
        return self._links[index] if 0 <= index < len(self._links) else None

    def holds(self, number: int, digest: bytes) -> bool:
        ours = self.at(number)
        return ours is not None and ours.hash == digest

    def extend(self, blocks: Sequence[Block], bound: int, evidence: Evidence | None = None) -> Iterator[News]:
        """Blocks up to `bound` are told as final, and closed off before those that are not."""
        before = self.top.number
        self._links += [link(block) for block in blocks]
        ready = min(max(bound - before, 0), len(blocks))
        if ready:
            yield from self.finalise(before)
            yield Extended(tuple(blocks[:ready]), True, evidence)
            yield from self.finalise(bound)
        if blocks[ready:]:
            yield Extended(tuple(blocks[ready:]), False, evidence)

    def drop_above(self, number: int) -> Iterator[News]:
        kept = max(number - self.bottom.number, 0)
        dropped = tuple([each.hash for each in self._links[kept:]])
        if dropped:
            del self._links[kept:]
            yield Reorganised(self.top.number + 1, dropped)

    def finalise(self, bound: int) -> Iterator[News]:
        count = min(max(bound - self.bottom.number, 0), len(self._links))
        if count:
            self.bottom = self._links[count - 1]
            del self._links[:count]
            yield Finalised(self.bottom.number, self.bottom.hash)


def standing(below: Link, blocks: Sequence[Block]) -> int:
    """How many of the blocks, from the first on, stand on each other and on `below`."""
    for i, block in enumerate(blocks):
        if (block.number, block.parent) != (below.number + 1, below.hash) or block.timestamp < below.timestamp:
            return i
        below = link(block)
    return len(blocks)
