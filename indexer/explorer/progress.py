"""How far the tables have come: the one row that commits with them."""

from collections.abc import Iterable

import duckdb
from msgspec import Struct
from msgspec.structs import replace

from domain.facts import BlockFinalised
from domain.ledger import Position

from .batches import Batch
from .folds import hexed
from .rows import Head


class Progress(Struct, frozen=True):
    """`position` is the ledger's, heights are -1 before the first block, `head_at` is 0 while unknown."""

    position: int = 0
    head_number: int = -1
    head_hash: str = ""
    head_at: int = 0
    final_number: int = -1
    final_hash: str = ""

    def head(self) -> Head:
        return Head(self.head_number, self.head_hash, self.head_at, self.final_number, self.final_hash)


def advanced(before: Progress, batch: Batch | None, final: Position | None) -> Progress:
    """After `batch` was taken in, when the chain is final up to `final` at least."""
    progress = before
    if batch:
        progress = replace(progress, position=batch.position)
    if batch and batch.blocks:
        newest = batch.blocks[-1]
        progress = replace(progress, final_number=newest.number, final_hash=hexed(newest.hash))
    if final and final.number > progress.final_number:
        progress = replace(progress, final_number=final.number, final_hash=hexed(final.hash))
    return progress


def with_head(progress: Progress, head: BlockFinalised | None, known: Iterable[BlockFinalised | None]) -> Progress:
    """With the newest unfinal block on top or, without one, the final one, dated by whichever of `known` it is."""
    if head:
        return replace(progress, head_number=head.number, head_hash=hexed(head.hash), head_at=head.timestamp)
    times = [block.timestamp for block in known if block and hexed(block.hash) == progress.final_hash]
    at = times[0] if times else progress.head_at
    return replace(progress, head_number=progress.final_number, head_hash=progress.final_hash, head_at=at)


def read_progress(cursor: duckdb.DuckDBPyConnection) -> Progress:
    found = cursor.execute(
        "SELECT position, head_number, head_hash, coalesce(epoch_us(head_at) // 1000000, 0), final_number, final_hash "
        "FROM final.progress"
    ).fetchall()
    return Progress(*found[0])


def write_progress(cursor: duckdb.DuckDBPyConnection, progress: Progress) -> None:
    cursor.execute(
        "UPDATE final.progress SET position = ?, head_number = ?, head_hash = ?, "
        "head_at = make_timestamptz(?::BIGINT * 1000000), final_number = ?, final_hash = ?",
        [
            progress.position,
            progress.head_number,
            progress.head_hash,
            progress.head_at or None,
            progress.final_number,
            progress.final_hash,
        ],
    )
