"""A deployed chain, a block store and an upstream server come in; whole workers, to be started and stopped, go out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chain.abi import signature_hash
from chain.node import Node
from chain.settings import ChainSettings
from chain.signing import Signer
from domain.ledger import Ledger
from receipts.content.store import BlockStore
from receipts.settings import ReceiptSettings
from tests.network import MODEL_ID, Account, Network
from worker.engine import Engine
from worker.journal import KINDS, Journal, Work
from worker.openai_engine import OpenAIEngine
from worker.service import Parts, serve
from worker.settings import Settings

MODEL_MANIFEST = b'{"files":[],"schema":"tallystick/model/1"}'
PRICE_PROMPT_TOKEN, PRICE_COMPLETION_TOKEN = 2 * 10**12, 2 * 10**13
WAIT_S = 60.0


async def until(condition: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
    """Returns when `condition` holds; fails with `what` when it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"after {timeout_s:.0f} s still not: {what}"
        await asyncio.sleep(0.02)


def price_of(prompt: str) -> int:
    """What the upstream's answer costs: it says the prompt's words again."""
    words = len(prompt.split())
    return words * PRICE_PROMPT_TOKEN + words * PRICE_COMPLETION_TOKEN


class Lab:
    """One network with its content, for workers to be put into."""

    def __init__(self, network: Network, folder: Path, upstream_url: str) -> None:
        self.network = network
        self.folder = folder
        self.content = BlockStore(folder / "content")
        self.content.write(MODEL_MANIFEST)
        self.settings = Settings(
            model_id=MODEL_ID, engine="openai", engine_url=upstream_url, sample_every_s=0.2, prover_nice=0
        )
        self.chain = ChainSettings(
            rpc_url=network.url, ws_url=network.ws_url, finality="depth:0", poll_interval_s=0.1, stale_after_s=0.3
        )

    def ledger_of(self, account: Account) -> Ledger:
        return Ledger(f"sqlite:///{self.folder / account.hex}.db", KINDS)

    def ask(self, prompt: str, value: int = 10**16) -> int:
        """Orders an answer to `prompt`; the job's id."""
        return self.network.order(self.content.write(prompt.encode()), value)

    def job(self, job_id: int) -> Any:
        """The contract's own view: status, worker and the rest by their names."""
        abi = self.network._function("InferenceCoordinator", "jobOf")
        names = [member["name"] for member in abi["outputs"][0]["components"]]
        return dict(zip(names, self.network.call("InferenceCoordinator", "jobOf", job_id), strict=True))

    def status(self, job_id: int) -> int:
        return int(self.job(job_id)["status"])

    def earned(self, account: Account) -> int:
        return int(self.network.call("InferenceCoordinator", "creditOf", account.hex))

    def completed(self) -> list[int]:
        """The jobs that InferenceCompleted was emitted for, each as often as it was."""
        return [int(log["topics"][1], 16) for log in self._logs("InferenceCompleted")]

    def settlements(self) -> set[str]:
        """The transactions that settled jobs."""
        return {log["transactionHash"] for log in self._logs("ReceiptAccepted")}

    def _logs(self, event: str) -> list[dict[str, Any]]:
        contract = self.network.deployment.contracts["InferenceCoordinator"]
        entry = next(entry for entry in contract.abi if entry.get("name") == event)
        topic = "0x" + signature_hash(entry).hex()
        where = {"address": contract.address, "fromBlock": "0x0", "topics": [topic]}
        return list(self.network.rpc("eth_getLogs", where))

    def works(self, account: Account) -> dict[int, Work]:
        """What the journal on disk says, by job."""
        ledger = self.ledger_of(account)
        try:
            deployment = self.network.deployment
            journal = Journal.load(ledger, deployment.chain_id, deployment.coordinator, account.address)
            return dict(journal._works)
        finally:
            ledger.close()

    def recorded(self, account: Account) -> list[tuple[int, str]]:
        """Every fact of the journal on disk, as job and tag, in the order they were recorded."""
        ledger = self.ledger_of(account)
        try:
            facts = [recorded for _, recorded in ledger.after(0, 100_000)]
        finally:
            ledger.close()
        of_jobs = [fact for fact in facts if fact.originator_id.startswith("work:")]
        return [(int(fact.originator_id.rpartition(":")[2]), str(fact.fact.__struct_config__.tag)) for fact in of_jobs]

    @asynccontextmanager
    async def parts(self, account: Account, engine: Engine | None = None, **choices: Any) -> AsyncIterator[Parts]:
        settings = replace(self.settings, **choices)
        ledger = self.ledger_of(account)
        engine = engine or OpenAIEngine(settings)
        async with Node(self.chain) as node:
            try:
                yield Parts(
                    node=node,
                    deployment=self.network.deployment,
                    ledger=ledger,
                    signer=Signer(account.key, self.network.deployment.chain_id),
                    content=self.content,
                    engine=engine,
                    receipts=ReceiptSettings(),
                )
            finally:
                await engine.close()
                ledger.close()

    @asynccontextmanager
    async def working(
        self, account: Account, engine: Engine | None = None, **choices: Any
    ) -> AsyncIterator[asyncio.Event]:
        """A worker that runs while the block does, and drains at its end or when the event is set."""
        settings = replace(self.settings, **choices)
        async with self.parts(account, engine, **choices) as parts:
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:  # a worker that fails fails the block
                group.create_task(serve(settings, parts, stop))
                try:
                    yield stop
                finally:
                    stop.set()
