"""Which jobs a worker takes: a table of what speaks against one, and of how long an answer may be."""

import pytest
from msgspec.structs import replace

from domain.gas import JOB_GAS, least_pay
from receipts.request import SCHEMA, Request
from worker.board import Job
from worker.intake import Declined, Terms, Unprofitable, completion_budget, sampling_for, screen, screen_prompt

TERMS = Terms(
    worker=b"\x11" * 20,
    model_cid="QmModel",
    verifier_version=1,
    context_tokens=100,
    gas_cover_percent=100,
    prompt_bytes_max=1000,
)
JOB = Job(
    job_id=7,
    controller=b"\x33" * 20,
    model_id="model",
    model_cid="QmModel",
    prompt_cid="QmPrompt",
    deadline=1000,
    escrow=least_pay(1, 100),
    max_tokens=64,
    price_prompt_token=2,
    price_completion_token=10,
    verifier_version=1,
)


def test_a_job_within_every_limit_is_taken() -> None:
    screen(JOB, TERMS, gas_price=1, now=100)
    screen_prompt(JOB, TERMS, prompt_tokens=20)


@pytest.mark.parametrize(
    ("change", "now", "why"),
    [
        ({"model_cid": "QmOther"}, 100, r"it wants model model \(QmOther\), this worker runs QmModel"),
        ({"verifier_version": 2}, 100, "bound to verifier 2, this worker proves for 1"),
        ({"deadline": 104}, 100, "4 s are left until its deadline"),
        ({"deadline": 50}, 100, "0 s are left"),
    ],
)
def test_what_can_be_said_before_the_prompt_is_read(change: dict[str, object], now: float, why: str) -> None:
    with pytest.raises(Declined, match=why):
        screen(replace(JOB, **change), TERMS, 0, now)


def test_a_job_must_pay_for_the_gas_of_its_transactions() -> None:
    with pytest.raises(Unprofitable, match=f"it pays {JOB.escrow} wei at most, {2 * JOB_GAS} are the least"):
        screen(JOB, TERMS, gas_price=2, now=100)


def test_the_share_of_gas_that_a_job_must_cover_is_a_choice() -> None:
    screen(JOB, replace(TERMS, gas_cover_percent=50), gas_price=2, now=100)
    screen(JOB, replace(TERMS, gas_cover_percent=0), gas_price=10**18, now=100)


@pytest.mark.parametrize(
    ("change", "prompt_tokens", "why"),
    [
        ({}, 100, "its prompt has 100 tokens, the context holds 100"),
        ({"escrow": 49}, 20, "its escrow of 49 wei is less than 20 prompt tokens and an answer cost: 50"),
        ({"escrow": 0, "price_prompt_token": 0}, 1, "its escrow of 0 wei"),
    ],
)
def test_what_can_be_said_once_the_prompt_was_counted(change: dict[str, object], prompt_tokens: int, why: str) -> None:
    with pytest.raises(Declined, match=why):
        screen_prompt(replace(JOB, **change), TERMS, prompt_tokens)


def test_a_job_that_pays_for_one_token_is_enough() -> None:
    screen_prompt(replace(JOB, escrow=50), TERMS, 20)


@pytest.mark.parametrize(
    ("change", "prompt_tokens", "wanted", "budget"),
    [
        ({}, 10, None, 64),
        ({}, 10, 5, 5),
        ({}, 90, None, 10),
        ({"escrow": 130}, 10, None, 11),
        ({"escrow": 19}, 10, None, 0),
        ({"price_completion_token": 0, "escrow": 20}, 10, None, 64),
        ({"price_completion_token": 0, "escrow": 19}, 10, None, 0),
        ({"price_completion_token": 0, "price_prompt_token": 0, "escrow": 0}, 10, None, 64),
    ],
)
def test_an_answer_is_as_long_as_asked_allowed_fitting_and_paid_for(
    change: dict[str, object], prompt_tokens: int, wanted: int | None, budget: int
) -> None:
    assert completion_budget(replace(JOB, **change), 100, prompt_tokens, wanted) == budget


def test_what_a_request_leaves_open_is_greedy() -> None:
    plain = sampling_for(Request(schema=SCHEMA, prompt="Hello"), 12)
    assert (plain.temperature, plain.top_p, plain.max_tokens, plain.stop, plain.seed) == (0.0, 1.0, 12, (), None)
    said = sampling_for(Request(schema=SCHEMA, prompt="Hello", temperature=0.7, top_p=0.9, stop=("x",), seed=3), 12)
    assert (said.temperature, said.top_p, said.stop, said.seed) == (0.7, 0.9, ("x",), 3)
