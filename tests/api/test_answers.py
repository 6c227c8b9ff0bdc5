"""Answers that were given: kept while their grounds stand still, in bounded memory."""

import asyncio

from api.explorer.answers import Answer, Answers
from api.explorer.grounds import ANYTHING, HELD, Ground, Question, grounds_of
from indexer.explorer.rows import DocumentRow, JobRow, ReceiptRow

JOB_5: Ground = (JobRow, 5)
HEADERS = ((b"content-type", b"application/json"),)


def answer(size: int = 10) -> Answer:
    return Answer(HEADERS, b"x" * size, b"")


def give(answers: Answers, path: str, *grounds: Ground, size: int = 10) -> None:
    answers.finish(answers.begin((path, b""), grounds), answer(size))


def kept(answers: Answers, path: str) -> bool:
    slot = answers.find((path, b""))
    return slot is not None and slot.answer is not None


def test_an_answer_is_kept_until_a_ground_of_it_moves() -> None:
    answers = Answers(10_000)
    give(answers, "/5", JOB_5)
    give(answers, "/6", (JobRow, 6))
    answers.forget([JOB_5, (JobRow, 7)])
    assert not kept(answers, "/5")
    assert kept(answers, "/6")


def test_an_answer_that_was_read_before_a_change_is_not_kept_after_it() -> None:
    answers = Answers(10_000)
    slot = answers.begin(("/5", b""), (JOB_5,))
    answers.forget([JOB_5])
    answers.finish(slot, answer())
    assert not kept(answers, "/5")
    assert answers.bytes == 0


def test_what_was_not_answered_well_is_asked_again() -> None:
    answers = Answers(10_000)
    answers.finish(answers.begin(("/5", b""), (JOB_5,)), None)
    assert len(answers) == 0


def test_memory_is_bounded_and_what_is_asked_for_stays_longest() -> None:
    answers = Answers(20_000)
    give(answers, "/popular", JOB_5, size=300)
    for i in range(100):
        give(answers, f"/{i}", (JobRow, i), size=300)
        assert answers.bytes <= 20_000
        assert kept(answers, "/popular")
    assert len(answers) == 20
    answers.forget_all()
    assert (answers.bytes, len(answers)) == (0, 0)


def test_nothing_is_left_of_grounds_on_which_nothing_stands() -> None:
    answers = Answers(10_000)
    give(answers, "/receipts", (ReceiptRow, HELD, "0xaa"), (DocumentRow,))
    answers.forget([(DocumentRow,)])
    assert answers._standing == {}


def test_who_asks_the_same_meanwhile_gets_the_same_answer() -> None:
    async def ask_twice() -> Answer | None:
        answers = Answers(10_000)
        slot = answers.begin(("/5", b""), (JOB_5,))
        slot.waiting = asyncio.get_running_loop().create_future()
        answers.finish(slot, answer())
        return await slot.waiting

    found = asyncio.run(ask_twice())
    assert found is not None
    assert found.body.plain == answer().body.plain


def test_an_answer_stands_on_no_more_than_it_tells() -> None:
    jobs = "/explorer/v1/jobs"
    assert grounds_of(Question(jobs + "/{job_id}", {"job_id": 5}, b"")) == (JOB_5,)
    assert grounds_of(Question(jobs, {}, b"limit=20")) == ((JobRow,),)
    assert grounds_of(Question(jobs, {}, b"controller=0xAA&limit=20")) == ((JobRow, HELD, "0xaa"),)
    receipts = grounds_of(Question("/explorer/v1/receipts", {}, b"worker=0xaa"))
    assert receipts == ((ReceiptRow, HELD, "0xaa"), (DocumentRow,))


def test_what_asks_for_more_than_rows_as_they_are_stands_on_everything() -> None:
    for query in (b"as_of=5", b"include=receipt", b"%61s_of=5"):
        assert grounds_of(Question("/explorer/v1/jobs", {}, query)) == (ANYTHING,)
    assert grounds_of(Question("/explorer/v1/jobs/{job_id}", {"job_id": 5}, b"as_of=5")) == (ANYTHING,)
    assert grounds_of(Question("/explorer/v1/stats", {}, b"")) == (ANYTHING,)


def test_what_lasts_may_be_said_while_it_is_answered_anew_until_the_chain_takes_it_back() -> None:
    answers = Answers(10_000)
    asked = ("/stats", b"")
    answers.finish(answers.begin(asked, (ANYTHING,), lasts=True), answer())
    since = []
    for _ in range(2):
        answers.forget([ANYTHING])
        slot = answers.begin(asked, (ANYTHING,), lasts=True)
        assert slot.before is not None
        since.append(slot.before.since)
    assert since[0] == since[1]
    answers.forget([ANYTHING])
    answers.forget_all()
    assert answers.begin(asked, (ANYTHING,), lasts=True).before is None
