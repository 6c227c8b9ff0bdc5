"""Settings come in; the process that answers SQL runs as long as the block lasts, and the API's door to it goes out."""

import asyncio
import contextlib
import logging
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from api.sql.door import SqlDoor
from api.sql.gate import Plan
from api.sql.replica import Source
from api.sql.settings import SqlSettings
from chain.devnet import end_with_parent
from domain.settings import DomainSettings
from indexer.settings import IndexerSettings
from receipts.deployment import Deployment

START_AGAIN_S = 0.5

log = logging.getLogger(__name__)


def plan_of(sql: SqlSettings, domain: DomainSettings, indexer: IndexerSettings, deployment: Deployment) -> Plan:
    """The replica's file lies beside the explorer's, unless it is named."""
    explorer = Path(indexer.database)
    database = sql.database or explorer.with_name(f"{explorer.stem}-sql{explorer.suffix}")
    coordinator = deployment.contracts["InferenceCoordinator"].address
    settings = replace(sql, quack_port=sql.quack_port or _free_port(), tokens=sql.tokens.absolute())
    return Plan(Source(domain.ledger_url, deployment.chain_id, coordinator, database.absolute()), settings)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def sql_door(plan: Plan) -> AsyncIterator[SqlDoor]:
    """A gate under a warden of its own, and a door to it."""
    plan.source.database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tallystick-") as folder:
        keeping = asyncio.create_task(_keep_warden(plan, folder))
        try:
            yield SqlDoor(str(Path(folder) / "sql"), plan.settings)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def _keep_warden(plan: Plan, folder: str) -> None:
    """The warden keeps the gate, which may fall; we keep the warden, which should not."""
    path = Path(folder) / "sql"
    while True:
        path.unlink(missing_ok=True)
        warden = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "api.sql.warden", str(path),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, preexec_fn=end_with_parent(),
        )  # fmt: skip
        try:
            assert warden.stdin is not None
            warden.stdin.write(msgspec.json.encode(plan, enc_hook=str) + b"\n")
            await warden.stdin.drain()
            status = await warden.wait()
        finally:
            if warden.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    warden.kill()
                await warden.wait()
        log.error("the SQL warden ended with status %d; another begins", status)
        await asyncio.sleep(START_AGAIN_S)
