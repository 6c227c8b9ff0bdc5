"""The ledger in bounded pieces: a position comes in, batches of facts that concern the explorer go out.

Blocks that the indexer recorded a moment ago may be handed in, so that they need not be read back.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from msgspec import Struct

from domain.facts import BlockFinalised
from domain.ledger import Ledger, Recorded

from .folds import OffchainFact, row_of
from .rows import Row
from .sources import Sources

PAGE = 512  # stored facts read at once; a fact may be a block of many events

Stored = tuple[int, Recorded]
"""A fact with its position in the ledger."""


class Batch(Struct, frozen=True):
    """What the ledger holds up to `position`. `rows` are those of facts that no block holds."""

    position: int
    blocks: tuple[BlockFinalised, ...]
    rows: tuple[Row, ...]


def weight(stored: Sequence[Stored]) -> int:
    """How many events these facts hold; what is no block weighs as one."""
    facts = [recorded.fact for _, recorded in stored]
    return sum([len(fact.occurrences) if isinstance(fact, BlockFinalised) else 1 for fact in facts])


def batches(
    ledger: Ledger,
    sources: Sources,
    after: int,
    events_max: int,
    upto: int | None = None,
    in_hand: Sequence[Stored] = (),
) -> Iterator[Batch]:
    """Batches of at most `events_max` events each, or of one block that has more, up to position `upto`."""
    piece: list[Stored] = []
    events = 0
    for page in _pages(ledger, after, upto, in_hand):
        for stored in page:
            more = weight((stored,))
            if piece and events + more > events_max:
                yield _batch(sources, piece)
                piece, events = [], 0
            piece.append(stored)
            events += more
    if piece:
        yield _batch(sources, piece)


def _pages(ledger: Ledger, after: int, upto: int | None, in_hand: Sequence[Stored]) -> Iterator[Sequence[Stored]]:
    """Everything after a position, in order: what is in hand, and from the ledger what others recorded in between."""
    for stored in in_hand:
        if stored[0] > after:
            yield from _read(ledger, after, stored[0] - 1)
            yield (stored,)
            after = stored[0]
    yield from _read(ledger, after, upto)


def _read(ledger: Ledger, after: int, upto: int | None) -> Iterator[Sequence[Stored]]:
    while upto is None or after < upto:
        page = ledger.after(after, PAGE if upto is None else min(PAGE, upto - after))
        if page:
            yield page
            after = page[-1][0]
        if len(page) < PAGE:
            return


def _batch(sources: Sources, piece: Sequence[Stored]) -> Batch:
    ours = sources.blocks()
    blocks = [cast("BlockFinalised", each.fact) for _, each in piece if each.originator_id == ours]
    rows = [
        row_of(cast("OffchainFact", each.fact), each.originator_version)
        for _, each in piece
        if each.originator_id != ours and sources.takes(each)
    ]
    return Batch(piece[-1][0], tuple(blocks), tuple(rows))
