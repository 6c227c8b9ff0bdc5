"""The chain takes back what was believed: rows follow it, the worker notices and acts, and is paid once in the end."""

import os
import signal
from typing import Any

import duckdb
import msgspec
import pytest

from tests.integration.books import close_the_books
from tests.integration.harness import House, eventually
from tests.integration.mortal import Will
from tests.worker.lab import price_of, until
from tests.worker.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

LEASE_S = 300
CLAIMED, ANSWERED = 2, 3


async def test_a_claim_that_is_reorganised_away_is_made_again(deep_house: House, upstream: Upstream) -> None:
    house, worker, job_id = await with_a_job_under_way(deep_house, upstream)
    claimed = await row(house, job_id)
    reorganise(house, depth=1)
    await until(lambda: house.status(job_id) == CLAIMED, "the job is claimed again")
    await shows(house, job_id, "claimed", above=claimed["block"])
    upstream.gate.set()
    await paid_once(house, worker, job_id)
    assert len(upstream.prompts) == 1, "the answer under way was kept"


async def test_an_order_that_is_reorganised_away_with_its_claim_is_sent_again(
    deep_house: House, upstream: Upstream
) -> None:
    house, worker, job_id = await with_a_job_under_way(deep_house, upstream)
    ordered = house.network.rpc("eth_getTransactionReceipt", (await row(house, job_id))["requested_tx"])
    reorganise(house, depth=house.height - int(ordered["blockNumber"], 16) + 1)
    assert house.network.call("InferenceCoordinator", "jobCount") == 0
    await until(lambda: house.network.call("InferenceCoordinator", "jobCount") == 1, "the order is there again")
    upstream.gate.set()
    await paid_once(house, worker, job_id)


async def test_an_answer_that_is_reorganised_away_is_given_again(deep_house: House) -> None:
    house = deep_house
    worker = house.hire(lease_margin_s=LEASE_S + 60)
    await house.start("serve")
    job_id = await house.order("answered before it is proved")
    await house.start(worker, will=Will(tags=("work.receipt_proved",), is_before=True, sign=signal.SIGSTOP))
    await until(lambda: house.stands_still(worker), "the worker stands still, its answer on chain")
    assert house.status(job_id) == ANSWERED
    await shows(house, job_id, "answered")
    reorganise(house, depth=1)
    await shows(house, job_id, "claimed")
    os.kill(int(house.pid_file(worker).read_text()), signal.SIGCONT)
    await paid_once(house, worker, job_id, prompt="answered before it is proved")


async def test_a_receipt_that_is_reorganised_away_is_settled_again(deep_house: House) -> None:
    house = deep_house
    worker = house.hire()
    await house.start("serve", worker)
    job_id = await house.order("paid for nothing")
    await house.settled(job_id)
    await shows(house, job_id, "settled")
    first = msgspec.json.decode(await house.evidence(job_id))["block"]["hash"]
    reorganise(house, depth=1)
    await house.settled(job_id)
    await eventually(lambda: is_anchored_elsewhere(house, job_id, first), "the evidence names the block that stands")
    await paid_once(house, worker, job_id, prompt="paid for nothing")


async def with_a_job_under_way(house: House, upstream: Upstream) -> tuple[House, str, int]:
    """A job that was ordered, claimed and begun, and does not go on until the gate is opened."""
    worker = house.hire()
    upstream.gate.clear()
    await house.start("serve", worker)
    job_id = await house.order("now or later")
    await until(lambda: upstream.running == 1, "the worker answers")
    await shows(house, job_id, "claimed")
    return house, worker, job_id


async def paid_once(house: House, worker: str, job_id: int, prompt: str = "now or later") -> None:
    await house.settled(job_id)
    await house.evidence(job_id)
    await close_the_books(house, job_id)
    assert house.earned(house.workers[worker]) == price_of(prompt)
    with duckdb.connect(str(house.database), read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM reorgs").fetchone() == (True,), "the reorg is on record"


def reorganise(house: House, depth: int) -> None:
    """Replaces the newest blocks by empty ones, as many."""
    house.network.rpc("anvil_reorg", depth, [])


async def row(house: House, job_id: int) -> dict[str, Any]:
    """The job as the explorer shows it now."""
    async with house.api() as http:
        found: dict[str, Any] = (await http.get(f"/explorer/v1/jobs/{job_id}")).json()["data"]
    return found


async def shows(house: House, job_id: int, state: str, above: int = 0) -> None:
    """Returns when the explorer shows the job in `state`, unfinal, by a block above the one given."""

    async def is_shown() -> bool:
        shown = await row(house, job_id)
        return shown["state"] == state and shown["block"] > above and not shown["is_final"]

    await eventually(is_shown, f"job {job_id} is shown as {state} by a block above {above}")


async def is_anchored_elsewhere(house: House, job_id: int, block_hash: str) -> bool:
    """Whether the evidence names a block that stands, and not the one that was taken back."""
    anchor = msgspec.json.decode(await house.evidence(job_id))["block"]["hash"]
    return anchor != block_hash and house.network.rpc("eth_getBlockByHash", anchor, False) is not None
