"""The board: jobs as the contract sees them, through extensions, reorganisations and finality."""

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.facts import (
    ChainFact,
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
from domain.jobs import NOBODY
from worker.board import Board, Job

ME, OTHER, CLIENT = b"\x11" * 20, b"\x22" * 20, b"\x33" * 20


def requested(job_id: int = 1, reserved_for: bytes = NOBODY, reserved_until: int = 0) -> list[ChainFact]:
    return [
        JobRequested(job_id, CLIENT, "QmPrompt", "model", "QmModel"),
        JobTermsFixed(job_id, CLIENT, reserved_for, reserved_until, Wei(1000), 64, Wei(2), Wei(10), 500, 1),
    ]


def accepted(job_id: int = 1, worker: bytes = ME) -> ReceiptAccepted:
    cids = ("QmPrompt", "QmAnswer", "model", "QmModel")
    return ReceiptAccepted(job_id, worker, Wei(1), *cids, Wei(2), Wei(3), Wei(4), Wei(5), 1)


def job_after(*facts: ChainFact) -> Job:
    board = Board()
    board.extend(1, [*requested(), *facts])
    job = board.get(1)
    assert job is not None
    return job


def test_a_job_is_claimable_until_somebody_holds_it() -> None:
    assert job_after().is_claimable_by(ME, 100)
    assert not job_after(JobClaimed(1, OTHER, 200)).is_claimable_by(ME, 100)


def test_a_lease_that_ran_out_frees_the_job() -> None:
    leased = job_after(JobClaimed(1, OTHER, 200))
    assert not leased.is_claimable_by(ME, 200)
    assert leased.is_claimable_by(ME, 201)
    assert not leased.is_held_by(OTHER, 201)


def test_a_job_past_its_deadline_is_nobodys() -> None:
    assert not job_after().is_claimable_by(ME, 500)


def test_a_reserved_job_waits_for_its_node_until_the_reservation_ends() -> None:
    board = Board()
    board.extend(1, requested(reserved_for=OTHER, reserved_until=50))
    job = board.get(1)
    assert job is not None
    assert not job.is_claimable_by(ME, 50)
    assert job.is_claimable_by(OTHER, 50)
    assert job.is_claimable_by(ME, 51)


def test_an_answered_job_is_held_until_its_receipt_deadline() -> None:
    answered = job_after(JobClaimed(1, ME, 200), JobCompleted(1, ME, "QmAnswer"), ReceiptDue(1, ME, 300))
    assert answered.is_held_by(ME, 300)
    assert not answered.is_held_by(ME, 301)


def test_each_ending_closes_a_job() -> None:
    claimed = JobClaimed(1, ME, 200)
    assert job_after(claimed, accepted()).state == "settled"
    assert job_after(JobCancelled(1, CLIENT, Wei(1000))).state == "cancelled"
    assert job_after(claimed, LeaseExpired(1, ME), JobExpired(1, ME, Wei(1000))).state == "expired"


def test_a_reorganisation_takes_back_a_claim_a_settlement_and_a_request() -> None:
    board = Board()
    board.extend(1, requested())
    board.extend(2, [JobClaimed(1, ME, 200)])
    board.extend(3, [accepted()])
    assert board.drop_from(3) == {1}
    assert board.get(1) == job_after(JobClaimed(1, ME, 200))
    board.drop_from(2)
    assert board.get(1) == job_after()
    board.drop_from(1)
    assert board.get(1) is None


def test_what_is_final_survives_a_reorganisation_above_it() -> None:
    board = Board()
    board.extend(1, requested())
    board.extend(2, [JobClaimed(1, ME, 200)])
    assert board.finalise(1) == []
    board.drop_from(2)
    assert board.get(1) == job_after()


def test_a_job_closed_in_a_final_block_is_told_until_it_is_forgotten() -> None:
    board = Board()
    board.extend(1, [*requested(), JobClaimed(1, ME, 200), accepted()])
    assert [job.state for job in board.finalise(1)] == ["settled"]
    assert [job.job_id for job in board.finalise(2)] == [1]
    board.forget(1)
    assert board.finalise(3) == []
    assert list(board) == []


LIVES = st.lists(
    st.sampled_from(
        [
            JobClaimed(1, ME, 200),
            LeaseExpired(1, ME),
            JobClaimed(1, OTHER, 300),
            ReceiptDue(1, OTHER, 400),
            accepted(worker=OTHER),
            JobCancelled(1, CLIENT, Wei(1000)),
        ]
    ),
    max_size=8,
)


@given(LIVES, LIVES, st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_after_any_reorganisation_the_board_is_as_if_it_had_never_seen_the_dropped_blocks(
    kept: list[ChainFact], dropped: list[ChainFact], final: int
) -> None:
    straight, wavering = Board(), Board()
    for board in (straight, wavering):
        board.extend(1, requested())
        for number, fact in enumerate(kept, start=2):
            board.extend(number, [fact])
    first_dropped = len(kept) + 2
    for number, fact in enumerate(dropped, start=first_dropped):
        wavering.extend(number, [fact])
    wavering.finalise(min(final, first_dropped - 1))
    wavering.drop_from(first_dropped)
    assert wavering.get(1) == straight.get(1)
