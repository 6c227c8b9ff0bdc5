"""A running API: real ledger, real explorer, real block store, real uvicorn; the chain is a fact chain at the ports."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from msgspec import Struct

from api.app import Parts, create_app
from api.settings import ApiSettings
from domain.ledger import Ledger, Tip
from indexer.explorer.explorer import Explorer
from receipts.canonical import encode
from receipts.content.store import BlockStore
from receipts.deployment import CONTRACTS, Circuit, Contract, Deployment
from tests.api.chain import CHAIN_ID, COORDINATOR, SIGNING, FactChain, until

ANSWER = b"Because."
VERIFYING_KEY = {"protocol": "groth16"}
SETTINGS = ApiSettings(
    heartbeat_s=0.2, claim_wait_s=0.3, order_wait_s=5, slow_reader_s=5, worker_hello_s=1, gas_price_fresh_s=0.3
)


class House(Struct):
    """One deployment on one folder: what `serve` needs, and what tests look into."""

    folder: Path
    ledger: Ledger
    explorer: Explorer
    content: BlockStore
    chain: FactChain
    deployment: Deployment

    def parts(self, settings: ApiSettings = SETTINGS) -> Parts:
        return Parts(
            self.explorer, self.ledger, self.content, self.chain, self.chain, self.chain, self.deployment, settings
        )


def deployment() -> Deployment:
    addresses = dict.fromkeys(CONTRACTS, "0x" + "d0" * 20) | {"InferenceCoordinator": "0x" + COORDINATOR.hex()}
    digest = "0x" + hashlib.sha256(encode(VERIFYING_KEY)).hexdigest()
    return Deployment(
        chain_id=CHAIN_ID,
        block=1,
        genesis_hash="0x" + "00" * 32,
        contracts={name: Contract(address, []) for name, address in addresses.items()},
        circuit=Circuit("receipt", digest, 1, True, VERIFYING_KEY),
    )


@contextmanager
def opened(folder: Path) -> Iterator[House]:
    ledger = Ledger(f"sqlite:///{folder}/ledger.db")
    tip = Tip(ledger, CHAIN_ID)
    explorer = Explorer(folder / "explorer.duckdb", ledger, tip)
    explorer.refresh()
    chain = FactChain(tip, explorer)
    try:
        yield House(folder, ledger, explorer, BlockStore(folder / "blocks"), chain, deployment())
    finally:
        explorer.close()
        ledger.close()


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of a real server for `app`, on a free port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_level="warning",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path) as house:
        house.chain.begin()
        yield house


class Standing(Struct):
    """A deployment for tests that change nothing: what they share, they may not touch."""

    house: House
    http: httpx.Client


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """Five jobs: 1 settled without a published receipt, 2 claimed, 3 cancelled, 4 and 5 open."""
    with opened(tmp_path_factory.mktemp("standing")) as house:
        house.chain.begin()
        with serving(create_app(house.parts())) as url, httpx.Client(base_url=url, timeout=10) as http:
            for _ in range(5):
                assert http.post("/v1/prompts", json={"prompt": "Why?", "max_tokens": 16}).status_code == 201
            house.chain.claim(1, worker=SIGNING)
            house.chain.settle(1, house.content.write(ANSWER), (5, 4), worker=SIGNING)
            house.chain.claim(2, worker=SIGNING)
            house.chain.cancel(3)
            yield Standing(house, http)


@pytest.fixture
def url(house: House) -> Iterator[str]:
    with serving(create_app(house.parts())) as url:
        yield url


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=10) as client:
        yield client


Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(http: httpx.Client) -> Ask:
    """Orders an answer to a prompt."""

    def ask(prompt: str = "Why is the sky blue?", key: str | None = None, **body: Any) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return http.post("/v1/prompts", json={"prompt": prompt, **body}, headers=headers)

    return ask


class Sse(Struct, frozen=True):
    """One event as a reader got it."""

    id: str
    name: str
    data: dict[str, Any]


def sse(lines: Iterator[str]) -> Iterator[Sse]:
    """Reads server-sent events; comments are left out."""
    event: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            field, _, value = line.partition(": ")
            event[field] = value
        elif event:
            yield Sse(event.get("id", ""), event["event"], msgspec.json.decode(event["data"]))
            event = {}
