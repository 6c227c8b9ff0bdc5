"""A folder comes in; a whole network on this machine comes up in it: chain, contracts, indexer with API, worker."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from chain import signing
from chain.devnet import Devnet, DevnetSettings
from chain.identity import Pins, check_identity
from chain.node import Node
from chain.settings import ChainSettings
from domain.settings import DomainSettings
from receipts import deployment as pins
from receipts.content.store import BlockStore
from receipts.deployment import Deployment
from receipts.model_manifest import FILE_NAME, model_cid
from tallystick.forgetting import set_aside
from tallystick.listening import AddressInUse
from tallystick.onchain import reading, sending
from tallystick.supervising import Supervisor
from worker import journal

MODEL_ID = "smollm2-135m-instruct"
OWNER, ORDERER, WORKER = 0, 1, 2
DEPLOY_TIMEOUT_S, SERVE_TIMEOUT_S, WORK_TIMEOUT_S = 300.0, 60.0, 300.0
FINALITY = "depth:0"
GAS_COVER_PERCENT = 0
"""Ether costs nothing here: the smallest job is worth its gas."""
NODE_LIMITS_MIB_AND_PERCENT = (8192, 0, 90)

Report = Callable[[str], None]


class NotSetUp(Exception):
    """Something that `make setup` makes is not there."""


class Ports(Struct, frozen=True):
    """Where the network listens; 0 takes a free port."""

    chain: int = 8545
    api: int = 8001
    kubo: int = 5001
    quack: int = 9494


class Plan(Struct, frozen=True):
    """What to bring up: where its data live, which model, and which Python runs the worker."""

    root: Path
    folder: Path
    ports: Ports
    model_folder: Path
    worker_python: Path
    engine_flags: tuple[str, ...] = ()

    @property
    def deployment_file(self) -> Path:
        return self.folder / "deployment.json"


class Running(Struct, frozen=True):
    """A network that is up: its addresses, its deployment, and the processes by name."""

    rpc_url: str
    ws_url: str
    api_url: str
    kubo_url: str
    quack_port: int
    deployment: Deployment
    deployment_file: Path
    children: Supervisor
    chain: Devnet
    notice: str | None = None
    """What a person should know of how it came up."""


def plan(root: Path, folder: Path, ports: Ports) -> Plan:
    """Checks that everything is set up. Raises NotSetUp."""
    model, worker = root / ".tallystick/models" / MODEL_ID, root / ".venv-worker/bin/python"
    if not worker.exists():
        raise NotSetUp(f"{worker} is missing: run `make setup`, which makes the worker's environment")
    if not (model / FILE_NAME).exists():
        raise NotSetUp(f"no model in {model}: run `make setup`, which converts it")
    return Plan(root, folder, ports, model, worker)


@asynccontextmanager
async def running(plan: Plan, report: Report) -> AsyncIterator[Running]:
    """Brings everything up in order, and down in reverse when the block ends.

    Raises AddressInUse before anything is begun.
    """
    check_ports(plan.ports)
    plan.folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        state = DevnetSettings(port=plan.ports.chain, state=plan.folder / "chain.json", state_interval_s=2)
        report("starting the chain")
        chain = await stack.enter_async_context(Devnet(state))
        children = await stack.enter_async_context(Supervisor(plan.folder / "logs", chain.check))
        report("asking the chain what it remembers")
        notice = await _forget_with(plan, chain)
        report("deploying the contracts")
        deployment = await _deployed(plan, chain, children)
        up = Running(
            rpc_url=chain.url,
            ws_url=chain.ws_url,
            api_url=f"http://127.0.0.1:{_port(plan.ports.api)}",
            kubo_url=f"http://127.0.0.1:{_port(plan.ports.kubo)}",
            quack_port=_port(plan.ports.quack),
            deployment=deployment,
            deployment_file=plan.deployment_file,
            children=children,
            chain=chain,
            notice=notice,
        )
        _write_settings(plan, up)
        await BlockStore(plan.folder / "content").put((plan.model_folder / FILE_NAME).read_bytes())
        report("registering the worker")
        await _register_worker(plan, up)
        report("starting indexer, API and worker (vLLM loads its model)")
        await asyncio.gather(_serve(plan, up), _work(plan, up))
        yield up


def check_ports(ports: Ports) -> None:
    """Raises AddressInUse for one that another process has."""
    for name in ports.__struct_fields__:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", getattr(ports, name)))
            except OSError as fault:
                raise AddressInUse(
                    f"127.0.0.1:{getattr(ports, name)}, the {name}'s port: {fault.strerror}; end what uses it "
                    f"(`tallystick doctor` tells), or choose another with --{name}-port"
                ) from None


def environ_of(plan: Plan) -> dict[str, str]:
    """What the network's processes find in their environment, beside ours: none of a developer's own settings."""
    folders = (Path(sys.executable).parent, plan.root / ".tools/node_modules/.bin", os.environ.get("PATH", ""))
    path = os.pathsep.join(map(str, folders))
    return {"PATH": path, "TALLYSTICK_DEPLOYMENT": str(plan.deployment_file), "PYTHONUNBUFFERED": "1"}


async def _forget_with(plan: Plan, chain: Devnet) -> str | None:
    """Sets aside what is on record of blocks that the chain lost when it was killed, and says so."""
    if not plan.deployment_file.exists():
        return None
    deployment = pins.load(plan.deployment_file)
    async with Node(ChainSettings(rpc_url=chain.url)) as node:
        return await set_aside(plan.folder, node, deployment)


async def _deployed(plan: Plan, chain: Devnet, children: Supervisor) -> Deployment:
    """The deployment kept in the folder if this chain holds it, else a new one."""
    if plan.deployment_file.exists():
        deployment = pins.load(plan.deployment_file)
        async with Node(ChainSettings(rpc_url=chain.url)) as node:
            await check_identity(node, Pins.of(deployment))
        return deployment
    ape = Path(sys.executable).parent / "ape"
    cid = model_cid((plan.model_folder / FILE_NAME).read_bytes())
    command = [str(ape), "run", "deploy", "--network", chain.url, "--model", MODEL_ID, str(cid)]
    await asyncio.wait_for(children.run("deploy", command, environ_of(plan), plan.root), DEPLOY_TIMEOUT_S)
    return pins.load(plan.deployment_file)


async def _register_worker(plan: Plan, up: Running) -> None:
    """Stakes for the worker's account, once."""
    domain = DomainSettings(ledger_url=f"sqlite:///{plan.folder / 'worker.db'}")
    signer = signing.from_development_mnemonic(WORKER, up.deployment.chain_id)
    async with reading(ChainSettings(rpc_url=up.rpc_url), up.deployment) as chain:
        if await chain.contracts.may_claim(signer.address):
            return
        async with sending(chain, signer, domain, journal.KINDS) as sender:
            stake = await chain.contracts.min_stake()
            await sender.call(chain.contracts.nodes, "registerNode", *NODE_LIMITS_MIB_AND_PERCENT, value=stake)


