"""What the chain says of a job, as its readers hear it: told once, and taken back only when it no longer holds."""

from msgspec.structs import replace

from api.service.telling import Event, Told, difference, told_by_chain
from indexer.explorer.rows import JobRow

WORKER, OTHER = "0x" + "aa" * 20, "0x" + "bb" * 20
CLAIMED = JobRow(
    job_id=7,
    state="claimed",
    controller="0x" + "cc" * 20,
    refund_to="0x" + "cc" * 20,
    model_id="m",
    model_cid="QmModel",
    prompt_cid="QmPrompt",
    reserved_until=None,
    escrow=1000,
    max_tokens=10,
    price_prompt_token=1,
    price_completion_token=1,
    deadline=2_000_000_000,
    verifier_version=1,
    claims=1,
    requested_at=1_700_000_000,
    requested_tx="0x01",
    block=5,
    worker=WORKER,
    lease_until=1_800_000_000,
)
SETTLED = replace(CLAIMED, state="settled", lease_until=None, response_cid="QmAnswer", amount=5, refund=995, block=6)


def heard(told: list[Told]) -> list[Event]:
    return [Event(number, each.name, each.data, "chain", 0) for number, each in enumerate(told, 1)]


def test_a_claim_still_stands_when_the_lease_ends_with_the_settlement() -> None:
    withdrawn, fresh = difference(heard(told_by_chain(CLAIMED)), told_by_chain(SETTLED))
    assert withdrawn == []
    assert [each.name for each in fresh] == ["answered", "settled", "indexed"]


def test_a_claim_by_another_takes_back_the_first_and_what_its_worker_said() -> None:
    story = heard(told_by_chain(CLAIMED))
    story.append(Event(3, "token", {"seq": 0, "text": "so"}, "worker", 0))
    withdrawn, fresh = difference(story, told_by_chain(replace(CLAIMED, worker=OTHER, claims=2)))
    assert [each.name for each in withdrawn] == ["claimed", "token"]
    assert fresh == [Told("claimed", {"worker": OTHER, "claim": 2})]


def test_a_second_claim_by_the_same_worker_is_told_as_another() -> None:
    withdrawn, fresh = difference(heard(told_by_chain(CLAIMED)), told_by_chain(replace(CLAIMED, claims=2)))
    assert [each.name for each in withdrawn] == ["claimed"]
    assert [each.name for each in fresh] == ["claimed"]
