"""Whole workers against a real chain: every job answered once, paid once, whatever happens on the way."""

import pytest

from tests.worker.lab import Lab, until
from tests.worker.upstream import Upstream
from worker.journal import Settled

SETTLED = 4
pytestmark = pytest.mark.slow


async def test_a_job_is_answered_proved_and_paid(lab: Lab) -> None:
    worker = lab.network.register_worker()
    async with lab.working(worker):
        job_id = lab.ask("why is the sky blue")
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    answer = lab.works(worker)[job_id]
    assert isinstance(answer.end, Settled)
    assert lab.earned(worker) == 5 * 2 * 10**12 + 5 * 2 * 10**13


async def test_two_workers_race_for_fifty_jobs_and_each_is_answered_and_paid_once(lab: Lab, upstream: Upstream) -> None:
    one, other = lab.network.register_worker(0), lab.network.register_worker(1)
    jobs = [lab.ask(f"question number {number} of fifty") for number in range(50)]
    async with lab.working(one), lab.working(other):
        await until(lambda: all(lab.status(job_id) == SETTLED for job_id in jobs), "all jobs are settled")
    price = 5 * 2 * 10**12 + 5 * 2 * 10**13
    assert lab.earned(one) + lab.earned(other) == 50 * price
    assert lab.earned(one) > 0
    assert lab.earned(other) > 0
    answered = [request["messages"][0]["content"] for request in upstream.requests]
    assert sorted(set(answered)) == sorted(answered)
    assert len(answered) == 50
