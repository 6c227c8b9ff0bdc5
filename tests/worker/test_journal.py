"""The journal: what was recorded decides where a job stands, before and after a restart."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.facts import Wei
from domain.ledger import Conflict, Ledger
from tests.worker.test_deciding import ANSWER
from worker.journal import (
    KINDS,
    Abandoned,
    AnswerMade,
    AnswerSent,
    ClaimLost,
    ClaimSent,
    DocumentPublished,
    JobAccepted,
    Journal,
    ReceiptProved,
    Settled,
    SettlementRefused,
    SettlementSent,
    Work,
    WorkFact,
    fold,
)

CHAIN, COORDINATOR, WORKER = 31337, b"\x01" * 20, b"\x11" * 20
RECEIPT = ReceiptProved(b"\x07" * 256, Wei(2**70), Wei(2**250), "QmDocument")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'journal.db'}", KINDS)
    yield ledger
    ledger.close()


def load(ledger: Ledger) -> Journal:
    return Journal.load(ledger, CHAIN, COORDINATOR, WORKER)


def walk(*facts: WorkFact) -> Work:
    work = None
    for version, fact in enumerate([JobAccepted(1, 5), *facts], start=1):
        work = fold(work, fact, version)
    assert work is not None
    return work


def test_nothing_is_known_of_a_job_before_it_is_accepted() -> None:
    assert fold(None, ClaimSent("claim"), 1) is None


def test_each_fact_moves_the_work_on() -> None:
    work = walk(ClaimSent("claim"), ANSWER, RECEIPT, SettlementSent("settle", 3), Settled())
    assert (work.claim, work.answer, work.receipt) == (ClaimSent("claim"), ANSWER, RECEIPT)
    assert (work.settlement, work.end, work.version) == (SettlementSent("settle", 3), Settled(), 6)


def test_a_lost_claim_keeps_the_answer_and_its_proof() -> None:
    work = walk(ClaimSent("claim"), ANSWER, RECEIPT, AnswerSent("answer"), SettlementSent("settle", 0), ClaimLost("x"))
    assert (work.claim, work.answer_sent, work.settlement) == (None, None, None)
    assert (work.answer, work.receipt) == (ANSWER, RECEIPT)


def test_every_attempt_is_counted_so_that_its_key_is_new() -> None:
    work = walk(ClaimSent("1"), ClaimLost("x"), ClaimSent("2"), SettlementSent("1", 0), SettlementRefused("y"))
    assert (work.claims, work.settlements, work.refusal) == (2, 1, "y")


def test_a_second_answer_changes_nothing() -> None:
    second = AnswerMade(**{name: getattr(ANSWER, name) for name in ANSWER.__struct_fields__} | {"text": "London"})
    assert walk(ANSWER, second).answer == ANSWER


async def test_a_journal_that_is_loaded_again_stands_where_it_stood(ledger: Ledger) -> None:
    journal = load(ledger)
    await journal.record({1: JobAccepted(1, 5), 2: JobAccepted(2, 6)})
    await journal.record({1: ClaimSent("both"), 2: ClaimSent("both")})
    await journal.record({1: ANSWER})
    await journal.record({1: RECEIPT})
    await journal.record({2: Abandoned("lost")})
    again = load(ledger)
    assert list(again) == list(journal)
    assert again.get(2) == journal.get(2)
    assert again.unpublished() == journal.unpublished()
    assert [work.job_id for work in again] == [1]


async def test_a_batch_is_recorded_whole_or_not_at_all(ledger: Ledger) -> None:
    one, other = load(ledger), load(ledger)
    await one.record({1: JobAccepted(1, 5)})
    with pytest.raises(Conflict):
        await other.record({2: JobAccepted(2, 5), 1: JobAccepted(1, 5)})
    assert [work.job_id for work in load(ledger)] == [1]


async def test_facts_of_one_job_recorded_at_once_take_their_turns(ledger: Ledger) -> None:
    journal = load(ledger)
    await journal.record({1: JobAccepted(1, 5)})
    await asyncio.gather(*[journal.record({1: ClaimSent(str(number))}) for number in range(8)])
    work = load(ledger).get(1)
    assert work is not None
    assert work.claims == 8


async def test_other_workers_and_coordinators_keep_journals_of_their_own(ledger: Ledger) -> None:
    await load(ledger).record({1: JobAccepted(1, 5)})
    assert list(Journal.load(ledger, CHAIN, COORDINATOR, b"\x12" * 20)) == []
    assert list(Journal.load(ledger, 1, COORDINATOR, WORKER)) == []


async def test_a_batch_is_found_by_its_key_in_the_order_it_was_sent(ledger: Ledger) -> None:
    journal = load(ledger)
    await journal.record({number: JobAccepted(number, 5) for number in (1, 2, 3)})
    await journal.record({3: SettlementSent("s", 0), 1: SettlementSent("s", 1), 2: SettlementSent("t", 0)})
    assert [work.job_id for work in journal.sharing_settlement("s")] == [3, 1]


async def test_a_receipt_is_to_be_published_until_it_was_even_when_the_job_has_ended(ledger: Ledger) -> None:
    journal = load(ledger)
    await journal.record({1: JobAccepted(1, 5)})
    await journal.record({1: ANSWER})
    await journal.record({1: RECEIPT})
    await journal.record({1: Settled()})
    assert [work.receipt for work in load(ledger).unpublished()] == [RECEIPT]
    await journal.record({1: DocumentPublished()})
    assert journal.unpublished() == []
    assert load(ledger).unpublished() == []


FACTS = st.lists(
    st.sampled_from(
        [
            ClaimSent("claim"),
            ClaimLost("x"),
            ANSWER,
            AnswerSent("answer"),
            RECEIPT,
            DocumentPublished(),
            SettlementSent("settle", 0),
            SettlementRefused("y"),
            Settled(),
        ]
    ),
    max_size=12,
)


@given(FACTS)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_an_answer_once_made_stays_and_attempts_never_go_back(facts: list[WorkFact]) -> None:
    before = walk()
    for count in range(1, len(facts) + 1):
        after = walk(*facts[:count])
        assert before.answer is None or after.answer == before.answer
        assert after.claims >= before.claims
        assert after.settlements >= before.settlements
        assert after.version == before.version + 1
        before = after
