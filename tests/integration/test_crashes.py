"""`kill -9` of worker, of indexer with API, and of both, at every step that either records: each job is answered and
paid once, and what was indexed is what a fresh index of the same chain holds."""

import asyncio

import httpx
import pytest

from tests.integration.books import close_the_books
from tests.integration.harness import PAUSE_S, SETTLED, House
from tests.integration.mortal import Will
from tests.worker.lab import price_of, until
from tests.worker.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

WORKER_STEPS = (
    "work.accepted",
    "work.claim_sent",
    "transaction.signed",
    "work.answer_made",
    "work.receipt_proved",
    "work.settlement_sent",
    "work.settled",
    "work.document_published",
)
SERVE_STEPS = ("order.placed", "transaction.signed", "block.finalised", "receipt.published", "chain.checked")


async def test_a_worker_killed_at_every_step_goes_on_where_it_was(house: House, upstream: Upstream) -> None:
    worker = house.hire()
    await house.start("serve")
    jobs = {}
    for step in WORKER_STEPS:
        prompt = f"the worker dies at {step}"
        jobs[await house.order(prompt)] = prompt
        await house.start(worker, will=Will(tags=(step,)))
        await house.gone(worker)
    await house.start(worker)
    await finish(house, upstream, worker, jobs)


async def test_an_indexer_killed_at_every_step_of_a_worker_goes_on_where_it_was(
    house: House, upstream: Upstream
) -> None:
    worker = house.hire()
    await house.start("serve")
    await house.start(worker, will=Will(tags=WORKER_STEPS, other=str(house.pid_file("serve")), spares_itself=True))
    jobs: dict[int, str] = {}
    dying = asyncio.create_task(restart(house, times=len(WORKER_STEPS)))
    while not dying.done():
        prompt = f"question {len(jobs)} while the indexer dies"
        job_id = await insist(house, prompt, key=f"question-{len(jobs)}")
        jobs[job_id] = prompt
        await until(lambda job_id=job_id: dying.done() or house.status(job_id) == SETTLED, "it is settled")  # type: ignore[misc]
    await dying
    await finish(house, upstream, worker, jobs)


async def test_both_killed_together_at_every_step_of_the_worker_go_on_where_they_were(
    house: House, upstream: Upstream
) -> None:
    worker = house.hire()
    await house.start("serve")
    jobs = {}
    for step in WORKER_STEPS:
        prompt = f"both die when the worker is at {step}"
        jobs[await house.order(prompt)] = prompt
        await house.start(worker, will=Will(tags=(step,), other=str(house.pid_file("serve"))))
        await house.gone(worker, "serve")
        await house.start("serve")
    await house.start(worker)
    await finish(house, upstream, worker, jobs)


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
async def test_an_indexer_killed_at_its_own_steps_takes_each_order_once(
    house: House, upstream: Upstream, is_before: bool
) -> None:
    worker = house.hire()
    await house.start("serve", worker)
    await house.kill("serve")
    orders = {}
    for step in SERVE_STEPS:
        await house.start("serve", will=Will(tags=(step,), is_before=is_before))
        prompt = f"the indexer dies at {step}"
        orders[prompt] = asyncio.create_task(insist(house, prompt, key=step))
        await house.gone("serve")
    await house.start("serve")
    jobs = {await order: prompt for prompt, order in orders.items()}
    await finish(house, upstream, worker, jobs)


async def restart(house: House, times: int) -> None:
    """Starts the indexer again as often as it dies."""
    for _ in range(times):
        await house.gone("serve")
        await house.start("serve")


async def insist(house: House, prompt: str, key: str) -> int:
    """Repeats an order under its key, as a client would, until there is an answer."""
    while True:
        try:
            return await house.order(prompt, key=key)
        except httpx.TransportError:
            await asyncio.sleep(PAUSE_S)


async def finish(house: House, upstream: Upstream, worker: str, jobs: dict[int, str]) -> None:
    """Everything comes to its end, and the money is what the words cost."""
    await house.settled(*jobs)
    await published(house, *jobs)
    await close_the_books(house, *jobs)
    assert house.earned(house.workers[worker]) == sum(map(price_of, jobs.values()))
    assert set(upstream.prompts) == set(jobs.values())


async def published(house: House, *jobs: int) -> None:
    """Returns when the evidence of every job can be had."""
    for job_id in jobs:
        await house.evidence(job_id)
