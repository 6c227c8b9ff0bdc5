"""/explorer/v1: parameters come in, pages and items of the index go out."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from litestar import Router, get
from litestar.params import PathParameter, QueryParameter
from msgspec.structs import asdict

from api.explorer.conditional import OPT_IN
from api.explorer.cursors import check_ground, question_of, seal, unseal
from api.explorer.shapes import (
    BlockOut,
    JobOut,
    ModelOut,
    NodeOut,
    OneOut,
    PageOut,
    ReceiptOut,
    ReconciliationOut,
    StatsOut,
)
from api.explorer.words import (
    block_out,
    head_out,
    job_out,
    model_out,
    node_out,
    receipt_out,
    reconciliation_out,
    stats_out,
)
from api.given import Given
from api.problems import documented
from api.service.ports import ChainReader
from api.service.refusals import Absent
from api.settings import ApiSettings
from indexer.explorer.explorer import Explorer
from indexer.explorer.listing import Page
from indexer.explorer.queries import Filter, JobFilter, ModelFilter, NodeFilter, ReceiptFilter
from indexer.explorer.rows import JobState, NodeState, ReceiptState, Row

R = TypeVar("R", bound=Row)
Out = TypeVar("Out")

HASH = "^0x[0-9a-fA-F]{64}$"
ADDRESS = "^0x[0-9a-fA-F]{40}$"
NUMBER_MAX = 2**53 - 1

Limit = Annotated[int | None, QueryParameter(ge=1, le=1000, description="Rows a page; this server caps it")]
Cursor = Annotated[str | None, QueryParameter(max_length=1024, description="`next` of the page before")]
AddressFilter = Annotated[str | None, QueryParameter(pattern=ADDRESS)]
HashFilter = Annotated[str | None, QueryParameter(pattern=HASH)]
TextFilter = Annotated[str | None, QueryParameter(min_length=1, max_length=128)]
JobStateFilter = Annotated[JobState | None, QueryParameter(name="state")]
ReceiptStateFilter = Annotated[ReceiptState | None, QueryParameter(name="state")]
NodeStateFilter = Annotated[NodeState | None, QueryParameter(name="state")]
FlagFilter = Annotated[bool | None, QueryParameter()]
JobId = Annotated[int, PathParameter(ge=0, le=NUMBER_MAX)]
AddressPath = Annotated[str, PathParameter(pattern=ADDRESS)]
BlockPath = Annotated[str, PathParameter(pattern="^([0-9]{1,18}|0x[0-9a-fA-F]{64})$", description="Number or hash")]
TextPath = Annotated[str, PathParameter(min_length=1, max_length=128)]

LIST_FAULTS = documented(
    s400="A filter, the limit or the cursor is malformed", s409="The blocks under the cursor were reorganised away"
)
ITEM_FAULTS = documented(s400="The identifier is malformed", s404="There is no such thing")


class NotIndexed(Absent):
    """The index has no such thing."""

    remedy = "Check the identifier; the list of the same name shows what there is."


class Reader:
    """Asks the index and wraps what it says with the head it was said at."""

    def __init__(self, explorer: Explorer, settings: ApiSettings) -> None:
        self._explorer, self._settings = explorer, settings

    async def page(
        self,
        path: str,
        rows: Callable[[str | None, int], Page[R]],
        shown: Callable[[R], Out],
        where: Filter | None,
        limit: int | None,
        cursor: str | None,
    ) -> PageOut[Out]:
        """Raises BadCursor, GroundMoved."""
        question = question_of(path, asdict(where) if where is not None else {})
        place = unseal(cursor, question) if cursor is not None else None
        count = min(limit or self._settings.page_rows, self._settings.page_rows_max)
        head = self._explorer.head()

        def read() -> Page[R]:
            if place is not None:
                check_ground(place, self._explorer.queries)
            return rows(place.after if place else None, count)

        page = await asyncio.to_thread(read)
        following = seal(page.next, question, head) if page.next is not None else None
        return PageOut([shown(row) for row in page.rows], following, head_out(head))

    async def one(self, row: Callable[[], R | None], shown: Callable[[R], Out], name: str) -> OneOut[Out]:
        """Raises NotIndexed."""
        head = self._explorer.head()
        found = await asyncio.to_thread(row)
        if found is None:
            raise NotIndexed(f"there is no {name}")
        return OneOut(shown(found), head_out(head))


@get("/blocks", operation_id="listBlocks", summary="Blocks, newest first", responses=LIST_FAULTS)
async def blocks(
    reader: Given[Reader], explorer: Given[Explorer], limit: Limit = None, cursor: Cursor = None
) -> PageOut[BlockOut]:
    return await reader.page("blocks", explorer.queries.blocks, block_out, None, limit, cursor)


@get("/blocks/{block:str}", operation_id="getBlock", summary="A block that touched us", responses=ITEM_FAULTS)
async def block(block: BlockPath, reader: Given[Reader], explorer: Given[Explorer]) -> OneOut[BlockOut]:
    key = block if block.startswith("0x") else int(block)
    return await reader.one(lambda: explorer.queries.block(key), block_out, f"block {block} with anything of ours")


@get("/jobs", operation_id="listJobs", summary="Jobs, newest first", responses=LIST_FAULTS)
async def jobs(
    reader: Given[Reader],
    explorer: Given[Explorer],
    limit: Limit = None,
    cursor: Cursor = None,
    in_state: JobStateFilter = None,
    controller: AddressFilter = None,
    worker: AddressFilter = None,
    model_id: TextFilter = None,
    prompt_cid: TextFilter = None,
    requested_tx: HashFilter = None,
) -> PageOut[JobOut]:
    where = JobFilter(in_state, _lower(controller), _lower(worker), model_id, prompt_cid, _lower(requested_tx))
    query = explorer.queries.jobs
    return await reader.page("jobs", lambda after, count: query(where, after, count), job_out, where, limit, cursor)


@get("/jobs/{job_id:int}", operation_id="getJob", summary="A job", responses=ITEM_FAULTS)
async def job(job_id: JobId, reader: Given[Reader], explorer: Given[Explorer]) -> OneOut[JobOut]:
    return await reader.one(lambda: explorer.queries.job(job_id), job_out, f"job {job_id}")


@get("/receipts", operation_id="listReceipts", summary="Receipts, newest first", responses=LIST_FAULTS)
async def receipts(
    reader: Given[Reader],
    explorer: Given[Explorer],
    limit: Limit = None,
    cursor: Cursor = None,
    in_state: ReceiptStateFilter = None,
    worker: AddressFilter = None,
    controller: AddressFilter = None,
    model_id: TextFilter = None,
) -> PageOut[ReceiptOut]:
    where = ReceiptFilter(in_state, _lower(worker), _lower(controller), model_id)
    query = explorer.queries.receipts
    return await reader.page(
        "receipts", lambda after, count: query(where, after, count), receipt_out, where, limit, cursor
    )


@get("/receipts/{job_id:int}", operation_id="getReceipt", summary="The receipt of a job", responses=ITEM_FAULTS)
async def receipt(job_id: JobId, reader: Given[Reader], explorer: Given[Explorer]) -> OneOut[ReceiptOut]:
    return await reader.one(lambda: explorer.queries.receipt(job_id), receipt_out, f"receipt of job {job_id}")


@get("/nodes", operation_id="listNodes", summary="Workers, by address", responses=LIST_FAULTS)
async def nodes(
    reader: Given[Reader],
    explorer: Given[Explorer],
    limit: Limit = None,
    cursor: Cursor = None,
    in_state: NodeStateFilter = None,
) -> PageOut[NodeOut]:
    where = NodeFilter(in_state)
    query = explorer.queries.nodes
    return await reader.page("nodes", lambda after, count: query(where, after, count), node_out, where, limit, cursor)


@get("/nodes/{address:str}", operation_id="getNode", summary="A worker", responses=ITEM_FAULTS)
async def node(address: AddressPath, reader: Given[Reader], explorer: Given[Explorer]) -> OneOut[NodeOut]:
    return await reader.one(lambda: explorer.queries.node(address), node_out, f"node {address}")


@get("/models", operation_id="listModels", summary="Models, by name", responses=LIST_FAULTS)
async def models(
    reader: Given[Reader],
    explorer: Given[Explorer],
    limit: Limit = None,
    cursor: Cursor = None,
    is_active: FlagFilter = None,
    model_cid: TextFilter = None,
) -> PageOut[ModelOut]:
    where = ModelFilter(is_active, model_cid)
    query = explorer.queries.models
    return await reader.page("models", lambda after, count: query(where, after, count), model_out, where, limit, cursor)


@get("/models/{model_id:str}", operation_id="getModel", summary="A model", responses=ITEM_FAULTS)
async def model(model_id: TextPath, reader: Given[Reader], explorer: Given[Explorer]) -> OneOut[ModelOut]:
    return await reader.one(lambda: explorer.queries.model(model_id), model_out, f"model {model_id!r}")


@get("/stats", operation_id="getStats", summary="The network in figures")
async def stats(reader: Given[Reader], explorer: Given[Explorer]) -> OneOut[StatsOut]:
    return await reader.one(explorer.queries.stats, stats_out, "statistics")


@get(
    "/reconciliation",
    operation_id="getReconciliation",
    summary="The index's books beside the contracts' own",
    description="After the block named, or the newest: open escrow, credit and stakes as indexed, the same figures as "
    "the contracts tell them, and the balances that must cover them.",
    responses=ITEM_FAULTS | documented(s503="The chain does not answer"),
)
async def reconciliation(
    reader: Given[Reader],
    explorer: Given[Explorer],
    chain: Given[ChainReader],
    block: Annotated[int | None, QueryParameter(ge=0, le=NUMBER_MAX)] = None,
) -> OneOut[ReconciliationOut]:
    number = explorer.head().number if block is None else block
    row = await reader.one(
        lambda: explorer.queries.reconciliation_at(number), lambda row: row, f"block up to {number} that touched us"
    )
    books = await chain.books(bytes.fromhex(row.data.hash.removeprefix("0x")))
    return OneOut(reconciliation_out(row.data, books), row.head)


HANDLERS: list[Any] = [
    blocks, block, jobs, job, receipts, receipt, nodes, node, models, model, stats, reconciliation
]  # fmt: skip


router = Router("/explorer/v1", route_handlers=HANDLERS, tags=["explorer"], opt={OPT_IN: True})


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
