"""How well founded the index is, for everyone to see: what was checked, what was taken back, what it adds up to."""

import asyncio
from typing import Any

from litestar import get

from api.explorer.parameters import (
    ITEM_FAULTS,
    LIST_FAULTS,
    AsOf,
    BlockNumber,
    BlockPath,
    Cursor,
    Limit,
    block_named,
)
from api.explorer.reading import Reader
from api.explorer.shapes import OneOut, PageOut
from api.explorer.soundness_shapes import (
    BlockDetailOut,
    DigestOut,
    IntegrityPageOut,
    ParkedOut,
    ReconciliationOut,
    ReorgOut,
)
from api.explorer.soundness_words import (
    block_detail_out,
    digest_out,
    parked_out,
    range_out,
    reconciliation_out,
    reorg_out,
    soundness_out,
)
from api.given import Given
from api.problems import documented
from api.service.ports import ChainReader
from indexer.explorer import Queries
from indexer.explorer.explorer import Explorer


@get(
    "/blocks/{block:str}",
    operation_id="getBlock",
    summary="A block, how it was checked, and what stood there before",
    description="By number, also a final block without anything of ours: of such only the check is known.",
    responses=ITEM_FAULTS,
)
async def block(block: BlockPath, reader: Given[Reader], as_of: AsOf = None) -> OneOut[BlockDetailOut]:
    key = block_named(block)

    def detail(queries: Queries) -> BlockDetailOut | None:
        row = queries.block(key)
        number = row.number if row else key
        if not isinstance(number, int):
            return None
        integrity = queries.integrity_of(number) if number <= queries.head().number else None
        return block_detail_out(number, row, integrity, queries.reorgs_of(number)) if row or integrity else None

    return await reader.one(detail, lambda found: found, f"block {block} with anything of ours", as_of)


@get(
    "/integrity",
    operation_id="listIntegrity",
    summary="What was checked of which blocks, newest first",
    description="Ranges of final blocks with the level at which their completeness was checked, by whom they were "
    "served and what is doubtful; and over all of them, the gaps.",
    responses=documented(s400="The limit or the cursor is malformed", s409="The walk's ground was reorganised away"),
)
async def integrity(
    reader: Given[Reader], explorer: Given[Explorer], limit: Limit = None, cursor: Cursor = None
) -> IntegrityPageOut:
    page = await reader.page(
        "integrity", lambda queries, after, count: queries.integrity(after, count), range_out, None, limit, cursor
    )
    summary = await asyncio.to_thread(explorer.queries.soundness)
    return IntegrityPageOut(page.data, page.next, page.head, soundness_out(summary))


@get(
    "/reorgs",
    operation_id="listReorgs",
    summary="Blocks that were shown and then dropped by the chain, newest first",
    responses=documented(s400="The limit or the cursor is malformed", s409="The walk's ground was reorganised away"),
)
async def reorgs(reader: Given[Reader], limit: Limit = None, cursor: Cursor = None) -> PageOut[ReorgOut]:
    return await reader.page(
        "reorgs", lambda queries, after, count: queries.reorgs(after, count), reorg_out, None, limit, cursor
    )


@get(
    "/parked",
    operation_id="listParked",
    summary="Events that contradict what came before, newest first",
    responses=LIST_FAULTS,
)
async def parked(
    reader: Given[Reader], limit: Limit = None, cursor: Cursor = None, as_of: AsOf = None
) -> PageOut[ParkedOut]:
    return await reader.page(
        "parked", lambda queries, after, count: queries.parked(after, count), parked_out, None, limit, cursor, as_of
    )


@get(
    "/digest",
    operation_id="getDigest",
    summary="A fingerprint of all that followed from the chain up to a block",
    description="Of the newest final block that touched us, or the newest up to `block`; comparable between machines.",
    responses=documented(s400="The block is malformed", s404="No digest was kept of so early a block"),
)
async def digest(reader: Given[Reader], block: BlockNumber = None) -> OneOut[DigestOut]:
    name = "digest on record" if block is None else f"digest on record of a block up to {block}"
    return await reader.one(lambda queries: queries.digest(block), digest_out, name)


@get(
    "/reconciliation",
    operation_id="getReconciliation",
    summary="The index's books beside the contracts' own",
    description="After the block named, or the newest: open escrow, credit and stakes as indexed, the same figures as "
    "the contracts tell them, and the balances that must cover them.",
    responses=documented(
        s400="The block is malformed, or `as_of` is beyond the head",
        s404="Nothing of ours happened up to the block, or `as_of` is a hash that is not known here",
        s409="The block of `as_of` was reorganised away",
        s503="The chain does not answer",
    ),
)
async def reconciliation(
    reader: Given[Reader], chain: Given[ChainReader], block: BlockNumber = None, as_of: AsOf = None
) -> OneOut[ReconciliationOut]:
    row = await reader.one(
        lambda queries: queries.reconciliation_at(queries.head().number if block is None else block),
        lambda row: row,
        "block that touched us" + (f" up to {block}" if block is not None else ""),
        as_of,
    )
    books = await chain.books(bytes.fromhex(row.data.hash.removeprefix("0x")))
    return OneOut(reconciliation_out(row.data, books), row.head)


HANDLERS: list[Any] = [block, integrity, reorgs, parked, digest, reconciliation]
