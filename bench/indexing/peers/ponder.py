"""A chain on a node comes in; Ponder indexes it into PGlite or PostgreSQL, and what that took comes out."""

import json
import os
import socket
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

from msgspec.structs import replace

from bench.indexing.chains import Chain
from bench.indexing.measuring import Run, measure
from bench.indexing.peers import npm, postgres


def backfill(url: str, chain: Chain, folder: Path, store: str) -> Run:
    """From the start of the process until its own API counts every event; `store` is pglite or postgres."""
    home, port = npm.installed("ponder"), free_port()
    with ExitStack() as stack:
        database = stack.enter_context(postgres.running(folder / "postgres")) if store == "postgres" else None
        kept = {"POSTGRES": database.url} if database else {"PGLITE": str(folder / "pglite")}
        burnt = database.burnt_s() if database else 0.0
        run = measure(
            command(home, port),
            folder / "ponder.log",
            environ={**os.environ, **kept, "RPC": url, "DEPLOYMENT": str(chain.deployment_file)},
            folder=home,
            is_done=lambda: counted(port) >= chain.logs,
        )
        return replace(run, cpu_s=run.cpu_s + (database.burnt_s() - burnt if database else 0.0))


def command(home: Path, port: int) -> list[str]:
    program = str(home / "node_modules/ponder/dist/esm/bin/ponder.js")
    return [npm.node(home), program, "start", "--schema", "bench", "--port", str(port), "--log-level", "warn"]


def counted(port: int) -> int:
    """How many events its API shows, 0 while it does not answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/count")
        answer = connection.getresponse()
        return int(json.loads(answer.read())) if answer.status == 200 else 0
    except (OSError, ValueError):
        return 0
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
