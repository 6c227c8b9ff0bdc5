"""Orders that cannot pay for their gas are declined at once, with the least that would be taken."""

from collections.abc import Callable

import httpx
import pytest
from msgspec.structs import replace

from api.app import create_app
from api.service.orders import Question
from domain.facts import OfferPosted, Wei
from domain.gas import JOB_GAS, least_pay
from receipts.canonical import encode
from receipts.request import SCHEMA, Request
from tests.api.chain import MODEL, OTHER, PRICES, WORKER, until
from tests.api.conftest import SETTINGS, House, serving

Ask = Callable[..., httpx.Response]
ASKED = "/v1/quote?prompt_tokens=100&max_tokens=50"
COST = 100 * PRICES[0] + 50 * PRICES[1]


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gas in amounts that this chain's prices of a few wei can pay."""
    monkeypatch.setattr("domain.gas.JOB_GAS", 10)


@pytest.mark.usefixtures("cheap")
def test_an_order_below_its_gas_is_declined_with_the_least_that_would_be_taken(ask: Ask, house: House) -> None:
    house.chain.gas = 400  # x 10 x 120 % = 4800 wei
    before = house.ledger.position(), house.chain.places
    declined = ask("Why?", max_tokens=16)
    assert declined.status_code == 400
    problem = declined.json()
    assert problem["type"] == "/problems/unprofitable"
    cost = (4 + 16 + 64) * PRICES[0] + 16 * PRICES[1]
    assert f"may cost {cost} wei at most" in problem["detail"]
    assert "for it 4800" in problem["detail"]
    least = 16 + (4800 - cost) // PRICES[1]
    assert problem["remedy"].startswith(f"Raise max_tokens to {least}, and value to 4800")
    assert (house.ledger.position(), house.chain.places) == before
    assert ask("Why?", max_tokens=least - 1).status_code == 400
    assert ask("Why?", max_tokens=least).status_code == 201


@pytest.mark.usefixtures("cheap")
def test_a_value_beyond_what_the_tokens_cost_pays_no_gas(ask: Ask, house: House) -> None:
    house.chain.gas = 400
    assert ask("Why?", max_tokens=16, value="1000000").json()["type"] == "/problems/unprofitable"


def test_where_no_order_of_a_model_pays_for_gas_the_client_is_told_to_wait(ask: Ask, house: House) -> None:
    house.chain.gas = 10**9
    remedy = ask("Why?").json()["remedy"]
    assert f"{least_pay(10**9, 120)} wei are the least" in remedy
    assert remedy.startswith("Wait until gas is cheaper")


def test_a_quote_names_the_floor_and_what_to_do(http: httpx.Client, house: House) -> None:
    house.chain.gas = 1
    quote = http.get(ASKED).json()
    assert quote["gas"] == {"used": JOB_GAS, "price": "1", "cover_percent": 120, "floor": str(least_pay(1, 120))}
    assert (quote["amount"], quote["pays_for_gas"]) == (str(COST), False)
    assert quote["advice"].startswith("Wait until gas is cheaper")


def test_a_quote_that_pays_has_nothing_to_advise(http: httpx.Client) -> None:
    quote = http.get(ASKED).json()
    assert (quote["pays_for_gas"], quote["advice"]) == (True, "")


def test_the_price_of_gas_is_asked_anew_when_it_is_old(http: httpx.Client, house: House) -> None:
    assert http.get(ASKED).json()["gas"]["price"] == "0"
    house.chain.gas = 7
    until(lambda: http.get(ASKED).json()["gas"]["price"] == "7")
    http.get(ASKED)
    assert house.chain.gas_asked == 2


def test_with_a_cover_of_nothing_every_order_is_taken_and_no_price_asked(house: House) -> None:
    house.chain.gas = 10**12
    with (
        serving(create_app(house.parts(replace(SETTINGS, gas_cover_percent=0)))) as url,
        httpx.Client(base_url=url, timeout=10) as http,
    ):
        assert http.post("/v1/prompts", json={"prompt": "Why?"}).status_code == 201
        assert http.get(ASKED).json()["gas"]["floor"] == "0"
    assert house.chain.gas_asked == 0


@pytest.mark.usefixtures("cheap")
def test_a_replay_is_answered_though_gas_has_risen(ask: Ask, house: House) -> None:
    first = ask(key="one")
    house.chain.gas = 10**9
    until(lambda: ask().status_code == 400)
    assert ask(key="one").content == first.content


OFFERED = (3, 400)
RESERVED = "0x" + WORKER.hex()


@pytest.fixture
def offered(house: House) -> None:
    """One node offers the model, at prices of its own."""
    house.chain.mine(OfferPosted(WORKER, MODEL, Wei(OFFERED[0]), Wei(OFFERED[1])))


@pytest.mark.usefixtures("offered")
def test_an_order_for_one_node_is_quoted_by_its_offer_and_reserved_for_it(
    http: httpx.Client, ask: Ask, house: House
) -> None:
    quote = http.get(f"{ASKED}&worker=0x{WORKER.hex().upper()}").json()
    assert quote["amount"] == str(100 * OFFERED[0] + 50 * OFFERED[1])
    assert (quote["price_prompt_token"], quote["price_completion_token"]) == ("3", "400")
    job = ask("Why?", max_tokens=16, worker=RESERVED)
    assert job.status_code == 201
    assert job.json()["escrow"] == str((4 + 16 + 64) * OFFERED[0] + 16 * OFFERED[1])
    assert (house.chain.jobs[1].worker, house.chain.jobs[1].reserved_s) == (WORKER, SETTINGS.reservation_s)
    assert http.get("/explorer/v1/jobs/1").json()["data"]["reserved_for"] == RESERVED


@pytest.mark.usefixtures("offered", "cheap")
def test_an_order_for_one_node_must_pay_for_its_gas_too(ask: Ask, house: House) -> None:
    house.chain.gas = 1000  # x 10 x 120 % = 12000 wei
    declined = ask("Why?", max_tokens=16, worker=RESERVED).json()
    least = 16 + -(-(12_000 - (4 + 16 + 64) * OFFERED[0] - 16 * OFFERED[1]) // OFFERED[1])
    assert declined["type"] == "/problems/unprofitable"
    assert declined["remedy"].startswith(f"Raise max_tokens to {least},")
    assert ask("Why?", max_tokens=least, worker=RESERVED).status_code == 201


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize("worker", ["0x" + OTHER.hex(), "0x" + "77" * 20])
def test_a_node_that_does_not_offer_the_model_gets_no_orders(ask: Ask, worker: str) -> None:
    declined = ask("Why?", worker=worker).json()
    assert (declined["status"], declined["type"]) == (400, "/problems/no-offer")
    assert f"node {worker} does not offer '{MODEL}', it offers nothing" in declined["detail"]


def test_an_order_for_anyone_is_digested_as_it_always_was() -> None:
    request = Request(schema=SCHEMA, prompt="Why?")
    assert b"worker" not in encode(Question(request=request))
    assert b"worker" in encode(Question(request=request, worker=RESERVED))
