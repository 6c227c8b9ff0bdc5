"""as_of over HTTP, and how well founded the index is: checks, gaps, reorganisations, what is parked, digests."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from domain.facts import BlocksChecked, ChainReorganised
from domain.ledger import Recorded
from indexer.explorer.sources import checks, reorgs
from tests.api.chain import CHAIN_ID, GATEWAY, MODEL, SIGNING
from tests.api.conftest import House, Standing

Ask = Callable[..., httpx.Response]
EXPLORER = "/explorer/v1"
LISTS = ("jobs", "receipts", "nodes", "models", "accounts", "blocks", "transactions", "events", "parked")


def as_of(http: httpx.Client, path: str, block: int | str, **params: Any) -> dict[str, Any]:
    answer = http.get(f"{EXPLORER}/{path}", params=params | {"as_of": block})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def head_of(http: httpx.Client) -> dict[str, Any]:
    head: dict[str, Any] = http.get(f"{EXPLORER}/stats").json()["head"]
    return head


def test_lists_items_and_figures_tell_what_they_told_when_the_block_was_the_newest(
    http: httpx.Client, ask: Ask, house: House
) -> None:
    ask()
    ask()
    then = {name: http.get(f"{EXPLORER}/{name}").json() for name in (*LISTS, "stats", "jobs/1")}
    block = head_of(http)
    house.chain.claim(1, worker=SIGNING)
    ask()
    assert http.get(f"{EXPLORER}/jobs/1").json()["data"]["state"] == "claimed"
    for name, told in then.items():
        for asked in (block["number"], block["hash"]):
            again = as_of(http, name, asked)
            assert (again["data"], again["head"]["number"]) == (told["data"], block["number"])
            assert again["head"]["hash"] == block["hash"]
    assert http.get(f"{EXPLORER}/jobs/3", params={"as_of": block["number"]}).status_code == 404


def test_a_walk_through_the_past_is_not_disturbed_and_its_cursor_serves_no_other(http: httpx.Client, ask: Ask) -> None:
    for _ in range(3):
        ask()
    number = head_of(http)["number"]
    first = as_of(http, "jobs", number, limit=2)
    ask()
    second = as_of(http, "jobs", number, limit=2, cursor=first["next"])
    assert [job["job_id"] for job in (*first["data"], *second["data"])] == ["3", "2", "1"]
    refused = http.get(f"{EXPLORER}/jobs", params={"limit": 2, "cursor": first["next"]})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/bad-cursor")


@pytest.mark.parametrize("name", [*LISTS, "stats", "jobs/1", f"models/{MODEL}", "blocks/2"])
@pytest.mark.parametrize(
    ("block", "status", "kind"),
    [
        (10**6, 400, "/problems/as-of-beyond-head"),
        ("0x" + "ab" * 32, 404, "/problems/as-of-unknown"),
        ("yesterday", 400, "/problems/bad-parameter"),
    ],
)
def test_a_moment_that_is_none_is_refused_with_a_remedy(
    standing: Standing, name: str, block: int | str, status: int, kind: str
) -> None:
    refused = standing.http.get(f"{EXPLORER}/{name}", params={"as_of": block})
    assert (refused.status_code, refused.json()["type"]) == (status, kind), refused.text
    assert refused.json()["remedy"]


def test_a_block_that_was_reorganised_away_is_a_conflict_that_says_how_to_go_on(
    http: httpx.Client, ask: Ask, house: House
) -> None:
    house.chain.unfinal = True
    ask()
    head = head_of(http)
    house.chain.reorganise(head["number"])
    fact = ChainReorganised(1_000, head["number"], (bytes.fromhex(head["hash"][2:]),), 3)
    house.ledger.record(Recorded(reorgs(CHAIN_ID), 1, fact))
    house.explorer.refresh()
    refused = http.get(f"{EXPLORER}/jobs", params={"as_of": head["hash"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/as-of-dropped")
    assert "by number" in refused.json()["remedy"]
    listed = http.get(f"{EXPLORER}/reorgs").json()["data"]
    assert [(each["from_number"], each["depth"], each["dropped"]) for each in listed] == [
        (head["number"], 1, [head["hash"]])
    ]
    detail = http.get(f"{EXPLORER}/blocks/{head['number']}").json()["data"]
    assert [each["dropped"] for each in detail["reorgs"]] == [[head["hash"]]]


def test_an_old_block_is_answered_once_it_is_folded(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    then, number = http.get(f"{EXPLORER}/jobs").json(), head_of(http)["number"]
    ask()
    with house.explorer.database.writing() as cursor:
        cursor.execute("UPDATE history.reach SET since = ?", [head_of(http)["number"]])
    deadline = time.monotonic() + 60
    while (answer := http.get(f"{EXPLORER}/jobs", params={"as_of": number})).status_code == 503:
        assert answer.json()["type"] == "/problems/past-in-the-making"
        assert time.monotonic() < deadline
    assert answer.json()["data"] == then["data"]


def test_what_was_checked_is_shown_with_its_gaps(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    head = head_of(http)

    def checked(version: int, first: int, last: int, level: str, doubts: tuple[str, ...] = ()) -> Recorded:
        ends = (bytes([first - 1]) * 32, bytes([last]) * 32)
        fact = BlocksChecked(first, last, *ends, level, ("bloom",), "node-1", 1_700_000_000_000, doubts)
        return Recorded(checks(CHAIN_ID), version, fact)

    house.ledger.record(checked(1, 1, 10, "root"), checked(2, 11, 20, "bloom"), checked(3, 31, 40, "bloom", ("late",)))
    house.explorer.refresh()
    answer = http.get(f"{EXPLORER}/integrity", params={"limit": 2}).json()
    assert [(each["first"], each["last"]) for each in answer["data"]] == [(31, 40), (11, 20)]
    assert answer["data"][0]["doubts"] == ["late"]
    summary = answer["summary"]
    assert (summary["first"], summary["last"], summary["is_whole"], summary["doubts"]) == (1, 40, False, 1)
    assert [(each["level"], each["blocks"]) for each in summary["levels"]] == [("bloom", 20), ("root", 10)]
    assert [(each["first"], each["last"]) for each in summary["gaps"]] == [(21, 30)]
    detail = http.get(f"{EXPLORER}/blocks/{head['number']}").json()["data"]
    assert (detail["hash"], detail["integrity"]["level"]) == (head["hash"], "root")


def test_a_height_without_anything_of_ours_tells_how_it_was_checked(http: httpx.Client, house: House) -> None:
    house.chain.mine()
    fact = BlocksChecked(0, 9, bytes(32), b"\x09" * 32, "root", ("root",), "node-1", 1_700_000_000_000)
    house.ledger.record(Recorded(checks(CHAIN_ID), 1, fact))
    house.explorer.refresh()
    empty = http.get(f"{EXPLORER}/blocks/0").json()["data"]
    assert (empty["hash"], empty["transactions"], empty["integrity"]["level"]) == (None, 0, "root")
    assert http.get(f"{EXPLORER}/blocks/9").status_code == 404


def test_ranges_that_do_not_join_are_a_gap(http: httpx.Client, house: House) -> None:
    for version, first, last, parent in ((1, 1, 4, 0), (2, 5, 8, 7)):
        ends = (bytes([parent]) * 32, bytes([last]) * 32)
        fact = BlocksChecked(first, last, *ends, "root", ("root",), "node-1", 1_700_000_000_000)
        house.ledger.record(Recorded(checks(CHAIN_ID), version, fact))
    house.explorer.refresh()
    gaps = http.get(f"{EXPLORER}/integrity").json()["summary"]["gaps"]
    assert [(each["first"], "does not stand on block 4" in each["reason"]) for each in gaps] == [(5, True)]


def test_the_digest_of_a_block_is_served_once_blocks_have_one(http: httpx.Client, ask: Ask, house: House) -> None:
    assert http.get(f"{EXPLORER}/digest").status_code == 404
    house.explorer.keep_digests()
    ask()
    answer = http.get(f"{EXPLORER}/digest").json()
    assert answer["data"]["block"] == answer["head"]["number"]
    assert {each["table"]: each["rows"] for each in answer["data"]["tables"]}["jobs"] == 1
    ask()
    again = http.get(f"{EXPLORER}/digest", params={"block": answer["data"]["block"]}).json()["data"]
    assert again["digest"] == answer["data"]["digest"]


def test_accounts_transactions_and_events_are_listed_and_found(standing: Standing) -> None:
    http = standing.http
    account = http.get(f"{EXPLORER}/accounts/0x{GATEWAY.hex()}").json()["data"]
    assert account in http.get(f"{EXPLORER}/accounts").json()["data"]
    assert int(account["ordered"]) > 0
    job = http.get(f"{EXPLORER}/jobs/1").json()["data"]
    sent = http.get(f"{EXPLORER}/transactions/{job['requested_tx']}").json()["data"]
    assert sent in http.get(f"{EXPLORER}/transactions", params={"block": sent["block"]}).json()["data"]
    events = http.get(f"{EXPLORER}/events", params={"job_id": 1, "name": "InferenceRequested"}).json()["data"]
    assert [(each["job_id"], each["args"]["promptCID"]) for each in events] == [("1", job["prompt_cid"])]
