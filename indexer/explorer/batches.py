"""The ledger in bounded pieces: a position comes in, batches of facts that concern the explorer go out."""

from collections.abc import Iterator
from typing import cast

from msgspec import Struct

from domain.facts import BlockFinalised
from domain.ledger import Ledger, Recorded

from .folds import OffchainFact, row_of
from .rows import Row
from .sources import Sources

PAGE = 512  # stored facts read at once; a fact may be a block of many events


class Batch(Struct, frozen=True):
    """What the ledger holds up to `position`. `rows` are those of facts that no block holds."""

    position: int
    blocks: tuple[BlockFinalised, ...]
    rows: tuple[Row, ...]


def batches(ledger: Ledger, sources: Sources, after: int, events_max: int, upto: int | None = None) -> Iterator[Batch]:
    """Batches of at most `events_max` events each, or of one block that has more, up to position `upto`."""
    full = True
    while full and (page := _page(ledger, after, upto)):
        after, full = page[-1][0], len(page) == PAGE
        piece: list[tuple[int, Recorded]] = []
        events = 0
        for position, recorded in page:
            weight = len(recorded.fact.occurrences) if isinstance(recorded.fact, BlockFinalised) else 1
            if piece and events + weight > events_max:
                yield _batch(sources, piece)
                piece, events = [], 0
            piece.append((position, recorded))
            events += weight
        yield _batch(sources, piece)


def _page(ledger: Ledger, after: int, upto: int | None) -> list[tuple[int, Recorded]]:
    page = ledger.after(after, PAGE)
    return page if upto is None else [each for each in page if each[0] <= upto]


def _batch(sources: Sources, piece: list[tuple[int, Recorded]]) -> Batch:
    blocks = tuple(cast("BlockFinalised", each.fact) for _, each in piece if each.originator_id == sources.blocks())
    rows = tuple(
        row_of(cast("OffchainFact", each.fact), each.originator_version) for _, each in piece if sources.takes(each)
    )
    return Batch(piece[-1][0], blocks, rows)
