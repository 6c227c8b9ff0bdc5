"""The status page: how far the index is, how it was checked and whether its books add up."""

import asyncio

from litestar import Response, get
from msgspec import Struct

from api.explorer.soundness_shapes import ReconciliationOut
from api.explorer.soundness_words import reconciliation_out
from api.given import Given
from api.pages.site import Site
from api.service.ports import ChainReader, ChainUnready, IndexerFigures, Indexing
from indexer.explorer import Queries, Soundness
from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import IntegrityRow, ParkedRow, ReconciliationRow

RANGES, PARKED = 8, 5
BOOKS_WAIT_S = 2.0


class Founded(Struct, frozen=True):
    """What the index says about itself."""

    soundness: Soundness
    ranges: tuple[IntegrityRow, ...]
    parked: tuple[ParkedRow, ...]
    books: ReconciliationRow | None


@get("/status")
async def status(
    site: Given[Site], explorer: Given[Explorer], indexing: Given[Indexing], chain: Given[ChainReader]
) -> Response[str]:
    figures, founded = await asyncio.gather(
        asyncio.to_thread(indexing.figures), asyncio.to_thread(_read, explorer.queries)
    )
    return site.page(
        "status.html",
        here="/status",
        figures=figures,
        stages=stages(figures),
        founded=founded,
        books=await _books(founded.books, chain),
    )


def stages(figures: IndexerFigures) -> list[tuple[str, float]]:
    """Each stage with its share of the time that all were busy."""
    total = sum(figures.seconds.values()) or 1.0
    return [(name, seconds / total) for name, seconds in figures.seconds.items()]


def _read(queries: Queries) -> Founded:
    return Founded(
        queries.soundness(),
        queries.integrity(None, RANGES).rows,
        queries.parked(None, PARKED).rows,
        queries.reconciliation_at(queries.head().number),
    )


async def _books(indexed: ReconciliationRow | None, chain: ChainReader) -> ReconciliationOut | None:
    """None where there is nothing to compare, or the chain does not tell in time."""
    if indexed is None:
        return None
    try:
        books = await asyncio.wait_for(chain.books(bytes.fromhex(indexed.hash.removeprefix("0x"))), BOOKS_WAIT_S)
    except (ChainUnready, TimeoutError):
        return None
    return reconciliation_out(indexed, books)
