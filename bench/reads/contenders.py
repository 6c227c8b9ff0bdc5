"""A chain or a history comes in; an API over it that answers and goes on meanwhile comes out, ours or Ponder's."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from bench.indexing.chains import GENESIS_S, Builder, Chain
from bench.indexing.histories import Histories
from bench.indexing.latency import await_row, serving
from bench.indexing.measuring import RunFailed
from bench.indexing.peers import npm, ponder, postgres
from bench.reads.load import CONNECTIONS
from chain.devnet import Devnet, end_with_parent
from receipts.deployment import load

INDEXED_S_MAX, ROWS_S_MAX = 900.0, 120.0
POLL_MS = 100


class Api(Struct, frozen=True):
    """Where it listens, and the processes behind it."""

    port: int
    pids: tuple[int, ...]


@contextmanager
def our_api(chain: Chain, devnet: Devnet, folder: Path) -> Iterator[Api]:
    """`tallystick serve`, when it shows the whole chain."""
    port = ponder.free_port()
    many = {"TALLYSTICK_SQL_QUERIES_AT_ONCE": str(2 * CONNECTIONS)}  # one client may take half of them
    with serving(devnet.url, devnet.ws_url, chain.deployment_file, folder, port, many) as pid:
        await_row(port, f"blocks/{chain.blocks}", INDEXED_S_MAX)
        _await_rows(folder / "explorer.rows")
        yield Api(port, (pid,))


def _await_rows(file: Path) -> None:
    """Rows at hand are made once the chain's head is reached."""
    deadline = time.monotonic() + ROWS_S_MAX
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as rows,
        ):
            if rows.execute("SELECT number FROM reach").fetchone()[0] > 0:
                return
        time.sleep(0.2)
    raise RunFailed(f"{file} did not come to the head")


@contextmanager
def ponder_api(chain: Chain, devnet: Devnet, folder: Path) -> Iterator[Api]:
    """Ponder over PostgreSQL, when it shows the whole chain."""
    home, port = npm.installed("ponder"), ponder.free_port()
    with postgres.running(folder / "postgres") as database, (folder / "ponder.log").open("wb") as log:
        kept = {"POSTGRES": database.url, "RPC": devnet.url, "DEPLOYMENT": str(chain.deployment_file)}
        process = subprocess.Popen(
            ponder.command(home, port),
            stdout=log, stderr=log, cwd=home, preexec_fn=end_with_parent(),
            env={**os.environ, **kept, "POLL": str(POLL_MS), "NODE_ENV": "production"},
        )  # fmt: skip
        try:
            _await_events(port, chain.logs, process, folder / "ponder.log")
            yield Api(port, (process.pid, database.pid))
        finally:
            process.terminate()
            process.wait(60)


def _await_events(port: int, events: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + INDEXED_S_MAX
    while ponder.counted(port) < events:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RunFailed(f"Ponder did not index the chain: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


@contextmanager
def mining(chain: Chain, devnet: Devnet, blocks_per_s: float) -> Iterator[None]:
    """The chain goes on meanwhile: so many blocks a second, each with as much in it as those before."""
    builder, over = Builder(devnet.url), threading.Event()
    builder.resume()
    coming = Histories(load(chain.deployment_file)).blocks(GENESIS_S + builder.height, builder.height)

    def mine() -> None:
        while not over.wait(1 / blocks_per_s):
            builder.mine(next(coming))

    thread = threading.Thread(target=mine, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Served:
    """A history that is served by a process of its own, which is told how fast it is to go on."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders, self._figures = process.stdin, process.stdout
        self.api = Api(int(self._figures.readline()), (process.pid,))

    def steady(self, blocks_per_s: float) -> None:
        self._order(f"steady {blocks_per_s}")

    def flat_out(self, blocks: int) -> float:
        """Blocks a second."""
        self._order(f"flat out {blocks}")
        return float(self._figures.readline())

    def _order(self, text: str) -> None:
        self._orders.write(text + "\n")
        self._orders.flush()


@contextmanager
def history_api(kept: Path) -> Iterator[Served]:
    """Over a copy of the folder: it goes on in another way each time."""
    with tempfile.TemporaryDirectory(prefix="bench-reads-", dir=kept.parent) as folder:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.reads.served", folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent(),
        )  # fmt: skip
        try:
            served = Served(process)
            await_row(served.api.port, "stats", ROWS_S_MAX)
            yield served
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
