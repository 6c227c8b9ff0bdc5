import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.budget import Budget
from chain.gate import Gate
from chain.pacing import Pace


def test_more_is_asked_for_by_steps_and_less_by_halves() -> None:
    pace = Pace(1, 1000, 100, step=10)
    assert pace.grown().grown().now == 120
    assert pace.shrunk().now == 50


def test_what_a_provider_suggests_is_asked_for() -> None:
    assert Pace(1, 1000, 100).shrunk(suggested=70).now == 70


@pytest.mark.parametrize("useless", [100, 101, 0, -5])
def test_a_suggestion_that_is_not_less_than_what_was_refused_is_not_followed(useless: int) -> None:
    assert Pace(1, 1000, 100).shrunk(useless).now == 50


def test_a_lasting_limit_is_not_tried_to_exceed_again() -> None:
    pace = Pace(1, 1000, 100).shrunk(suggested=70, is_lasting=True)
    assert pace.grown().now == 70


def test_a_late_refusal_of_what_was_asked_before_does_not_shrink_further() -> None:
    pace = Pace(1, 1000, 20)
    assert pace.shrunk(asked=100).now == 20


def test_a_pace_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="5 by 1, between 10 and 20"):
        Pace(10, 20, 5)


@given(st.lists(st.one_of(st.none(), st.integers(-3, 300), st.booleans()), max_size=60))
def test_a_pace_stays_within_its_bounds_and_ends_at_the_least(turns: list[int | bool | None]) -> None:
    pace = Pace(3, 200, 50, step=7)
    for turn in turns:
        pace = pace.grown() if turn is True else pace.shrunk(turn or None)
        assert pace.least <= pace.now <= pace.most <= 200
    for _ in range(10):
        pace = pace.shrunk()
    assert pace.is_least


def test_a_budget_grants_a_seconds_worth_at_once_and_the_rest_in_time() -> None:
    budget = Budget(10)
    assert [budget.take(1, 5.0) for _ in range(10)] == [0] * 10
    assert budget.take(1, 5.0) == pytest.approx(0.1)
    assert budget.take(1, 5.0) == pytest.approx(0.2)
    assert budget.take(5, 60.0) == 0, "and after a quiet time a second's worth again, not more"
    assert budget.take(6, 60.0) == pytest.approx(0.1)


def test_calls_that_were_not_made_are_given_back() -> None:
    budget = Budget(10)
    assert budget.take(30, 0.0) == pytest.approx(2)
    budget.give_back(25)
    assert budget.take(5, 0.0) == 0


def test_without_a_budget_nothing_waits() -> None:
    assert [Budget(None).take(1000, 0.0) for _ in range(3)] == [0] * 3


def test_a_budget_below_one_a_second_lets_the_first_through() -> None:
    budget = Budget(0.5)
    assert [budget.take(1, 0.0), budget.take(1, 0.0)] == [0, pytest.approx(2)]


async def test_a_gate_lets_the_rest_wait_and_widens_after_a_round_of_answers() -> None:
    gate, inside, release = Gate(2, 4), 0, asyncio.Event()

    async def ask() -> None:
        nonlocal inside
        async with gate:
            inside += 1
            await release.wait()

    asking = [asyncio.create_task(ask()) for _ in range(8)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert inside == 2
    gate.widen()
    assert inside == 2
    gate.widen()
    await asyncio.sleep(0)
    assert inside == 3
    release.set()
    await asyncio.gather(*asking)
    assert inside == 8


async def test_a_gate_that_narrowed_lets_nobody_in_until_enough_have_left() -> None:
    gate = Gate(4, 8)
    for _ in range(4):
        await gate.__aenter__()
    gate.narrow()
    waiting = asyncio.create_task(gate.__aenter__())
    for _ in range(3):
        await gate.__aexit__(None, None, None)
        await asyncio.sleep(0)
        assert waiting.done() == (_ == 2)


async def test_one_who_gives_up_waiting_takes_no_place() -> None:
    gate = Gate(1, 1)
    await gate.__aenter__()
    impatient, patient = asyncio.create_task(gate.__aenter__()), asyncio.create_task(gate.__aenter__())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    await gate.__aexit__(None, None, None)
    async with asyncio.timeout(1):
        await patient
