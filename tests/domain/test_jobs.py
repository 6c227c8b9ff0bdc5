"""The life of a job, whoever keeps it: as the worker's board does, and as a row of the explorer."""

import pytest

from domain.facts import (
    JobCancelled,
    JobClaimed,
    JobCompleted,
    JobExpired,
    JobRequested,
    JobTermsFixed,
    LeaseExpired,
    ReceiptAccepted,
    ReceiptDue,
    Wei,
)
from domain.jobs import CLOSED, LATEST_S, NOBODY, STATES, JobFact, advance, state_of
from indexer.explorer.folds.jobs import begin_job, fold_job
from indexer.explorer.folds.moment import Moment
from worker.board import AS_IT_IS, Job, fold

CLIENT, ME, OTHER = b"\x33" * 20, b"\x11" * 20, b"\x22" * 20
REQUESTED = JobRequested(1, CLIENT, "QmPrompt", "model", "QmModel")
TERMS = JobTermsFixed(1, CLIENT, OTHER, 50, Wei(1000), 64, Wei(2), Wei(10), 500, 1)
ACCEPTED = ReceiptAccepted(
    1, ME, Wei(1), "QmPrompt", "QmAnswer", "model", "QmModel", Wei(2), Wei(300), Wei(700), Wei(5), 1
)
LIVES: dict[str, list[JobFact]] = {
    "open": [TERMS],
    "claimed": [TERMS, JobClaimed(1, ME, 200)],
    "answered": [TERMS, JobClaimed(1, ME, 200), JobCompleted(1, ME, "QmAnswer"), ReceiptDue(1, ME, 300)],
    "settled": [TERMS, JobClaimed(1, ME, 200), JobCompleted(1, ME, "QmAnswer"), ACCEPTED],
    "cancelled": [TERMS, JobClaimed(1, ME, 200), LeaseExpired(1, ME), JobCancelled(1, CLIENT, Wei(1000))],
    "expired": [TERMS, JobClaimed(1, ME, 200), LeaseExpired(1, ME), JobExpired(1, ME, Wei(1000))],
}


def kept_by_the_board(facts: list[JobFact]) -> Job:
    job = fold(None, REQUESTED)
    for fact in facts:
        job = fold(job, fact)
    assert job is not None
    return job


@pytest.mark.parametrize("state", STATES)
def test_each_life_ends_in_its_state_for_the_board_and_for_the_tables_alike(state: str) -> None:
    job = kept_by_the_board(LIVES[state])
    moment = Moment(7, "0xb", 100, "0xt")
    row = begin_job(moment, REQUESTED)
    for fact in LIVES[state]:
        assert not isinstance(fact, JobRequested)
        fold_job(row, moment, fact)
    assert job.state == row.state == state
    assert (job.claims, job.amount, job.refund) == (row.claims, row.amount, row.refund)
    assert row.worker == (None if job.worker == NOBODY else f"0x{job.worker.hex()}")
    assert job.is_closed is (row.closed_at is not None) is (state in CLOSED)


def test_the_contract_numbers_the_states_from_one() -> None:
    assert [state_of(number) for number in range(1, 7)] == list(STATES)


def test_a_first_claim_ends_the_reservation() -> None:
    reserved, lapsed = kept_by_the_board(LIVES["open"]), kept_by_the_board([*LIVES["claimed"], LeaseExpired(1, ME)])
    assert not reserved.is_claimable_by(ME, 40)
    assert lapsed.is_claimable_by(ME, 40)


def test_times_beyond_every_calendar_are_the_end_of_time() -> None:
    job = kept_by_the_board([TERMS])
    advance(job, JobClaimed(1, ME, 2**64 - 1), AS_IT_IS)
    assert job.lease_until == LATEST_S


def test_the_board_hands_out_jobs_that_stay_as_they_are() -> None:
    before = kept_by_the_board(LIVES["open"])
    fold(before, JobClaimed(1, ME, 200))
    assert before.state == "open"
