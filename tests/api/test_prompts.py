"""POST /v1/prompts and what follows: one job for one key, and answers that a stranger can act on."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from domain.facts import ModelActivated
from tests.api.chain import MODEL, PRICES
from tests.api.conftest import House, Standing

Ask = Callable[..., httpx.Response]


def test_an_order_is_answered_with_a_job_that_is_already_indexed(http: httpx.Client, ask: Ask, house: House) -> None:
    made = ask(max_tokens=16)
    assert made.status_code == 201
    job = made.json()
    assert made.headers["location"] == f"/v1/prompts/{job['job_id']}"
    assert http.get(f"/explorer/v1/jobs/{job['job_id']}").json()["data"]["state"] == "open"
    assert house.content.read(job["prompt_cid"]).startswith(b'{"max_tokens":16')


def test_a_plain_prompt_is_stored_as_plain_text(ask: Ask, house: House) -> None:
    job = ask("Grüße, 世界").json()
    assert house.content.read(job["prompt_cid"]) == "Grüße, 世界".encode()


def test_the_escrow_is_what_the_order_may_cost_at_most(ask: Ask) -> None:
    job = ask("abc", max_tokens=16).json()
    prompt_tokens = 3 + 16 + 64
    assert job["escrow"] == str(prompt_tokens * PRICES[0] + 16 * PRICES[1])


def test_a_replay_gives_the_first_answer_and_sends_nothing(ask: Ask, house: House) -> None:
    first = ask(key="one")
    again = ask(key="one")
    assert (again.status_code, again.content) == (201, first.content)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(house.chain.sent) == 1


def test_a_replay_gives_the_first_answer_after_the_job_went_on(ask: Ask, house: House) -> None:
    first = ask(key="one")
    house.chain.claim(1)
    assert ask(key="one").content == first.content


def test_a_key_with_another_body_is_refused(ask: Ask, house: House) -> None:
    ask(key="one")
    other = ask("Another question", key="one")
    assert other.status_code == 409
    assert other.json()["type"] == "/problems/key-reused"
    assert len(house.chain.sent) == 1


def test_a_replay_is_answered_even_if_the_order_would_be_refused_now(ask: Ask, house: House) -> None:
    first = ask(key="one")
    house.chain.mine(ModelActivated(MODEL, False))
    assert ask(key="two", model=MODEL).json()["type"] == "/problems/inactive-model"
    assert ask(key="one").content == first.content


def test_a_job_is_read_back_with_its_answer_and_receipt(http: httpx.Client, ask: Ask, house: House) -> None:
    job_id = ask(max_tokens=16).json()["job_id"]
    house.chain.claim(1)
    answer_cid = house.content.write(b"Rayleigh scattering.")
    house.chain.settle(1, answer_cid, (5, 4))
    job = http.get(f"/v1/prompts/{job_id}").json()
    assert (job["state"], job["answer"], job["amount"]) == ("settled", "Rayleigh scattering.", "130")
    assert job["receipt"]["state"] == "verified"
    assert job["receipt"]["commitment"] == "0x" + f"{9:064x}"


def test_waiting_ends_with_the_job(http: httpx.Client, ask: Ask, house: House) -> None:
    job_id = ask().json()["job_id"]
    threading.Timer(0.3, lambda: house.chain.cancel(1)).start()
    waited = http.get(f"/v1/prompts/{job_id}", params={"wait": 8})
    assert waited.json()["state"] == "cancelled"
    assert waited.elapsed.total_seconds() < 5


def test_waiting_ends_with_the_time(http: httpx.Client, ask: Ask) -> None:
    job_id = ask().json()["job_id"]
    assert http.get(f"/v1/prompts/{job_id}", params={"wait": 0.1}).json()["state"] == "open"


def test_a_chain_that_does_not_answer_gives_the_key_to_come_back_with(ask: Ask, house: House) -> None:
    house.chain.down = True
    down = ask(key="mine")
    assert (down.status_code, down.headers["retry-after"]) == (503, "1")
    house.chain.down = False
    assert ask(key="mine").status_code == 201
    assert len(house.chain.sent) == 1


def test_evidence_is_refused_until_the_job_is_settled(http: httpx.Client, ask: Ask) -> None:
    job_id = ask().json()["job_id"]
    refused = http.get(f"/v1/prompts/{job_id}/evidence")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-settled-yet")


def test_a_quote_is_the_price_of_all_tokens(http: httpx.Client) -> None:
    quote = http.get("/v1/quote", params={"prompt_tokens": 100, "max_tokens": 50}).json()
    assert quote["amount"] == str(100 * PRICES[0] + 50 * PRICES[1])


GOOD: dict[str, Any] = {"prompt": "Why?"}
BAD_ORDERS = [
    ({}, "either `messages` or `prompt`"),
    ({"prompt": ""}, "empty"),
    ({"prompt": " \n"}, "empty"),
    ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "not both"),
    ({"prompt": "x" * 70_000}, "at most 65536"),
    ({**GOOD, "model": "smollm2-135m"}, "no model 'smollm2-135m'"),
    ({**GOOD, "max_tokens": 0}, "max_tokens"),
    ({**GOOD, "max_tokens": 100_000}, "allows 1 to 512"),
    ({**GOOD, "max_tokens": "many"}, "max_tokens"),
    ({**GOOD, "temperature": 7}, "temperature"),
    ({**GOOD, "top_p": 0}, "top_p"),
    ({**GOOD, "stop": [""]}, "stop sequence is empty"),
    ({**GOOD, "stop": ["x"] * 17}, "stop"),
    ({**GOOD, "seed": -1}, "seed"),
    ({**GOOD, "value": "5"}, "may cost"),
    ({**GOOD, "value": "-5"}, "value"),
    ({**GOOD, "value": 5}, "value"),
    ({**GOOD, "tempature": 1}, "tempature"),
    ({"messages": [{"role": "boss", "content": "b"}]}, "role"),
    ({"messages": []}, "empty"),
    ([], "object"),
    ("Why?", "object"),
    (None, "object"),
]


@pytest.mark.parametrize(("body", "words"), BAD_ORDERS, ids=range(len(BAD_ORDERS)))
def test_a_bad_order_is_refused_with_what_is_wrong(standing: Standing, body: Any, words: str) -> None:
    before = standing.house.ledger.position(), standing.house.chain.places
    refused = standing.http.post("/v1/prompts", json=body)
    assert refused.status_code == 400, refused.text
    problem = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert words in problem["detail"], problem
    assert problem["remedy"]
    assert problem["instance"] == "/v1/prompts"
    assert (standing.house.ledger.position(), standing.house.chain.places) == before


def test_a_small_value_is_told_what_would_do(standing: Standing) -> None:
    enough_for_8 = (4 + 16 + 64) * PRICES[0] + 8 * PRICES[1]
    refused = standing.http.post("/v1/prompts", json={"prompt": "Why?", "max_tokens": 16, "value": str(enough_for_8)})
    assert refused.json()["remedy"].startswith("Lower max_tokens to 8, or raise value to ")


def test_a_misspelt_model_is_answered_with_the_right_name(standing: Standing) -> None:
    refused = standing.http.post("/v1/prompts", json={"prompt": "Why?", "model": "smolm2-135m-instruct"})
    assert refused.json()["remedy"] == f"Did you mean {MODEL!r}?"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"prompt": "\xff\xfe"}', b'{"prompt": "\\ud800"}', b"\x00", b'{"prompt":"a"}x', b"[" * 100_000],
    ids=["empty", "cut", "not UTF-8", "lone surrogate", "zero", "trailing", "deep"],
)
def test_a_body_that_is_no_json_is_refused(standing: Standing, content: bytes) -> None:
    refused = standing.http.post("/v1/prompts", content=content, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json"), refused.text


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9"])
def test_a_malformed_key_is_refused(standing: Standing, key: str) -> None:
    refused = standing.http.post("/v1/prompts", json=GOOD, headers={b"Idempotency-Key": key.encode()})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/bad-key")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/prompts/77", 404),
        ("/v1/prompts/77/events", 404),
        ("/v1/prompts/77/evidence", 404),
        ("/v1/prompts/seven", 404),
        ("/v1/prompts/-1", 400),
        ("/v1/prompts/99999999999999999999999999", 400),
        ("/v1/prompts/1?wait=-1", 400),
        ("/v1/prompts/1?wait=long", 400),
        ("/v1/prompts/1?wait=nan", 400),
        ("/v1/quote", 400),
        ("/v1/quote?prompt_tokens=-1", 400),
        ("/v1/quote?prompt_tokens=1&max_tokens=0", 400),
        ("/v1/quote?prompt_tokens=1&model=gpt-9", 400),
    ],
)
def test_bad_parameters_are_refused_by_kind(standing: Standing, path: str, status: int) -> None:
    refused = standing.http.get(path)
    assert refused.status_code == status, refused.text
    assert set(refused.json()) == {"type", "title", "status", "detail", "remedy", "instance"}
