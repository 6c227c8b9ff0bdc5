"""`kill -9` of the chain under `tallystick up`: it ends at once, says why, and goes on later with what was saved."""

import asyncio
import io
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from rich.console import Console

from chain.errors import DevnetFailed
from receipts.model_manifest import FILE_NAME
from tallystick.cli.network import keep_up
from tallystick.http import connected
from tallystick.network import Plan, Ports, Running, running
from tests.network import ROOT, deployed
from tests.worker.lab import MODEL_MANIFEST, until
from tests.worker.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


@pytest.fixture
def planned(tmp_path: Path, upstream: Upstream) -> Plan:
    """A network like that of `tallystick up`, deployed before it starts, whose worker asks the upstream."""
    folder, model, state = tmp_path / "up", tmp_path / "model", deployed()
    folder.mkdir()
    model.mkdir()
    (model / FILE_NAME).write_bytes(MODEL_MANIFEST)
    shutil.copyfile(state / "deployment.json", folder / "deployment.json")
    for suffix in ("", ".genesis"):
        shutil.copyfile(state / f"state.json{suffix}", folder / f"chain.json{suffix}")
    engine = ("--engine", "openai", "--engine-url", upstream.url)
    return Plan(ROOT, folder, Ports(0, 0, 0, 0), model, Path(sys.executable), engine)


async def test_a_killed_chain_ends_the_network_at_once_with_the_reason(planned: Plan) -> None:
    said, before = io.StringIO(), children()
    keeping = asyncio.create_task(keep_up(Console(file=said, width=200), planned))
    await until(lambda: "the network is up" in said.getvalue() or keeping.done(), "it is up")
    chain, *others = [pid for pid in children() if pid not in before]
    os.kill(chain, signal.SIGKILL)
    with pytest.raises(DevnetFailed, match=r"anvil\) ended by signal 9: start it again"):
        await asyncio.wait_for(keeping, 60)
    assert not any(map(lives, others))


async def test_a_network_whose_chain_lost_final_blocks_goes_on_with_the_others(planned: Plan) -> None:
    async with running(planned, ignore) as up:
        await answered(up, "before the save")
    saved = (planned.folder / "chain.json").read_bytes()
    async with running(planned, ignore) as up:
        assert up.notice is None
        await answered(up, "after it")
        assert await prompts(up) == 2
    (planned.folder / "chain.json").write_bytes(saved)  # as a kill -9 just after the second job leaves it
    async with running(planned, ignore) as up:
        assert up.notice is not None
        assert "lost some up to" in up.notice
        assert await prompts(up) == 1
        await answered(up, "in its place")
        assert await prompts(up) == 2
    assert (next(planned.folder.glob("forgotten-*")) / "ledger.db").exists()


async def answered(up: Running, prompt: str) -> None:
    """Orders an answer and sees it settled."""
    async with connected(up.api_url) as api:
        job = (await ordered(api, prompt)).json()
        done = await api.get(f"/v1/prompts/{job['job_id']}", params={"wait": 60})
    assert done.json()["state"] == "settled"


async def ordered(api: httpx.AsyncClient, prompt: str) -> Any:
    made = await api.post("/v1/prompts", json={"prompt": prompt, "max_tokens": 16})
    assert made.status_code == 201, made.text
    return made


async def prompts(up: Running) -> int:
    """How many jobs the explorer shows as settled."""
    async with connected(up.api_url) as api:
        return int((await api.get("/explorer/v1/stats")).json()["data"]["settled"])


def ignore(_: str) -> None:
    """What is reported on the way."""


def children() -> list[int]:
    """The processes that this one started, the oldest first."""
    ours = psutil.Process().children()
    return [each.pid for each in sorted(ours, key=lambda each: each.create_time())]


def lives(pid: int) -> bool:
    return bool(psutil.pid_exists(pid)) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
