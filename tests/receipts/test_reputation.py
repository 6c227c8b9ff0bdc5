"""The rule of reputations: what may raise a score, what may not, and what contradicts itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from receipts.reputation import (
    PROBATION_JOBS,
    WEIGHED,
    WORTHS,
    BadEvidence,
    Counts,
    Ending,
    Outcome,
    Percentiles,
    check,
    differences,
    reckon,
    score_of,
    worth_of,
)

NODE, PAYER = "0x" + "aa" * 20, "0x" + "bb" * 20
COUNTS = st.builds(Counts, **{worth: st.integers(0, 200) for worth in WORTHS})


def outcome(job_id: int, ending: Ending = "verified", controller: str = PAYER, amount: int = 5, **told: int) -> Outcome:
    times = {"claimed_at": 100, "answered_at": 100 + job_id, "started_at": 1_000, "completed_at": 3_000}
    worth = worth_of(NODE, ending, controller, amount)
    figures = times | {"completion_tokens": 10, "prompt_tokens": 3} | told
    return Outcome(ending, worth, 150, 7, job_id, job_id, controller, amount, **figures)


@settings(max_examples=300)
@given(counts=COUNTS)
def test_only_proven_work_raises_a_score_and_every_failure_lowers_it(counts: Counts) -> None:
    before = score_of(counts)
    assert 0 <= before <= 100
    for worth in WORTHS:
        after = score_of(replace(counts, **{worth: getattr(counts, worth) + 1}))
        if worth == "proven":
            assert after >= before
        elif worth in WEIGHED:
            assert after <= before
        else:
            assert after == before


def test_what_is_unpaid_unproven_or_of_its_own_is_counted_and_worth_nothing() -> None:
    worthless = [outcome(1, amount=0), outcome(2, controller=NODE), outcome(3, "unproven"), outcome(4, "pending")]
    told = reckon(NODE, 100, 200, worthless)
    assert (told.score, told.standing, told.earned, told.customers) == (0.0, "unknown", 0, 0)
    assert told.counts == Counts(unpaid=1, own=1, unproven=1, pending=1)
    assert (told.answer_s, told.inference_ms, told.tokens_per_s) == (None, None, None)


def test_figures_are_those_of_proven_work() -> None:
    told = reckon(NODE, 100, 200, [outcome(n) for n in range(1, 11)] + [outcome(50, "unproven", answered_at=900)])
    assert told.success_rate == round(10 / 11, 4)
    assert told.answer_s == Percentiles(5, 9, 10)
    assert told.inference_ms == Percentiles(2_000, 2_000, 2_000)
    assert (told.completion_tokens, told.tokens_per_s) == (100, 5.0)
    assert (told.earned, told.customers, told.standing) == (50, 1, "probation")


def test_probation_ends_with_enough_proven_jobs_and_more_of_them_score_higher() -> None:
    scores = []
    for jobs in (1, PROBATION_JOBS - 1, PROBATION_JOBS, 500):
        told = reckon(NODE, 100, 200, [outcome(n) for n in range(jobs)])
        scores.append(told.score)
        assert (told.standing == "established") is (jobs >= PROBATION_JOBS)
    assert scores == sorted(set(scores))


def test_a_slash_weighs_as_much_as_ten_failures() -> None:
    assert score_of(Counts(proven=50, slashed=1)) == score_of(Counts(proven=50, failed=10))


@pytest.mark.parametrize(
    ("outcomes", "fault"),
    [
        ([outcome(1), outcome(1)], "job 1, verified: it is listed twice"),
        ([outcome(1), replace(outcome(1), block=8)], "listed twice"),
        ([outcome(1), outcome(1, "unproven")], "listed twice"),
        ([replace(outcome(1, amount=0), worth="proven")], "told as proven and is unpaid"),
        ([replace(outcome(1, controller=NODE), worth="proven")], "told as proven and is own"),
        ([replace(outcome(1, "unproven"), worth="proven")], "told as proven and is unproven"),
        ([replace(outcome(1), at=201)], "outside the window"),
        ([replace(outcome(1), at=99)], "outside the window"),
    ],
)
def test_evidence_that_contradicts_itself_is_refused(outcomes: list[Outcome], fault: str) -> None:
    with pytest.raises(BadEvidence, match=fault):
        check(NODE, 100, 200, outcomes)


def test_a_job_may_be_lost_several_times() -> None:
    check(NODE, 100, 200, [outcome(1, "lost"), replace(outcome(1, "lost"), block=9), outcome(1)])


def test_every_figure_that_was_changed_is_named() -> None:
    found = reckon(NODE, 100, 200, [outcome(n) for n in range(30)])
    assert differences(found, found) == []
    for name in ("score", "earned", "customers", "completion_tokens", "success_rate", "counts", "standing"):
        assert differences(replace(found, **{name: 99}), found)[0].startswith(f"{name}: told 99, the receipts say ")
