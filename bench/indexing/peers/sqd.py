"""A chain on a node comes in; SQD's processor indexes it into PostgreSQL, and what that took comes out."""

import os
import subprocess
from pathlib import Path

from msgspec.structs import replace

from bench.indexing.chains import Chain
from bench.indexing.measuring import Run, measure
from bench.indexing.peers import npm, postgres


def backfill(url: str, chain: Chain, folder: Path) -> Run:
    """From the start of the process until the last event is in its table; PostgreSQL runs before."""
    home = npm.installed("sqd")
    with postgres.running(folder / "postgres") as database:
        environ = environment(url, chain, database)
        subprocess.run([npm.node(home), "lib/migrate.js"], cwd=home, env=environ, check=True)
        burnt = database.burnt_s()
        run = measure(
            [npm.node(home), "lib/main.js"],
            folder / "sqd.log",
            environ=environ,
            folder=home,
            is_done=lambda: database.count("SELECT count(*) FROM event") >= chain.logs,
        )
        return replace(run, cpu_s=run.cpu_s + database.burnt_s() - burnt)


def environment(url: str, chain: Chain, database: postgres.Postgres) -> dict[str, str]:
    return {
        **os.environ,
        "RPC": url,
        "DEPLOYMENT": str(chain.deployment_file),
        "DB_HOST": database.socket,
        "DB_NAME": "postgres",
        "DB_USER": "postgres",
    }
