"""A block is mined on a chain that is followed; how long until a row of it is readable over HTTP comes out."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path

from bench.indexing.chains import Builder, running
from bench.indexing.histories import Histories
from bench.indexing.measuring import RunFailed
from bench.indexing.peers.ponder import free_port
from chain.devnet import end_with_parent
from receipts.deployment import load

SIZE, BLOCKS, JOBS_BEFORE = "10k", 60, 10**6
PATIENCE_S = 60.0
NO_MORE: Mapping[str, str] = {}


def latency() -> dict[str, float]:
    """p50 and p95 in ms: from the answer of the order to mine, to the first answer that has the block's event."""
    with running(SIZE) as (chain, devnet), tempfile.TemporaryDirectory() as folder:
        port, builder = free_port(), Builder(devnet.url)
        builder.resume()
        with serving(devnet.url, devnet.ws_url, chain.deployment_file, Path(folder), port):
            await_row(port, f"blocks/{builder.height}")
            histories = Histories(load(chain.deployment_file))
            waits = [_mined_to_readable(builder, histories, port, i) for i in range(BLOCKS)]
    ordered = statistics.quantiles(waits, n=100, method="inclusive")
    return {"p50": round(ordered[49] * 1000, 1), "p95": round(ordered[94] * 1000, 1)}


def _mined_to_readable(builder: Builder, histories: Histories, port: int, number: int) -> float:
    asked = histories.sparse(4 * (JOBS_BEFORE + number))
    builder.mine([asked])
    began = time.perf_counter()
    await_row(port, f"jobs/{int.from_bytes(asked[0].topics[1], 'big')}")
    return time.perf_counter() - began


@contextlib.contextmanager
def serving(
    url: str, ws_url: str, deployment: Path, folder: Path, port: int, more: Mapping[str, str] = NO_MORE
) -> Iterator[int]:
    """`tallystick serve` over that chain, in an empty folder; yields its process."""
    program = [sys.executable, "-m", "tallystick", "serve", "--rpc-url", url, "--ws-url", ws_url]
    ports = ["--port", str(port), "--kubo-port", str(free_port())]
    stores = ["--database", str(folder / "explorer.duckdb"), "--ledger-url", f"sqlite:///{folder / 'ledger.db'}"]
    own = ["--deployment", str(deployment), *stores, *ports]
    environ = {**os.environ, "TALLYSTICK_SQL_QUACK": "false", **more}  # the port of Quack is one for all
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*program, *own], stdout=log, stderr=log, cwd=folder, env=environ, preexec_fn=end_with_parent()
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)


def await_row(port: int, row: str, patience_s: float = PATIENCE_S) -> None:
    """Asks for a row again and again, as an impatient client would."""
    deadline = time.perf_counter() + patience_s
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    while time.perf_counter() < deadline:
        try:
            connection.request("GET", f"/explorer/v1/{row}")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return
        except OSError:
            connection.close()
            time.sleep(0.05)
    raise RunFailed(f"{row} was not readable after {patience_s:.0f} s")
