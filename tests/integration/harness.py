"""A deployed chain and an upstream server come in; the network's real processes go out, to be killed and restarted."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

import httpx
import msgspec
import psutil  # type: ignore[import-untyped]

from chain.devnet import end_with_parent
from domain.facts import JobOrdered, TransactionSigned
from domain.ledger import Ledger
from tests.integration.mortal import WILL_VARIABLE, Will
from tests.network import MODEL_ID, ROOT, Account, Network
from tests.nursery import Started, nursery
from tests.worker.lab import WAIT_S, Lab, until

SETTLED = 4
ORDERER_NUMBER, FIRST_WORKER_NUMBER = 1, 2
READY_WITHIN_S = 60.0
COMMAND_S_MAX = 60.0
PAUSE_S = 0.05


class House(Lab):
    """One network: its chain and upstream live in the test, `serve` and each worker are processes with own ledgers."""

    def __init__(self, network: Network, folder: Path, upstream_url: str, finality: str = "depth:0") -> None:
        super().__init__(network, folder, upstream_url)
        self.chain = msgspec.structs.replace(self.chain, finality=finality)
        self.api_url, self.kubo_url = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        self.workers: dict[str, Account] = {}
        self.first_block = self.height + 1
        """Blocks before it were loaded from a file: anvil has no state of them."""
        self.prefix: tuple[str, ...] = ()
        """What the processes are started through."""
        self._processes: dict[str, subprocess.Popen[bytes] | Started] = {}
        write_settings(self.settings_file("serve"), self.serve_settings())

    @property
    def height(self) -> int:
        return int(self.network.rpc("eth_blockNumber"), 16)

    @property
    def depth(self) -> int:
        return int(self.chain.finality.removeprefix("depth:"))

    @property
    def database(self) -> Path:
        return self.folder / "explorer.duckdb"

    def hire(self, index: int = 0, **choices: Any) -> str:
        """Registers a worker and writes its settings; the name to `start` it by."""
        name = f"work-{index}"
        self.workers[name] = self.network.register_worker(index)
        write_settings(self.settings_file(name), self._work_settings(index, choices))
        return name

    async def start(self, *names: str, will: Will | None = None) -> None:
        """Starts processes in this order, each when the one before is ready; one with a `will` may die before it is."""
        for name in names:
            before = len(self.said(name))
            self._processes[name] = self._spawn(name, will)
            if will is None:
                await self._ready(name, before)
            self.pid_file(name).write_text(str(self._processes[name].pid))

    async def status_of(self, name: str) -> int:
        """How a process that ends by itself ends."""
        return await asyncio.to_thread(self._processes[name].wait, WAIT_S)

    async def is_serving(self) -> bool:
        """Whether the API answers and shows the chain's newest block."""
        async with self.api() as http:
            try:
                return (await http.get("/ready")).is_success
            except httpx.TransportError:
                return False

    async def kill(self, *names: str) -> None:
        """`kill -9` to each at once; returns when they are gone, and whatever they had started with them."""
        processes = [self._processes[name] for name in names]
        families = [child for each in processes for child in psutil.Process(each.pid).children(recursive=True)]
        for process in processes:
            process.kill()
        await self.gone(*names)
        await until(lambda: not any(map(_runs, families)), f"what {names} had started ends with them")

    def signal_group(self, name: str, number: signal.Signals) -> None:
        """As a terminal or a container's end does: the process and whatever it started are told."""
        os.killpg(self._processes[name].pid, number)

    async def gone(self, *names: str) -> None:
        """Returns when the processes were killed, by whatever hand."""
        await until(lambda: not any(map(self.lives, names)), f"{names} end")
        assert [self._processes[name].returncode for name in names] == [-signal.SIGKILL] * len(names)

    async def stop(self, *names: str) -> None:
        """SIGTERM, as an operator would: each finishes what it holds, and ends well."""
        for name in names:
            process = self._processes[name]
            process.terminate()
            status = await asyncio.to_thread(process.wait, WAIT_S)
            assert status == 0, f"{name} ended with status {status}:\n{self.said(name)}"

    def lives(self, name: str) -> bool:
        return name in self._processes and self._processes[name].poll() is None

    def stands_still(self, name: str) -> bool:
        """Whether the process was stopped by SIGSTOP."""
        return bool(psutil.Process(self._processes[name].pid).status() == psutil.STATUS_STOPPED)

    def said(self, name: str) -> str:
        """Everything that the process has written, in all its lives."""
        log = self._log(name)
        return log.read_text(errors="replace") if log.exists() else ""

    @asynccontextmanager
    async def api(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=self.api_url, timeout=WAIT_S) as http:
            yield http

    async def order(self, prompt: str, key: str | None = None, **body: Any) -> int:
        """Orders an answer over HTTP; the job's id."""
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self.api() as http:
            placed = await http.post("/v1/prompts", json={"prompt": prompt, **body}, headers=headers)
        assert placed.status_code == 201, placed.text
        return int(placed.json()["job_id"])

    async def evidence(self, job_id: int) -> bytes:
        """The job's bundle, as soon as its receipt is settled and its document published."""
        bundle = b""

        async def is_there() -> bool:
            nonlocal bundle
            async with self.api() as http:
                answer = await http.get(f"/v1/prompts/{job_id}/evidence")
            bundle = answer.content
            return answer.is_success

        await eventually(is_there, f"the evidence of job {job_id} can be had")
        return bundle

    async def settled(self, *jobs: int) -> None:
        """Returns when the contract has closed every one of the jobs as paid."""
        await until(lambda: all(self.status(job_id) == SETTLED for job_id in jobs), f"jobs {jobs} are settled")

    def paid(self) -> list[int]:
        """The jobs that ReceiptAccepted was emitted for, each as often as it was."""
        return [int(log["topics"][1], 16) for log in self._logs("ReceiptAccepted")]

    def ordered(self) -> int:
        """How many facts of orders and their transactions serve has on record."""
        ledger = Ledger(f"sqlite:///{self.folder / 'serve.db'}")
        try:
            recorded = [fact for _, fact in ledger.after(0, limit=1_000_000)]
        finally:
            ledger.close()
        return sum(isinstance(each.fact, JobOrdered | TransactionSigned) for each in recorded)

    def settings_file(self, name: str) -> Path:
        return self.folder / f"{name}.toml"

    def pid_file(self, name: str) -> Path:
        return self.folder / f"{name}.pid"

    def serve_settings(self) -> dict[str, Any]:
        return {
            "chain": self._chain_settings(),
            "domain": {"ledger_url": f"sqlite:///{self.folder / 'serve.db'}"},
            "indexer": {"database": str(self.database), "integrity_s": 1},
            "content": {"folder": str(self.folder / "content")},
            "sql": {"enabled": False},
            "wallet": {"development_account": ORDERER_NUMBER},
            "api": {
                "port": _port_of(self.api_url),
                "kubo_port": _port_of(self.kubo_url),
                "default_model": MODEL_ID,
                "gas_cover_percent": 0,
            },
        }

    def close(self) -> None:
        """Ends whatever still runs, with everything it started."""
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _spawn(self, name: str, will: Will | None) -> subprocess.Popen[bytes] | Started:
        module = "tallystick" if will is None else "tests.integration.mortal"
        command = ["-m", module, "--config", str(self.settings_file(name)), name.partition("-")[0]]
        environ = {"TALLYSTICK_DEPLOYMENT": str(self.network.deployment_file)}
        if will is not None:
            environ[WILL_VARIABLE] = msgspec.json.encode(will).decode()
        if not self.prefix:
            return nursery().start(module, command[2:], own_environ(environ), ROOT, self._log(name))
        with self._log(name).open("ab") as log:
            return spawn([*self.prefix, sys.executable, *command], environ, stdout=log, stderr=log)

    async def _ready(self, name: str, before: int) -> None:
        async def is_ready() -> bool:
            assert self.lives(name), f"{name} ended:\n{self.said(name)[before:]}"
            return await self.is_serving() if name == "serve" else "ready: 0x" in self.said(name)[before:]

        await eventually(is_ready, f"{name} is ready", READY_WITHIN_S)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _chain_settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = msgspec.to_builtins(self.chain)
        return {name: value for name, value in settings.items() if value is not None}

    def _work_settings(self, index: int, choices: dict[str, Any]) -> dict[str, Any]:
        usual = {
            "model_id": MODEL_ID,
            "engine": "openai",
            "engine_url": self.settings.engine_url,
            "sample_every_s": 0.5,
            "prover_nice": 0,
            "gas_cover_percent": 0,
            "api_url": self.api_url,
        }
        return {
            "chain": self._chain_settings(),
            "domain": {"ledger_url": f"sqlite:///{self.folder / self.network.workers[index].hex}.db"},
            "content": {"kubo_url": self.kubo_url},
            "wallet": {"development_account": FIRST_WORKER_NUMBER + index},
            "worker": usual | choices,
        }


