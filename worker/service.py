"""Settings and parts go in; a worker runs until it is told to stop, then finishes and settles what it holds."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

from msgspec import Struct

from chain import finality
from chain.contracts import Contracts
from chain.following import Follower
from chain.node import Node
from chain.relaying import Relayer
from chain.signing import Signer
from chain.watching import RelayPolicy
from domain.ledger import Ledger
from receipts.canonical import to_hex
from receipts.content.access import Content, Unreachable
from receipts.content.unixfs import cid_of
from receipts.deployment import Deployment
from receipts.keys import load_keys
from receipts.settings import ReceiptSettings

from .board import Board
from .choosing import Chooser
from .deciding import ending
from .documents import Identity, Receipts
from .engine import Engine
from .health import Health
from .intake import Terms
from .journal import Abandoned, Journal, Settled, Work, WorkFact
from .minding import mind_chain, mind_engine, mind_machine
from .model_files import read_manifest
from .onchain import OnChain
from .prompts import Prompts
from .proving import ProofPool
from .publishing import publish
from .running import Runner
from .scheduling import Scheduler
from .settings import Settings
from .telemetry import Gauges
from .uplink import Uplink
from .watching import Watcher

DRAIN_LOOK_S = 0.2
CONTENT_RETRY_S = 1.0

log = logging.getLogger(__name__)


class UnfitDeployment(Exception):
    """This worker's keys or model are not those that the deployment pays for."""


class Parts(Struct, frozen=True, kw_only=True):
    """What a worker is put together from; whoever made them closes them."""

    node: Node
    deployment: Deployment
    ledger: Ledger
    signer: Signer
    content: Content
    engine: Engine
    receipts: ReceiptSettings


async def run(settings: Settings, parts: Parts) -> None:
    """Works until SIGTERM or SIGINT, then drains."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await serve(settings, parts, stop)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def serve(settings: Settings, parts: Parts, stop: asyncio.Event) -> None:
    """Works until `stop`, then drains. Raises what no waiting will mend."""
    await _check_keys(parts)
    manifest = await _unless(stop, _manifest(settings, parts))
    if manifest is None:
        return
    async with _assembled(settings, parts, manifest) as worker:
        working = asyncio.create_task(worker.work())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await worker.drain(working)
        finally:
            stopping.cancel()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        if not working.cancelled() and (fault := working.exception()) is not None:
            raise _first_of(fault)


class Worker:
    """One worker at one coordinator, put together by `serve`."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        *,
        identity: Identity,
        terms: Terms,
        relayer: Relayer,
        uplink: Uplink,
        prover: ProofPool,
        journal: Journal,
    ) -> None:
        contracts = Contracts(parts.node, parts.deployment)
        self._settings = settings
        self._parts = parts
        self._journal = journal
        self._uplink = uplink
        self._prover = prover
        self._relayer = relayer
        self._health = Health()
        self._board = Board()
        self._coordinator = OnChain(parts.node, contracts, relayer, terms.worker, settings.mined_timeout_s)
        self._watcher = Watcher(self._board, journal, terms.worker, lambda: self._scheduler.wake())
        prompts = Prompts(parts.content, settings.prompt_bytes_max)
        self._receipts = Receipts(identity, parts.content, prompts, prover.prove, parts.signer.sign_message)
        self._scheduler = Scheduler(
            settings=settings,
            worker=terms.worker,
            journal=journal,
            watcher=self._watcher,
            coordinator=self._coordinator,
            chooser=Chooser(self._coordinator, parts.engine, prompts, journal, self._board, terms),
            runner=Runner(parts.engine, prompts, terms, uplink),
            receipts=self._receipts,
            uplink=uplink,
            health=self._health,
        )

    async def work(self) -> None:
        """Until cancelled."""
        follower = await self._begin()
        parts, worker = self._parts, self._parts.signer.address
        gauges = Gauges(self._settings.gpu_temperature_max_c)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watcher.run(follower.news()))
            group.create_task(self._relayer.run())
            group.create_task(self._uplink.run())
            group.create_task(mind_chain(follower, self._watcher, self._coordinator, worker, self._health))
            group.create_task(mind_machine(gauges, worker, self._settings.sample_every_s, self._health, self._uplink))
            group.create_task(publish(self._journal, self._receipts, self._uplink))
            await asyncio.gather(parts.engine.start(), self._prover.start())
            log.info("ready: %s for model %s", to_hex(worker), self._settings.model_id)
            group.create_task(mind_engine(parts.engine, self._health))
            group.create_task(self._scheduler.run())

    async def drain(self, working: asyncio.Task[None]) -> None:
        """Takes nothing new, finishes and settles what is held, for `drain_s` at most."""
        self._health.note("draining", "this worker is stopping")
        deadline = time.monotonic() + self._settings.drain_s
        while time.monotonic() < deadline and not working.done() and (left := self._unfinished()):
            log.info("stopping: %d jobs to finish", left)
            await asyncio.wait({working}, timeout=DRAIN_LOOK_S)
        if left := self._unfinished():
            log.warning("stopping with %d jobs unfinished: started again, this worker goes on with them", left)

    def _unfinished(self) -> int:
        """Jobs that waiting for may still help: without an engine, those that are answered."""
        telling = len(self._journal.unpublished()) + self._uplink.pending if self._uplink.is_connected else 0
        return self._scheduler.held(answered_only=self._health.has("engine")) + telling

    async def _begin(self) -> Follower:
        """Takes over from the chain what is under way, and from the journal what was; follows from there."""
        found = await self._coordinator.unfinished()
        if found is not None:
            self._board.place(found.jobs)
            await self._watcher.begin(found.position.number, found.timestamp)
            await self._settle_accounts([work for work in self._journal if self._board.get(work.job_id) is None])
        position = found.position if found else None
        return Follower.of(self._parts.node, self._parts.deployment, position)

    async def _settle_accounts(self, works: list[Work]) -> None:
        """Ends works whose jobs were closed for good while we were away."""
        facts: dict[int, WorkFact] = {}
        for job in await self._coordinator.jobs([work.job_id for work in works]):
            if job is not None and job.is_closed:
                reason = ending(job, self._parts.signer.address)
                facts[job.job_id] = Settled() if reason is None else Abandoned(reason)
        if facts:
            await self._journal.record(facts)