async def _serve(plan: Plan, up: Running) -> None:
    command = [sys.executable, "-m", "tallystick", "--config", str(plan.folder / "serve.toml"), "serve"]
    await up.children.start("serve", command, environ_of(plan))
    await up.children.until("the API", _is_ready(f"{up.api_url}/ready"), SERVE_TIMEOUT_S)


async def _work(plan: Plan, up: Running) -> None:
    command = [str(plan.worker_python), "-m", "tallystick", "--config", str(plan.folder / "work.toml"), "work"]
    log = up.children.log("work")
    said_before = log.stat().st_size if log.exists() else 0
    await up.children.start("work", [*command, *plan.engine_flags], environ_of(plan))

    async def is_ready() -> bool:
        return b"ready: 0x" in (await asyncio.to_thread(log.read_bytes))[said_before:]

    await up.children.until("the worker", is_ready, WORK_TIMEOUT_S)


def _is_ready(url: str) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        async with httpx.AsyncClient(timeout=2) as client:
            try:
                return (await client.get(url)).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

    return ask


def _write_settings(plan: Plan, up: Running) -> None:
    """One TOML file for each process; a person uses them too: `tallystick --config FOLDER/work.toml node show ...`."""
    chain = {"rpc_url": up.rpc_url, "ws_url": up.ws_url, "finality": FINALITY, "poll_interval_s": 0.1}
    serve = {
        "chain": chain,
        "domain": {"ledger_url": f"sqlite:///{plan.folder / 'ledger.db'}"},
        "indexer": {"database": str(plan.folder / "explorer.duckdb")},
        "content": {"folder": str(plan.folder / "content")},
        "sql": {"quack_port": up.quack_port, "tokens": str(plan.folder / "sql-tokens.json")},
        "wallet": {"development_account": ORDERER},
        "api": {
            "port": _port_of(up.api_url),
            "kubo_port": _port_of(up.kubo_url),
            "default_model": MODEL_ID,
            "gas_cover_percent": GAS_COVER_PERCENT,
        },
    }
    work = {
        "chain": chain,
        "domain": {"ledger_url": f"sqlite:///{plan.folder / 'worker.db'}"},
        "content": {"kubo_url": up.kubo_url},
        "wallet": {"development_account": WORKER},
        "worker": {
            "model_id": MODEL_ID,
            "model_folder": str(plan.model_folder),
            "api_url": up.api_url,
            "gas_cover_percent": GAS_COVER_PERCENT,
        },
    }
    for name, settings in (("serve", serve), ("work", work)):
        (plan.folder / f"{name}.toml").write_bytes(msgspec.toml.encode(settings))


def _port(wanted: int) -> int:
    """The port wanted, or a free one in place of 0: the processes that use it must know it before they start."""
    if wanted:
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