@contextmanager
def house_on(network: Network, folder: Path, upstream_url: str, finality: str = "depth:0") -> Iterator[House]:
    """A house whose processes end with the block."""
    house = House(network, folder, upstream_url, finality)
    try:
        yield house
    finally:
        house.close()


def spawn(command: Sequence[str], environ: Mapping[str, str], **streams: Any) -> "subprocess.Popen[bytes]":
    """A process in a session of its own that ends with the test's, without a developer's own settings."""
    return subprocess.Popen(
        list(command),
        cwd=ROOT,
        env=own_environ(environ),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent(),
        **streams,
    )


def own_environ(environ: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK_")}
    return {**own, **environ, "PYTHONUNBUFFERED": "1"}


def tallystick(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """The command line, run to its end. Whatever happens, nobody is shown a traceback."""
    process = spawn([sys.executable, "-m", "tallystick", *words], environ, stdout=PIPE, stderr=PIPE)
    try:
        said, complained = (stream.decode() for stream in process.communicate(timeout=COMMAND_S_MAX))
    finally:
        process.kill()
    assert "Traceback" not in said + complained, said + complained
    return subprocess.CompletedProcess(words, process.returncode, said, complained)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, timeout_s: float = WAIT_S) -> None:
    """Returns when `condition` holds; fails with `what` when it never does."""
    deadline = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline, f"after {timeout_s:.0f} s still not: {what}"
        await asyncio.sleep(PAUSE_S)


def write_settings(file: Path, settings: Mapping[str, Any]) -> None:
    file.write_bytes(msgspec.toml.encode(settings))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