def _first_of(fault: BaseException) -> BaseException:
    """What brought the whole group down: the others were only cancelled with it."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault


@contextlib.asynccontextmanager
async def _assembled(settings: Settings, parts: Parts, manifest: bytes) -> AsyncIterator[Worker]:
    deployment, worker = parts.deployment, parts.signer.address
    identity = Identity(
        chain_id=deployment.chain_id,
        coordinator=deployment.coordinator,
        worker=worker,
        circuit_digest=deployment.circuit.digest,
        model_manifest=manifest,
    )
    terms = Terms(
        worker=worker,
        model_cid=str(cid_of(manifest)),
        verifier_version=deployment.circuit.verifier_version,
        context_tokens=settings.context_tokens,
        gas_cover_percent=settings.gas_cover_percent,
        prompt_bytes_max=settings.prompt_bytes_max,
    )
    relayer = Relayer(parts.node, parts.ledger, parts.signer, _relay_policy(parts.node))
    await relayer.start()
    uplink = Uplink(settings.api_url, worker, parts.signer.sign_message)
    prover = ProofPool(parts.receipts, deployment.chain_id, settings.provers, settings.prover_nice)
    journal = await asyncio.to_thread(Journal.load, parts.ledger, deployment.chain_id, deployment.coordinator, worker)
    try:
        yield Worker(
            settings,
            parts,
            identity=identity,
            terms=terms,
            relayer=relayer,
            uplink=uplink,
            prover=prover,
            journal=journal,
        )
    finally:
        prover.close()
        await uplink.close()


async def _check_keys(parts: Parts) -> None:
    deployment = parts.deployment
    keys = await asyncio.to_thread(load_keys, Path(parts.receipts.keys_folder))
    keys.require_chain(deployment.chain_id)
    if to_hex(keys.digest) != deployment.circuit.digest:
        raise UnfitDeployment(
            f"the keys in {parts.receipts.keys_folder} have digest {to_hex(keys.digest)}, the deployment verifies with "
            f"{deployment.circuit.digest}: name the right keys_folder"
        )


def _relay_policy(node: Node) -> RelayPolicy:
    """Transactions are kept an eye on until they are as deep as the chain's settings call final."""
    rule = finality.parse(node.settings.finality)
    return RelayPolicy(depth=rule.blocks) if isinstance(rule, finality.Depth) else RelayPolicy()


async def _manifest(settings: Settings, parts: Parts) -> bytes:
    """What the model is made of: from its folder where we run it ourselves, else as the registry names it."""
    registered = (await Contracts(parts.node, parts.deployment).model_terms(settings.model_id)).model_cid
    if settings.engine == "openai":
        return await _once_reachable(parts.content, registered)
    manifest = await asyncio.to_thread(read_manifest, Path(settings.model_folder))
    if str(cid_of(manifest)) != registered:
        raise UnfitDeployment(
            f"model {settings.model_id} is registered as {registered}, {settings.model_folder} holds "
            f"{cid_of(manifest)}: register that with `tallystick model`, or name the right model_folder"
        )
    return manifest


async def _once_reachable(content: Content, cid: str) -> bytes:
    """Waits for a content store that does not answer, and says so once."""
    waiting = False
    while True:
        try:
            return await content.get(cid)
        except Unreachable as fault:
            if not waiting:
                log.warning("waiting for the content store: %s", fault)
            waiting = True
            await asyncio.sleep(CONTENT_RETRY_S)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, bytes]) -> bytes | None:
    """What `work` comes to, or None when it is told to stop before."""
    working, stopping = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
