"""Several workers want the same jobs: each job is answered by one of them, and who comes too late harms nobody."""

import asyncio
import os
import signal

import pytest

from tests.integration.books import close_the_books
from tests.integration.harness import SETTLED, House
from tests.integration.mortal import Will
from tests.worker.lab import price_of, until
from tests.worker.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

LEASE_S = 300
ANSWERED_AT_ONCE = 16
RESPONSE_CID = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
NO_PROOF = [0] * 8


async def test_two_workers_race_for_fifty_jobs_and_each_is_answered_and_paid_once(
    house: House, upstream: Upstream
) -> None:
    one, other = house.hire(0), house.hire(1)
    prompts = [f"question number {number} of fifty" for number in range(50)]
    await house.start("serve", one, other)
    upstream.gate.clear()  # so that neither is through with all of them before the other has begun
    jobs = [await asyncio.to_thread(house.ask, prompt) for prompt in prompts]
    await until(lambda: upstream.running == ANSWERED_AT_ONCE, "both work as hard as they can")
    upstream.gate.set()
    await house.settled(*jobs)
    await close_the_books(house, *jobs)
    earned = [house.earned(house.workers[name]) for name in (one, other)]
    assert sum(earned) == sum(map(price_of, prompts))
    assert min(earned) > 0, "both had a share"
    assert sorted(upstream.prompts) == sorted(prompts), "no answer was made twice"


async def test_a_lease_that_ran_out_frees_the_job_and_the_late_answer_harms_nobody(house: House) -> None:
    slow, quick = house.hire(0), house.hire(1)
    await house.start("serve")
    job_id = await house.order("who is first")
    await house.start(slow, will=Will(tags=("work.settlement_sent",), sign=signal.SIGSTOP))
    await until(lambda: house.stands_still(slow), "the slow worker stands still, its receipt in hand")
    house.network.jump(LEASE_S + 1)
    await house.start(quick)
    await house.settled(job_id)
    assert house.earned(house.workers[quick]) == price_of("who is first")

    os.kill(int(house.pid_file(slow).read_text()), signal.SIGCONT)
    await until(lambda: "were not taken" in house.said(slow), "the slow worker learns that it is too late")
    await house.stop(slow)
    assert_refused_on_chain(house, slow, job_id)
    await close_the_books(house, job_id)
    assert house.earned(house.workers[slow]) == 0
    assert house.earned(house.workers[quick]) == price_of("who is first")


def assert_refused_on_chain(house: House, late: str, job_id: int) -> None:
    """Whatever the late worker sends reverts, and no figure of the contracts moves by it."""
    before = owed(house)
    for call in (
        ("submitResponse", job_id, RESPONSE_CID),
        ("submitReceipt", job_id, RESPONSE_CID, 1, 1, NO_PROOF),
    ):
        sent = house.network.send(house.workers[late], "InferenceCoordinator", *call, gas=500_000)
        assert house.network.mined(sent)["status"] == "0x0", call
    assert house.status(job_id) == SETTLED
    assert owed(house) == before


def owed(house: House) -> list[int]:
    """What the contracts owe in all, and each worker's stake."""
    totals = [("InferenceCoordinator", "openEscrow"), ("InferenceCoordinator", "totalCredit")]
    stakes = [("NodeProfileRegistry", "nodeOf", account.hex) for account in house.workers.values()]
    return list(house.network.call_all([*totals, *stakes]))
