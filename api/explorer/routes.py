"""/explorer/v1: what the chain said, now or as of any block: parameters come in, pages and items go out."""

from typing import Any

from litestar import Router, get

from api.explorer.conditional import OPT_IN
from api.explorer.parameters import (
    ITEM_FAULTS,
    LIST_FAULTS,
    AddressFilter,
    AddressPath,
    AsOf,
    BlockNumber,
    Cursor,
    FlagFilter,
    HashFilter,
    HashPath,
    JobId,
    JobStateFilter,
    Limit,
    NodeStateFilter,
    ReceiptStateFilter,
    TextFilter,
    TextPath,
    lower,
)
from api.explorer.reading import Reader
from api.explorer.reputation import HANDLERS as REPUTATION
from api.explorer.search import HANDLERS as SEARCH
from api.explorer.shapes import (
    AccountOut,
    BlockOut,
    EventOut,
    JobOut,
    ModelOut,
    NodeOut,
    OneOut,
    PageOut,
    ReceiptOut,
    StatsOut,
    TransactionOut,
)
from api.explorer.soundness import HANDLERS as SOUNDNESS
from api.explorer.words import (
    account_out,
    block_out,
    event_out,
    job_out,
    model_out,
    node_out,
    receipt_out,
    stats_out,
    transaction_out,
)
from api.given import Given
from indexer.explorer import EventFilter, JobFilter, ModelFilter, NodeFilter, ReceiptFilter, TransactionFilter


@get("/stats", operation_id="getStats", summary="The network in figures", responses=ITEM_FAULTS)
async def stats(reader: Given[Reader], as_of: AsOf = None) -> OneOut[StatsOut]:
    return await reader.one(lambda queries: queries.stats(), stats_out, "statistics", as_of)


@get("/blocks", operation_id="listBlocks", summary="Blocks, newest first", responses=LIST_FAULTS)
async def blocks(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
) -> PageOut[BlockOut]:
    return await reader.page(
        "blocks", lambda queries, after, count: queries.blocks(after, count), block_out, None, limit, cursor, as_of
    )


@get(
    "/transactions",
    operation_id="listTransactions",
    summary="Transactions that touched us, newest first",
    responses=LIST_FAULTS,
)
async def transactions(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    block: BlockNumber = None,
    sender: AddressFilter = None,
    recipient: AddressFilter = None,
) -> PageOut[TransactionOut]:
    where = TransactionFilter(block, lower(sender), lower(recipient))
    return await reader.page(
        "transactions",
        lambda queries, after, count: queries.transactions(where, after, count),
        transaction_out,
        where,
        limit,
        cursor,
        as_of,
    )


@get(
    "/transactions/{hash_:str}",
    operation_id="getTransaction",
    summary="A transaction that touched us",
    responses=ITEM_FAULTS,
)
async def transaction(hash_: HashPath, reader: Given[Reader], as_of: AsOf = None) -> OneOut[TransactionOut]:
    return await reader.one(
        lambda queries: queries.transaction(hash_), transaction_out, f"transaction {hash_} with anything of ours", as_of
    )


@get("/events", operation_id="listEvents", summary="Events of our contracts, newest first", responses=LIST_FAULTS)
async def events(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    block: BlockNumber = None,
    job_id: BlockNumber = None,
    name: TextFilter = None,
    tx_hash: HashFilter = None,
) -> PageOut[EventOut]:
    where = EventFilter(block, job_id, name, lower(tx_hash))
    return await reader.page(
        "events",
        lambda queries, after, count: queries.events(where, after, count),
        event_out,
        where,
        limit,
        cursor,
        as_of,
    )


@get("/jobs", operation_id="listJobs", summary="Jobs, newest first", responses=LIST_FAULTS)
async def jobs(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    in_state: JobStateFilter = None,
    controller: AddressFilter = None,
    worker: AddressFilter = None,
    model_id: TextFilter = None,
    prompt_cid: TextFilter = None,
    requested_tx: HashFilter = None,
) -> PageOut[JobOut]:
    where = JobFilter(in_state, lower(controller), lower(worker), model_id, prompt_cid, lower(requested_tx))
    return await reader.page(
        "jobs", lambda queries, after, count: queries.jobs(where, after, count), job_out, where, limit, cursor, as_of
    )


