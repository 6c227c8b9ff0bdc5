"""How well founded the index is, for everyone to see: what was checked, what was taken back, what it adds up to."""

from typing import Any

from litestar import get

from api.explorer.describing import item, listed
from api.explorer.parameters import AsOf, BlockNumber, BlockPath, Number, block_named, moment_named
from api.explorer.reading import Asking, Reader
from api.explorer.relations import OF_BLOCK
from api.explorer.shapes import OneOut, PageOut
from api.explorer.soundness_shapes import (
    BlockDetailOut,
    DigestOut,
    IntegrityPageOut,
    ParkedOut,
    RangeOut,
    ReconciliationOut,
    ReorgOut,
)
from api.explorer.soundness_words import (
    BlockDetail,
    block_detail_out,
    digest_out,
    is_settled,
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
from indexer.explorer.lists import INTEGRITY_LIST, PARKED_LIST, REORGS_LIST


@get(
    "/blocks/{block:str}",
    **item(
        "getBlock",
        "A block, how it was checked, and what stood there before",
        OF_BLOCK,
        description="By number, also a final block without anything of ours: of such only the check is known.",
    ),
)
async def block(request: Asking, block: BlockPath, reader: Given[Reader]) -> OneOut[BlockDetailOut]:
    key = block_named(block)

    def detail(queries: Queries) -> BlockDetail | None:
        row = queries.block(key)
        number = row.number if row else key
        if not isinstance(number, int):
            return None
        integrity = queries.integrity_of(number) if number <= queries.head().number else None
        return BlockDetail(number, row, integrity, queries.reorgs_of(number)) if row or integrity else None

    name = f"block {block} with anything of ours"
    return await reader.item(request, detail, block_detail_out, name, OF_BLOCK, is_settled)


@get(
    "/integrity",
    **listed(
        INTEGRITY_LIST,
        "listIntegrity",
        "What was checked of which blocks",
        description="Ranges of final blocks with the level at which their completeness was checked, by whom they were "
        "served and what is doubtful; and over all of them, the gaps.",
    ),
)
async def integrity(request: Asking, reader: Given[Reader]) -> IntegrityPageOut:
    page = await reader.list(request, INTEGRITY_LIST, range_out)
    _, summary = await reader.ask(lambda queries: queries.soundness())
    return IntegrityPageOut(
        data=page.data, next=page.next, summary=soundness_out(summary), count=page.count, head=page.head
    )


@get("/integrity/{block:int}", **item("getIntegrity", "What was checked of a block"))
async def integrity_of(request: Asking, block: Number, reader: Given[Reader]) -> OneOut[RangeOut]:
    name = f"check of block {block} on record"
    return await reader.item(request, lambda queries: queries.integrity_of(block), range_out, name)


@get("/reorgs", **listed(REORGS_LIST, "listReorgs", "Blocks that were shown and then dropped by the chain"))
async def reorgs(request: Asking, reader: Given[Reader]) -> PageOut[ReorgOut]:
    return await reader.list(request, REORGS_LIST, reorg_out)


@get("/reorgs/{reorg:int}", **item("getReorg", "A reorganisation, by its number"))
async def reorg(request: Asking, reorg: Number, reader: Given[Reader]) -> OneOut[ReorgOut]:
    return await reader.item(request, lambda queries: queries.reorg(reorg), reorg_out, f"reorganisation {reorg}")


@get("/parked", **listed(PARKED_LIST, "listParked", "Events that contradict what came before"))
async def parked(request: Asking, reader: Given[Reader]) -> PageOut[ParkedOut]:
    return await reader.list(request, PARKED_LIST, parked_out)


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
        moment_named(as_of),
    )
    books = await chain.books(bytes.fromhex(row.data.hash.removeprefix("0x")))
    return OneOut(data=reconciliation_out(row.data, books), head=row.head)


HANDLERS: list[Any] = [block, integrity, integrity_of, reorgs, reorg, parked, digest, reconciliation]
