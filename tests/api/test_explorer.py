"""/explorer/v1: pages that neither skip nor double, items, and answers that say at which head they were given."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from domain.facts import JobRequested, JobTermsFixed, Wei
from tests.api.chain import GATEWAY, MODEL, SIGNING
from tests.api.conftest import House, Standing

Ask = Callable[..., httpx.Response]


def walk(http: httpx.Client, path: str, **params: Any) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    pages, cursor = [], None
    while True:
        answer = http.get(path, params=params | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["data"])
        cursor = answer.json()["next"]
        if cursor is None:
            return pages


def test_a_walk_shows_every_job_once_newest_first(standing: Standing) -> None:
    pages = walk(standing.http, "/explorer/v1/jobs", limit=2)
    assert [[job["job_id"] for job in page] for page in pages] == [["5", "4"], ["3", "2"], ["1"]]


def test_jobs_that_come_during_a_walk_do_not_disturb_it(http: httpx.Client, ask: Ask) -> None:
    for _ in range(4):
        ask()
    first = http.get("/explorer/v1/jobs", params={"limit": 2}).json()
    ask()
    second = http.get("/explorer/v1/jobs", params={"limit": 2, "cursor": first["next"]}).json()
    assert [job["job_id"] for job in second["data"]] == ["2", "1"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"state": "open"}, ["5", "4"]),
        ({"state": "settled"}, ["1"]),
        ({"worker": "0x" + SIGNING.hex().upper()}, ["2", "1"]),
        ({"controller": "0x" + GATEWAY.hex()}, ["5", "4", "3", "2", "1"]),
        ({"controller": "0x" + "00" * 20}, []),
        ({"model_id": MODEL, "state": "cancelled"}, ["3"]),
    ],
)
def test_filters_narrow_a_list(standing: Standing, params: dict[str, str], expected: list[str]) -> None:
    jobs = standing.http.get("/explorer/v1/jobs", params=params).json()["data"]
    assert [job["job_id"] for job in jobs] == expected


def test_a_cursor_belongs_to_its_list_and_filters(standing: Standing) -> None:
    cursor = standing.http.get("/explorer/v1/jobs", params={"limit": 2}).json()["next"]
    for path, params in (("jobs", {"state": "open"}), ("receipts", {}), ("blocks", {})):
        refused = standing.http.get(f"/explorer/v1/{path}", params={"cursor": cursor, **params})
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/bad-cursor")


@pytest.mark.parametrize("cursor", ["x", "é", "AAAA", "a" * 1025, "lA"])
def test_a_strange_cursor_is_refused(standing: Standing, cursor: str) -> None:
    assert standing.http.get("/explorer/v1/jobs", params={"cursor": cursor}).status_code == 400


def test_a_walk_whose_ground_was_reorganised_away_is_told_to_begin_again(
    http: httpx.Client, ask: Ask, house: House
) -> None:
    house.chain.unfinal = True
    for _ in range(3):
        ask()
    page = http.get("/explorer/v1/jobs", params={"limit": 1}).json()
    house.chain.reorganise(page["head"]["number"])
    refused = http.get("/explorer/v1/jobs", params={"limit": 1, "cursor": page["next"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/ground-moved")


def test_every_item_is_found_under_its_name(standing: Standing) -> None:
    block = standing.http.get("/explorer/v1/blocks").json()["data"][0]
    found = {
        f"/explorer/v1/blocks/{block['number']}": ("hash", block["hash"]),
        f"/explorer/v1/blocks/{block['hash']}": ("number", block["number"]),
        "/explorer/v1/jobs/2": ("state", "claimed"),
        "/explorer/v1/receipts/1": ("state", "verified"),
        f"/explorer/v1/nodes/0x{SIGNING.hex()}": ("earned", "130"),
        f"/explorer/v1/models/{MODEL}": ("price_prompt_token", "10"),
        "/explorer/v1/stats": ("jobs", 5),
    }
    for path, (name, value) in found.items():
        answer = standing.http.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"][name] == value


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("blocks/77", 404),
        ("blocks/0x" + "ab" * 32, 404),
        ("blocks/latest", 400),
        ("jobs/77", 404),
        ("jobs/-1", 400),
        ("jobs/99999999999999999999", 400),
        ("receipts/2", 404),
        ("nodes/0x" + "ab" * 20, 404),
        ("nodes/alice", 400),
        ("models/gpt-9", 404),
        ("jobs?state=done", 400),
        ("jobs?limit=0", 400),
        ("jobs?limit=1001", 400),
        ("jobs?limit=ten", 400),
        ("jobs?worker=0x12", 400),
        ("nodes?state=open", 400),
        ("models?is_active=perhaps", 400),
        ("reconciliation?block=-1", 400),
        ("reconciliation?block=0", 404),
    ],
)
def test_bad_identifiers_and_filters_are_refused_by_kind(standing: Standing, path: str, status: int) -> None:
    refused = standing.http.get(f"/explorer/v1/{path}")
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json"), refused.text
    assert refused.json()["remedy"]


def test_numbers_that_json_readers_would_round_are_text_and_times_are_utc(standing: Standing) -> None:
    job = standing.http.get("/explorer/v1/jobs/1").json()["data"]
    assert (job["amount"], job["escrow"].isdigit(), job["requested_at"][-1]) == ("130", True, "Z")


def test_an_answer_says_its_head_and_is_not_sent_again_while_that_holds(http: httpx.Client, ask: Ask) -> None:
    first = http.get("/explorer/v1/jobs")
    head = first.json()["head"]
    assert first.headers["tally-head"] == f"{head['number']} {head['hash']}"
    assert first.headers["tally-finality"].startswith(f"{head['final']} 0x")
    same = {"If-None-Match": first.headers["etag"]}
    unchanged = http.get("/explorer/v1/jobs", headers=same)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert http.get("/explorer/v1/jobs", params={"limit": 1}, headers=same).status_code == 200
    ask()
    assert http.get("/explorer/v1/jobs", headers=same).status_code == 200


def test_rows_at_the_tip_say_that_they_are_not_final(http: httpx.Client, ask: Ask, house: House) -> None:
    house.chain.unfinal = True
    ask()
    jobs = http.get("/explorer/v1/jobs").json()
    assert jobs["data"][0]["is_final"] is False
    assert jobs["head"]["final"] == jobs["head"]["number"] - 1


def test_the_books_are_shown_beside_the_contracts_own(standing: Standing) -> None:
    books = standing.http.get("/explorer/v1/reconciliation").json()["data"]
    assert books["balanced"] is True
    assert books["indexed"] == books["contracts"]
    assert int(books["indexed"]["credit"]) > 0


def test_books_that_differ_are_said_to(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    honest = house.chain.books

    async def short(block_hash: bytes) -> Any:
        return replace(await honest(block_hash), coordinator_balance=1)

    house.chain.books = short  # type: ignore[method-assign]
    books = http.get("/explorer/v1/reconciliation").json()["data"]
    assert books["balanced"] is False
    assert books["surplus"].startswith("-")


def test_a_deadline_beyond_the_calendar_is_shown_as_its_end(http: httpx.Client, house: House) -> None:
    house.chain.mine(
        JobRequested(9, GATEWAY, "QmP", MODEL, "QmM"),
        JobTermsFixed(9, GATEWAY, bytes(20), 0, Wei(5), 1, Wei(1), Wei(1), 2**40, 1),
    )
    assert http.get("/explorer/v1/jobs/9").json()["data"]["deadline"] == "9999-12-31T23:59:59Z"