@get("/jobs/{job_id:int}", operation_id="getJob", summary="A job", responses=ITEM_FAULTS)
async def job(job_id: JobId, reader: Given[Reader], as_of: AsOf = None) -> OneOut[JobOut]:
    return await reader.one(lambda queries: queries.job(job_id), job_out, f"job {job_id}", as_of)


@get("/receipts", operation_id="listReceipts", summary="Receipts, newest first", responses=LIST_FAULTS)
async def receipts(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    in_state: ReceiptStateFilter = None,
    worker: AddressFilter = None,
    controller: AddressFilter = None,
    model_id: TextFilter = None,
) -> PageOut[ReceiptOut]:
    where = ReceiptFilter(in_state, lower(worker), lower(controller), model_id)
    return await reader.page(
        "receipts",
        lambda queries, after, count: queries.receipts(where, after, count),
        receipt_out,
        where,
        limit,
        cursor,
        as_of,
    )


@get("/receipts/{job_id:int}", operation_id="getReceipt", summary="The receipt of a job", responses=ITEM_FAULTS)
async def receipt(job_id: JobId, reader: Given[Reader], as_of: AsOf = None) -> OneOut[ReceiptOut]:
    return await reader.one(lambda queries: queries.receipt(job_id), receipt_out, f"receipt of job {job_id}", as_of)


@get("/nodes", operation_id="listNodes", summary="Workers, by address", responses=LIST_FAULTS)
async def nodes(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    in_state: NodeStateFilter = None,
) -> PageOut[NodeOut]:
    where = NodeFilter(in_state)
    return await reader.page(
        "nodes", lambda queries, after, count: queries.nodes(where, after, count), node_out, where, limit, cursor, as_of
    )


@get("/nodes/{address:str}", operation_id="getNode", summary="A worker", responses=ITEM_FAULTS)
async def node(address: AddressPath, reader: Given[Reader], as_of: AsOf = None) -> OneOut[NodeOut]:
    return await reader.one(lambda queries: queries.node(address), node_out, f"node {address}", as_of)


@get("/models", operation_id="listModels", summary="Models, by name", responses=LIST_FAULTS)
async def models(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    is_active: FlagFilter = None,
    model_cid: TextFilter = None,
) -> PageOut[ModelOut]:
    where = ModelFilter(is_active, model_cid)
    return await reader.page(
        "models",
        lambda queries, after, count: queries.models(where, after, count),
        model_out,
        where,
        limit,
        cursor,
        as_of,
    )


@get("/models/{model_id:str}", operation_id="getModel", summary="A model", responses=ITEM_FAULTS)
async def model(model_id: TextPath, reader: Given[Reader], as_of: AsOf = None) -> OneOut[ModelOut]:
    return await reader.one(lambda queries: queries.model(model_id), model_out, f"model {model_id!r}", as_of)


@get("/accounts", operation_id="listAccounts", summary="Accounts of the coordinator, by address", responses=LIST_FAULTS)
async def accounts(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
) -> PageOut[AccountOut]:
    return await reader.page(
        "accounts",
        lambda queries, after, count: queries.accounts(after, count),
        account_out,
        None,
        limit,
        cursor,
        as_of,
    )


@get(
    "/accounts/{address:str}", operation_id="getAccount", summary="An account of the coordinator", responses=ITEM_FAULTS
)
async def account(address: AddressPath, reader: Given[Reader], as_of: AsOf = None) -> OneOut[AccountOut]:
    return await reader.one(lambda queries: queries.account(address), account_out, f"account {address}", as_of)


HANDLERS: list[Any] = [
    stats, blocks, transactions, transaction, events, jobs, job, receipts, receipt, nodes, node, models, model,
    accounts, account, *SOUNDNESS, *SEARCH, *REPUTATION,
]  # fmt: skip


# Answers are packed where they are kept, once for all readers.
router = Router("/explorer/v1", route_handlers=HANDLERS, tags=["explorer"], opt={OPT_IN: True, "uncompressed": True})
