"""What to do next about a job: from what the journal says and what the chain says."""

import pytest
from msgspec.structs import replace

from domain.facts import Wei
from tests.worker.test_board import ME, OTHER
from worker.board import Job
from worker.deciding import ABSENT_S_MAX, Action, ending, is_ours, next_step
from worker.engine import Description, Sampling
from worker.journal import Abandoned, AnswerMade, ClaimSent, ReceiptProved, Settled, SettlementSent, Work

NOW, MARGIN = 100.0, 5.0
OPEN = Job(
    job_id=1, controller=b"\x33" * 20, model_id="m", model_cid="QmM", prompt_cid="QmP", deadline=500, escrow=1000
)
MINE = replace(OPEN, state="claimed", worker=ME, lease_until=200)
THEIRS = replace(MINE, worker=OTHER)
ANSWERED = replace(MINE, state="answered", lease_until=0, receipt_deadline=300)
ANSWER = AnswerMade(
    text="Paris",
    response_cid="QmAnswer",
    prompt_tokens=3,
    completion_tokens=1,
    completion_ids=(1,),
    started_at=1,
    completed_at=2,
    finish_reason="stop",
    sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=1),
    engine=Description(name="vllm", version="1", dtype="float32", device="cpu"),
)
ACCEPTED = Work(job_id=1, accepted_at=int(NOW * 1000), version=1)
CLAIMED = replace(ACCEPTED, claim=ClaimSent("claim"), claims=1)
GENERATED = replace(CLAIMED, answer=ANSWER)
PROVED = replace(GENERATED, receipt=ReceiptProved(b"", Wei(16), Wei(1), "QmDocument"))
SENT = replace(PROVED, settlement=SettlementSent("settle", 0), settlements=1)


@pytest.mark.parametrize(
    ("work", "job", "action"),
    [
        (ACCEPTED, OPEN, Action.CLAIM),
        (ACCEPTED, THEIRS, Action.WAIT),
        (ACCEPTED, replace(THEIRS, lease_until=99), Action.CLAIM),
        (CLAIMED, OPEN, Action.AWAIT_CLAIM),
        (CLAIMED, MINE, Action.GENERATE),
        (CLAIMED, THEIRS, Action.WAIT),
        (CLAIMED, replace(MINE, lease_until=99), Action.AWAIT_CLAIM),
        (CLAIMED, ANSWERED, Action.WAIT),
        (GENERATED, MINE, Action.PROVE),
        (GENERATED, replace(MINE, lease_until=104), Action.SEND_ANSWER),
        (GENERATED, ANSWERED, Action.PROVE),
        (GENERATED, replace(MINE, lease_until=99), Action.AWAIT_CLAIM),
        (replace(GENERATED, claim=None), replace(MINE, lease_until=99), Action.CLAIM),
        (PROVED, MINE, Action.SETTLE),
        (PROVED, ANSWERED, Action.SETTLE),
        (PROVED, replace(MINE, lease_until=104), Action.SEND_ANSWER),
        (SENT, MINE, Action.AWAIT_SETTLEMENT),
        (SENT, ANSWERED, Action.AWAIT_SETTLEMENT),
        (SENT, replace(MINE, state="settled"), Action.WAIT),
        (SENT, replace(ANSWERED, receipt_deadline=99), Action.ABANDON),
        (CLAIMED, replace(MINE, lease_until=99, deadline=99), Action.ABANDON),
        (ACCEPTED, replace(OPEN, deadline=99), Action.ABANDON),
        (ACCEPTED, None, Action.WAIT),
        (replace(SENT, end=Settled()), MINE, Action.WAIT),
    ],
)
def test_the_next_step_follows_from_journal_and_chain(work: Work, job: Job | None, action: Action) -> None:
    assert next_step(work, job, ME, NOW, MARGIN).action == action


def test_a_job_that_a_reorganisation_took_away_is_waited_for_a_while() -> None:
    long_after = NOW + ABSENT_S_MAX + 1
    assert next_step(ACCEPTED, None, ME, long_after, MARGIN).action == Action.ABANDON


def test_an_unfinal_ending_by_somebody_else_ends_nothing() -> None:
    for state in ("settled", "cancelled", "expired"):
        assert next_step(PROVED, replace(THEIRS, state=state), ME, NOW, MARGIN).action == Action.WAIT


def test_a_final_ending_says_why_it_pays_nothing() -> None:
    assert ending(replace(MINE, state="settled"), ME) is None
    assert ending(replace(THEIRS, state="settled"), ME) == f"0x{OTHER.hex()} was paid for it"
    assert ending(replace(MINE, state="expired"), ME) == "the job was expired"


def test_a_job_is_ours_while_we_hold_it_or_our_claim_is_on_its_way() -> None:
    assert is_ours(CLAIMED, OPEN, ME, NOW)
    assert is_ours(GENERATED, MINE, ME, NOW)
    assert not is_ours(ACCEPTED, OPEN, ME, NOW)
    assert not is_ours(CLAIMED, THEIRS, ME, NOW)
    assert not is_ours(replace(CLAIMED, end=Abandoned("x")), MINE, ME, NOW)
