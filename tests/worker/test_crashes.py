"""Workers that are killed at every step of their journal, and chains that take back what was believed."""

import asyncio
import subprocess
import sys

import msgspec
import pytest

from tests.network import Account
from tests.worker.lab import Lab, price_of, until
from tests.worker.mortal import Will
from tests.worker.upstream import Upstream

CLAIMED, SETTLED = 2, 4
DEPTH = 8
STEPS = (
    "work.accepted",
    "work.claim_sent",
    "transaction.signed",
    "work.answer_made",
    "work.receipt_proved",
    "work.settlement_sent",
    "work.settled",
)
pytestmark = pytest.mark.slow


def mortal(lab: Lab, worker: Account, tag: str, is_before: bool) -> subprocess.Popen[str]:
    will = Will(
        deployment=str(lab.network.deployment_file),
        key=worker.key.hex(),
        ledger=f"sqlite:///{lab.folder / worker.hex}.db",
        content=str(lab.folder / "content"),
        settings=lab.settings,
        chain=lab.chain,
        tag=tag,
        is_before=is_before,
    )
    command = [sys.executable, "-m", "tests.worker.mortal", msgspec.json.encode(will).decode()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def test_a_worker_killed_at_every_step_answers_each_job_once_and_is_paid_once(lab: Lab) -> None:
    worker = lab.network.register_worker()
    jobs: dict[int, str] = {}
    for tag in STEPS:
        for is_before in (True, False):
            prompt = f"killed {'before' if is_before else 'after'} {tag}"
            jobs[lab.ask(prompt)] = prompt
            process = mortal(lab, worker, tag, is_before)
            status = await asyncio.to_thread(process.wait, 120)
            assert status == -9, prompt
    async with lab.working(worker):
        await until(lambda: all(lab.status(job_id) == SETTLED for job_id in jobs), "all jobs are settled")
    assert sorted(lab.completed()) == sorted(jobs)
    assert lab.earned(worker) == sum(price_of(prompt) for prompt in jobs.values())
    recorded = lab.recorded(worker)
    for fact in ("work.answer_made", "work.settled"):
        assert sorted(job_id for job_id, tag in recorded if tag == fact) == sorted(jobs)


async def test_a_worker_that_is_asked_to_stop_ends_well(lab: Lab) -> None:
    worker = lab.network.register_worker()
    process = mortal(lab, worker, tag="", is_before=False)
    job_id = lab.ask("one last thing")
    await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    process.terminate()
    assert await asyncio.to_thread(process.wait, 60) == 0


@pytest.fixture
def deep(lab: Lab) -> Lab:
    """A chain that is final eight blocks below its head, and has that many to give."""
    lab.chain = msgspec.structs.replace(lab.chain, finality=f"depth:{DEPTH}")
    lab.network.mine(2 * DEPTH)
    return lab


def reorganise(lab: Lab, depth: int) -> None:
    """Replaces the newest blocks by empty ones, as many."""
    lab.network.rpc("anvil_reorg", depth, [])


async def test_a_reorganisation_that_drops_the_claim_is_noticed_and_the_job_claimed_again(
    deep: Lab, upstream: Upstream
) -> None:
    worker = deep.network.register_worker()
    upstream.gate.clear()
    async with deep.working(worker):
        job_id = deep.ask("claimed for nothing")
        await until(lambda: upstream.running == 1, "the worker answers")
        reorganise(deep, 1)
        await until(lambda: deep.status(job_id) == CLAIMED, "the job is claimed again")
        upstream.gate.set()
        await until(lambda: deep.status(job_id) == SETTLED, "the job is settled")
    assert deep.earned(worker) == price_of("claimed for nothing")


async def test_a_reorganisation_that_drops_the_settlement_is_noticed_and_it_is_sent_again(
    deep: Lab, upstream: Upstream
) -> None:
    worker = deep.network.register_worker()
    async with deep.working(worker):
        job_id = deep.ask("paid for nothing")
        await until(lambda: deep.status(job_id) == SETTLED, "the job is settled")
        reorganise(deep, 1)
        assert deep.status(job_id) == CLAIMED
        await until(lambda: deep.status(job_id) == SETTLED, "the job is settled again")
        deep.network.mine(DEPTH + 1)
        await until(lambda: bool(deep.works(worker)[job_id].end), "the journal closes the job once it is final")
    assert upstream.prompts == ["paid for nothing"]
    assert deep.earned(worker) == price_of("paid for nothing")


async def test_a_reorganisation_that_drops_the_job_itself_leaves_the_worker_at_work(
    deep: Lab, upstream: Upstream
) -> None:
    worker = deep.network.register_worker()
    upstream.gate.clear()
    async with deep.working(worker):
        deep.ask("never was")
        await until(lambda: upstream.running == 1, "the worker answers")
        reorganise(deep, 2)
        upstream.gate.set()
        job_id = deep.ask("comes after")
        await until(lambda: deep.status(job_id) == SETTLED, "the next job is settled")
    assert deep.earned(worker) == price_of("comes after")
