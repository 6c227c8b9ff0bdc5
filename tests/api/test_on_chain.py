"""The same API over a real chain: an order becomes a transaction, and evidence is what a verifier asks for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from api.settings import ApiSettings
from api.sql.settings import SqlSettings
from chain.settings import ChainSettings
from chain.signing import from_development_mnemonic
from domain.settings import DomainSettings
from indexer.settings import IndexerSettings
from receipts.document import encode_document
from receipts.evidence import from_payload
from tallystick.content import ContentSettings
from tallystick.listening import serve
from tallystick.serving import ServeSettings, serving
from tests.api.chain import until
from tests.clients.javascript import judged_by_node
from tests.clients.table import Case
from tests.network import Network
from tests.receipts.settled import MODEL_ID, settle

GATEWAY = 9  # a development account that nothing else here uses
INDEXED_WITHIN_S = 30


@asynccontextmanager
async def running(network: Network, folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """API and IPFS RPC of a whole process over `network`."""
    settings = ServeSettings(
        chain=ChainSettings(rpc_url=network.url, ws_url=network.ws_url, finality="depth:0"),
        domain=DomainSettings(ledger_url=f"sqlite:///{folder}/ledger.db"),
        indexer=IndexerSettings(database=folder / "explorer.duckdb"),
        content=ContentSettings(folder=str(folder / "blocks")),
        api=ApiSettings(port=0, kubo_port=0, gas_cover_percent=0),
        sql=SqlSettings(quack_port=0, tokens=folder / "tokens.json"),
    )
    stop = asyncio.Event()
    signer = from_development_mnemonic(GATEWAY, network.deployment.chain_id)
    async with serving(settings, network.deployment, signer) as (door, rpc):
        task = asyncio.create_task(serve([door, rpc], stop))
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", timeout=30) as api,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{rpc.port}", timeout=30) as kubo,
        ):
            yield api, kubo
        stop.set()
        await task


async def answered(api: httpx.AsyncClient, path: str) -> httpx.Response:
    """The answer once there is one."""

    def found() -> httpx.Response | None:
        answer = httpx.get(api.base_url.join(path))
        return answer if answer.is_success else None

    answer: httpx.Response = await asyncio.to_thread(until, found, INDEXED_WITHIN_S)
    return answer


@pytest.mark.slow
async def test_the_evidence_of_a_real_receipt_is_the_bundle_that_verifies(network: Network, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    async with running(network, tmp_path) as (api, kubo):
        settled = await asyncio.to_thread(settle, network, model)
        job_id = settled.bundle.receipt.job_id
        for part in (settled.bundle.prompt, settled.bundle.response, settled.bundle.model):
            await kubo.post("/api/v0/add", files={"file": ("part", from_payload(part))})
        await answered(api, f"/explorer/v1/receipts/{job_id}")
        assert (await api.get(f"/v1/prompts/{job_id}/evidence")).status_code == 404
        document = encode_document(settled.bundle.receipt)
        published = await api.post("/v1/receipts", content=document)
        assert published.status_code == 201, published.text
        evidence = await api.get(f"/v1/prompts/{job_id}/evidence")
        assert evidence.content == settled.data
        given = Case(evidence.content, (await api.get("/deployment.json")).content, settled.bundle.block.hash)
        ((status, *_),) = await asyncio.to_thread(judged_by_node, [given], tmp_path)
        assert status == 0, "the verifier in JavaScript agrees, by the pins that the API hands out"
        books = (await api.get("/explorer/v1/reconciliation")).json()["data"]
        assert books["balanced"] is True
        assert books["indexed"] == books["contracts"]


@pytest.mark.slow
async def test_an_order_becomes_one_transaction_on_a_real_chain(network: Network, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    async with running(network, tmp_path) as (api, _):
        await asyncio.to_thread(settle, network, model)
        await answered(api, f"/explorer/v1/models/{MODEL_ID}")
        assert (await answered(api, "/ready")).json()["ready"] is True
        order = {"prompt": "Why?", "model": MODEL_ID, "max_tokens": 8}
        placed = [await api.post("/v1/prompts", json=order, headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert placed[0].status_code == 201, placed[0].text
        assert placed[0].content == placed[1].content
        job = placed[0].json()
        on_chain = network.call("InferenceCoordinator", "jobOf", int(job["job_id"]))
        assert str(job["prompt_cid"]) in map(str, on_chain)
        assert network.call("InferenceCoordinator", "jobCount") == int(job["job_id"])
