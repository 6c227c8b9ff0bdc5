"""What an operator does to a worker: stops it with a signal to everything it started, registers it with a stake."""

import asyncio
import signal
import sys

import msgspec
import pytest

from tests.integration.books import close_the_books
from tests.integration.harness import House, spawn, tallystick, write_settings
from tests.worker.lab import WAIT_S, until
from tests.worker.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_the_whole_process_group_drains_the_worker(
    house: House, upstream: Upstream, number: signal.Signals
) -> None:
    worker = house.hire()
    await house.start("serve", worker)
    upstream.gate.clear()
    job_id = await house.order("finish this first")
    await until(lambda: upstream.running == 1, "the worker answers")
    house.signal_group(worker, number)
    await until(lambda: "1 jobs to finish" in house.said(worker), "the worker drains")
    upstream.gate.set()
    await house.settled(job_id)
    assert await house.status_of(worker) == 0
    assert "unfinished" not in house.said(worker)
    await house.evidence(job_id)
    await close_the_books(house, job_id)


def test_a_stake_below_the_least_is_refused_before_anything_is_sent(house: House) -> None:
    house.hire()
    settings = house.folder / "newcomer.toml"
    wallet = {"development_account": 9}
    domain = {"ledger_url": f"sqlite:///{house.folder}/new.db"}
    write_settings(settings, house.serve_settings() | {"wallet": wallet, "domain": domain})
    least = house.network.call("NodeProfileRegistry", "minStake")
    before = house.height
    words = ("--config", str(settings), "node", "register", "--stake", str(least - 1))
    refused = tallystick(*words, TALLYSTICK_DEPLOYMENT=str(house.network.deployment_file))
    assert refused.returncode == 1
    assert f"a node that may claim stakes 0.01 eth ({least} wei) or more" in refused.stderr
    assert house.height == before


async def test_status_is_shown_anew_each_second_until_it_is_stopped(house: House) -> None:
    await house.start("serve")
    log = house.folder / "watch.log"
    command = [sys.executable, "-m", "tallystick", "status", "--watch", "--api-url", house.api_url]
    with log.open("wb") as told:
        watching = spawn(command, {}, stdout=told, stderr=told)
    await until(lambda: log.read_text().count("bottleneck") >= 3, "it is told again and again")
    watching.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(watching.wait, WAIT_S) == 130
    assert log.read_text().splitlines()[-1] == "stopped"


async def test_status_tells_how_far_the_chain_is_indexed_and_what_holds_that_back(house: House) -> None:
    house.hire()
    await house.start("serve")
    told = tallystick("status", "--api-url", house.api_url)
    assert told.returncode == 0, told.stderr
    assert "none: level with the chain" in told.stdout
    assert "waiting for the chain" in told.stdout
    figures = msgspec.json.decode(tallystick("status", "--json", "--api-url", house.api_url).stdout)["indexer"]
    assert figures["head"] == figures["indexed"] == house.height
    assert figures["requests"] > 0
    assert figures["logs"] > 0
    assert all(spent > 0 for spent in figures["seconds"].values()), figures["seconds"]
