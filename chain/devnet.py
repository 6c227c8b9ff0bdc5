"""A development chain: settings go in, a running anvil with its URL comes out, and it ends with whoever started it."""

import asyncio
import ctypes
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import psutil  # type: ignore[import-untyped]

from chain.errors import AnvilMissing, DevnetFailed, PortInUse, StateDamaged

MNEMONIC = "test test test test test test test test test test test junk"
LOCAL_ANVIL = Path(".tools/node_modules/.bin/anvil")
POLL_S = 0.005
PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


class DevnetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to start the chain. Port 0 takes a free one; `automine` false mines only when asked or by `block_time_s`."""

    anvil: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    chain_id: int = 31337
    mnemonic: str = MNEMONIC
    accounts: int = 10
    automine: bool = True
    block_time_s: float | None = None
    state: Path | None = None
    state_interval_s: int = 5
    genesis_time_s: int | None = None
    """Unix seconds of the first block, which anvil makes anew at every start; None: that of the saved state, or now."""
    timeout_s: float = 30.0
    """The most that starting, and saving the state at the end, may take."""
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"devnet port is {self.port}: choose 0 (any free one) to 65535")
        if self.block_time_s is not None and self.block_time_s <= 0:
            raise ValueError(f"devnet block_time_s is {self.block_time_s}: give seconds above 0, or leave it out")
        if self.state_interval_s < 1:
            raise ValueError(f"devnet state_interval_s is {self.state_interval_s}: give 1 second or more")


class Devnet:
    """One anvil process, as `with Devnet() as chain:` or `async with`; `start` and `stop` where neither fits.

    The kernel ends it when the thread that started it ends: start it from one that lives as long as the chain should.
    """

    def __init__(self, settings: DevnetSettings | None = None) -> None:
        self.settings = settings or DevnetSettings()
        self.port = self.settings.port
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.settings.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.settings.host}:{self.port}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise DevnetFailed("the development chain is not running: start it first")
        return self._process.pid

    def start(self) -> Self:
        for pause_s in self._launch():
            time.sleep(pause_s)
        return self

    async def start_async(self) -> Self:
        for pause_s in self._launch():
            await asyncio.sleep(pause_s)
        return self

    def check(self) -> None:
        """Raises DevnetFailed when the chain has ended by itself."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        kept = f", from {self.settings.state} as it was saved last" if self.settings.state else " anew"
        raise DevnetFailed(f"the development chain (anvil) ended {how}: start it again, it goes on{kept}")

    def stop(self) -> None:
        """Asks anvil to save its state and end, and waits for it."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            _reap(process, self.settings.timeout_s)
        if self._complaints is not None:
            self._complaints.close()
            self._complaints = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await self.start_async()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _launch(self) -> Iterator[float]:
        """Starts the process and yields how long to wait until it is worth looking again."""
        if self._process is not None:
            raise DevnetFailed(f"the development chain already runs at {self.url}: stop it first")
        command = [str(find_anvil(self.settings.anvil)), *_arguments(self.settings)]
        if self.settings.state is not None:
            _secure_state(self.settings.state)
            command += ["--timestamp", str(_genesis_time(self.settings.state, self.settings.genesis_time_s))]
        elif self.settings.genesis_time_s is not None:
            command += ["--timestamp", str(self.settings.genesis_time_s)]
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            preexec_fn=end_with_parent(),
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its children in order
        )
        try:
            yield from self._await_port()
        except BaseException:
            self.stop()
            raise

    def _await_port(self) -> Iterator[float]:
        deadline = time.monotonic() + self.settings.timeout_s
        while True:
            process = self._process
            if process is None or process.poll() is not None:
                raise self._why_it_ended()
            port = _listening_port(process.pid)
            if port is not None:
                self.port = port
                _set_clock(self.settings.host, port, self.settings.timeout_s)
                return
            if time.monotonic() > deadline:
                patience_s = self.settings.timeout_s
                raise DevnetFailed(f"anvil does not listen after {patience_s:.0f} s: is the machine overloaded?")
            yield POLL_S

    def _why_it_ended(self) -> DevnetFailed:
        said = ""
        if self._complaints is not None:
            self._complaints.seek(0)
            said = self._complaints.read(4000).decode(errors="replace").strip()
        if "Address already in use" in said:
            return PortInUse(f"port {self.port} is in use: end what listens there, or choose another port (0: any)")
        return DevnetFailed(f"anvil ended before it listened: {said or 'it said nothing'}")


def find_anvil(given: Path | None = None) -> Path:
    """The anvil to run: the one given, the one on PATH, or the one that `make` put under `.tools`."""
    if given is not None:
        if shutil.which(given) is None:
            raise AnvilMissing(f"{given} is not a program: correct the devnet setting `anvil`, or leave it out")
        return given
    on_path = shutil.which("anvil")
    candidates = [Path(on_path)] if on_path else []
    candidates += [folder / LOCAL_ANVIL for folder in (Path.cwd(), Path(__file__).resolve().parent.parent)]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate
    raise AnvilMissing(
        f"no anvil on PATH nor at {candidates[-1]}: run `make setup`, or `npm install --prefix .tools "
        "@foundry-rs/anvil`, or name one in the devnet setting `anvil`"
    )


def _arguments(settings: DevnetSettings) -> list[str]:
    arguments = ["--quiet", "--host", settings.host, "--port", str(settings.port), "--no-request-size-limit"]
    arguments += ["--chain-id", str(settings.chain_id), "--accounts", str(settings.accounts)]
    arguments += ["--mnemonic", settings.mnemonic]
    if settings.block_time_s is not None:
        arguments += ["--block-time", str(settings.block_time_s)]
        arguments += ["--mixed-mining"] if settings.automine else []
    elif not settings.automine:
        arguments += ["--no-mining"]
    if settings.state is not None:
        arguments += ["--state", str(settings.state), "--state-interval", str(settings.state_interval_s)]
    return [*arguments, *settings.extra]


def _secure_state(state: Path) -> None:
    """Keeps a copy of a readable saved state, and falls back to the copy when anvil was killed while it wrote."""
    copy = state.with_name(state.name + ".previous")
    state.parent.mkdir(parents=True, exist_ok=True)
    if _is_json(state):
        fresh = copy.with_name(copy.name + ".new")
        shutil.copyfile(state, fresh)
        os.replace(fresh, copy)
    elif _is_json(copy):
        log.warning("the saved chain %s is damaged: going on from the copy kept at its last start", state)
        shutil.copyfile(copy, state)
    elif state.exists():
        raise StateDamaged(f"the saved chain {state} is not readable: remove it to begin with an empty chain")


def genesis_file(state: Path) -> Path:
    """Beside a saved state: the time of its first block, in Unix seconds."""
    return state.with_name(state.name + ".genesis")


def _genesis_time(state: Path, given: int | None) -> int:
    """The time kept beside the state, so that the first block is the same at every start; a new chain keeps its own."""
    kept = genesis_file(state)
    if given is None and state.exists() and kept.exists():
        return int(kept.read_text())
    chosen = int(time.time()) if given is None else given
    kept.write_text(str(chosen))
    return chosen


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return True


def end_with_parent() -> Callable[[], None] | None:
    """A function for the child to call between fork and exec, so that even `kill -9` of the parent leaves nothing."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def _listening_port(pid: int) -> int | None:
    """The port the process listens on: asked of the kernel, as a quiet anvil does not print it."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return None
    return next((each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN), None)


def _set_clock(host: str, port: int, timeout_s: float) -> None:
    """Lets the chain's time go on from now instead of from its first block's."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "evm_setTime", "params": [int(time.time())]}
    connection = HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("POST", "/", json.dumps(call), {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError) as fault:
        raise DevnetFailed(f"anvil listens at port {port} but does not answer: {fault}") from None
    finally:
        connection.close()
    if "result" not in answer:
        raise DevnetFailed(f"anvil does not take the time: {answer}; install the version that `make setup` does")


def _reap(process: "subprocess.Popen[bytes]", timeout_s: float) -> None:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
