"""/explorer/v1: what the chain said, now or as of any block: questions come in, pages and items go out."""

from typing import Any

from litestar import Router, get

from api.explorer.books import HANDLERS as BOOKS
from api.explorer.conditional import OPT_IN
from api.explorer.describing import item, listed
from api.explorer.figures import HANDLERS as FIGURES
from api.explorer.parameters import AddressPath, HashPath, JobId, Number, TextPath
from api.explorer.reading import Asking, Reader
from api.explorer.relations import (
    OF_ACCOUNT,
    OF_EVENT,
    OF_JOB,
    OF_MODEL,
    OF_NODE,
    OF_RECEIPT,
    OF_TRANSACTION,
)
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
    SampleOut,
    StatsOut,
    TransactionOut,
)
from api.explorer.soundness import HANDLERS as SOUNDNESS
from api.explorer.words import (
    account_out,
    block_out,
    event_out,
    is_ended,
    is_final,
    job_out,
    model_out,
    node_out,
    receipt_out,
    sample_out,
    stats_out,
    transaction_out,
)
from api.given import Given
from indexer.explorer.lists import (
    ACCOUNTS_LIST,
    BLOCKS_LIST,
    EVENTS_LIST,
    JOBS_LIST,
    MODELS_LIST,
    NODES_LIST,
    RECEIPTS_LIST,
    SAMPLES_LIST,
    TRANSACTIONS_LIST,
)


@get("/stats", **item("getStats", "The network in figures"))
async def stats(request: Asking, reader: Given[Reader]) -> OneOut[StatsOut]:
    return await reader.item(request, lambda queries: queries.stats(), stats_out, "statistics")


@get("/blocks", **listed(BLOCKS_LIST, "listBlocks", "Blocks"))
async def blocks(request: Asking, reader: Given[Reader]) -> PageOut[BlockOut]:
    return await reader.list(request, BLOCKS_LIST, block_out)


@get("/transactions", **listed(TRANSACTIONS_LIST, "listTransactions", "Transactions that touched us", OF_TRANSACTION))
async def transactions(request: Asking, reader: Given[Reader]) -> PageOut[TransactionOut]:
    return await reader.list(request, TRANSACTIONS_LIST, transaction_out, OF_TRANSACTION)


@get("/transactions/{hash_:str}", **item("getTransaction", "A transaction that touched us", OF_TRANSACTION))
async def transaction(request: Asking, hash_: HashPath, reader: Given[Reader]) -> OneOut[TransactionOut]:
    name = f"transaction {hash_} with anything of ours"
    return await reader.item(
        request, lambda queries: queries.transaction(hash_), transaction_out, name, OF_TRANSACTION, is_final
    )


@get("/events", **listed(EVENTS_LIST, "listEvents", "Events of our contracts", OF_EVENT))
async def events(request: Asking, reader: Given[Reader]) -> PageOut[EventOut]:
    return await reader.list(request, EVENTS_LIST, event_out, OF_EVENT)


@get("/events/{block:int}/{log_index:int}", **item("getEvent", "An event, by its place in the chain", OF_EVENT))
async def event(request: Asking, block: Number, log_index: Number, reader: Given[Reader]) -> OneOut[EventOut]:
    name = f"event {log_index} of ours in block {block}"
    return await reader.item(
        request, lambda queries: queries.event(block, log_index), event_out, name, OF_EVENT, is_final
    )


@get("/jobs", **listed(JOBS_LIST, "listJobs", "Jobs", OF_JOB))
async def jobs(request: Asking, reader: Given[Reader]) -> PageOut[JobOut]:
    return await reader.list(request, JOBS_LIST, job_out, OF_JOB)


@get("/jobs/{job_id:int}", **item("getJob", "A job", OF_JOB))
async def job(request: Asking, job_id: JobId, reader: Given[Reader]) -> OneOut[JobOut]:
    return await reader.item(request, lambda queries: queries.job(job_id), job_out, f"job {job_id}", OF_JOB, is_ended)


@get("/receipts", **listed(RECEIPTS_LIST, "listReceipts", "Receipts", OF_RECEIPT))
async def receipts(request: Asking, reader: Given[Reader]) -> PageOut[ReceiptOut]:
    return await reader.list(request, RECEIPTS_LIST, receipt_out, OF_RECEIPT)


@get("/receipts/{job_id:int}", **item("getReceipt", "The receipt of a job", OF_RECEIPT))
async def receipt(request: Asking, job_id: JobId, reader: Given[Reader]) -> OneOut[ReceiptOut]:
    """Never settled: what the worker publishes about its answer may come at any time."""
    return await reader.item(
        request, lambda queries: queries.receipt(job_id), receipt_out, f"receipt of job {job_id}", OF_RECEIPT
    )


@get("/nodes", **listed(NODES_LIST, "listNodes", "Nodes, with their record", OF_NODE))
async def nodes(request: Asking, reader: Given[Reader]) -> PageOut[NodeOut]:
    return await reader.list(request, NODES_LIST, node_out, OF_NODE)


@get("/nodes/{address:str}", **item("getNode", "A node, with its record", OF_NODE))
async def node(request: Asking, address: AddressPath, reader: Given[Reader]) -> OneOut[NodeOut]:
    return await reader.item(request, lambda queries: queries.node(address), node_out, f"node {address}", OF_NODE)


@get("/nodes/{address:str}/samples", **listed(SAMPLES_LIST, "listSamples", "What a node told of its machine"))
async def samples(request: Asking, address: AddressPath, reader: Given[Reader]) -> PageOut[SampleOut]:
    return await reader.list(request, SAMPLES_LIST, sample_out, of={"node": address.lower()})


@get("/models", **listed(MODELS_LIST, "listModels", "Models in the registry"))
async def models(request: Asking, reader: Given[Reader]) -> PageOut[ModelOut]:
    return await reader.list(request, MODELS_LIST, model_out)


@get("/models/{model_id:str}", **item("getModel", "A model", OF_MODEL))
async def model(request: Asking, model_id: TextPath, reader: Given[Reader]) -> OneOut[ModelOut]:
    return await reader.item(
        request, lambda queries: queries.model(model_id), model_out, f"model {model_id!r}", OF_MODEL
    )


@get("/accounts", **listed(ACCOUNTS_LIST, "listAccounts", "Accounts of the coordinator", OF_ACCOUNT))
async def accounts(request: Asking, reader: Given[Reader]) -> PageOut[AccountOut]:
    return await reader.list(request, ACCOUNTS_LIST, account_out, OF_ACCOUNT)


@get("/accounts/{address:str}", **item("getAccount", "An account of the coordinator", OF_ACCOUNT))
async def account(request: Asking, address: AddressPath, reader: Given[Reader]) -> OneOut[AccountOut]:
    return await reader.item(
        request, lambda queries: queries.account(address), account_out, f"account {address}", OF_ACCOUNT
    )


HANDLERS: list[Any] = [
    stats, blocks, transactions, transaction, events, event, jobs, job, receipts, receipt, nodes, node, samples,
    models, model, accounts, account, *FIGURES, *SOUNDNESS, *SEARCH, *REPUTATION, *BOOKS,
]  # fmt: skip


# Answers are packed where they are kept, once for all readers.
router = Router("/explorer/v1", route_handlers=HANDLERS, tags=["explorer"], opt={OPT_IN: True, "uncompressed": True})
