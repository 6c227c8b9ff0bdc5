"""Where the money is, over HTTP: books after each block, totals that agree, statements that add up."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.chain import GATEWAY, SIGNING
from tests.api.conftest import House, Standing
from tests.api.test_explorer import walk

Ask = Callable[..., httpx.Response]
EXPLORER = "/explorer/v1"


def statement(http: httpx.Client, address: bytes, **params: Any) -> list[dict[str, Any]]:
    pages = walk(http, f"{EXPLORER}/accounts/0x{address.hex()}/statement", **params)
    return [entry for page in pages for entry in page]


def test_a_statement_ends_at_the_account_and_begins_at_nothing(standing: Standing) -> None:
    account = standing.http.get(f"{EXPLORER}/accounts/0x{GATEWAY.hex()}").json()["data"]
    entries = statement(standing.http, GATEWAY, limit=2)
    assert (entries[0]["after"]["escrow"], entries[0]["after"]["credit"]) == (account["open_escrow"], account["credit"])
    moved = sum(int(each["amount"]) for entry in entries for each in entry["postings"] if each["balance"] == "escrow")
    assert str(moved) == account["open_escrow"]
    assert {each["kind"] for entry in entries for each in entry["postings"]} == {"hold", "charge", "release", "refund"}
    for entry in entries:
        assert standing.http.get(f"{EXPLORER}/jobs/{entry['job_id']}").status_code == 200
        assert standing.http.get(f"{EXPLORER}/transactions/{entry['tx_hash']}").status_code == 200


def test_a_node_sees_its_stake_and_what_it_earned(standing: Standing) -> None:
    entries = statement(standing.http, SIGNING)
    assert [entry["event"] for entry in entries] == ["ReceiptAccepted", "NodeRegistered"]
    assert entries[0]["postings"] == [{"kind": "earning", "balance": "credit", "amount": "130"}]
    assert entries[0]["after"] == {"escrow": "0", "credit": "130", "stake": str(10**18)}


def test_as_of_an_earlier_block_the_statement_is_as_it_was(http: httpx.Client, ask: Ask) -> None:
    ask()
    before, head = statement(http, GATEWAY), http.get(f"{EXPLORER}/stats").json()["head"]["number"]
    ask()
    assert len(statement(http, GATEWAY)) == len(before) + 1
    assert statement(http, GATEWAY, as_of=head) == before


def test_an_address_without_books_is_absent_and_a_bad_question_refused(standing: Standing) -> None:
    absent = standing.http.get(f"{EXPLORER}/accounts/0x{'00' * 20}/statement")
    assert (absent.status_code, absent.json()["type"]) == (404, "/problems/not-indexed")
    for path, params in (("0x12", {}), (f"0x{GATEWAY.hex()}", {"cursor": "x"}), (f"0x{GATEWAY.hex()}", {"limit": 0})):
        refused = standing.http.get(f"{EXPLORER}/accounts/{path}/statement", params=params)
        assert refused.status_code == 400, refused.text
        assert refused.json()["remedy"]


def test_the_books_after_each_block_lead_to_the_comparison_with_the_contracts(standing: Standing) -> None:
    rows = [row for page in walk(standing.http, f"{EXPLORER}/reconciliation/blocks", limit=3) for row in page]
    blocks = [row["block"] for row in rows]
    assert blocks == sorted(set(blocks), reverse=True)
    assert len({row["open_escrow"] for row in rows}) > 3
    compared = standing.http.get(rows[0]["link"]).json()["data"]
    assert compared["block"] == rows[0]["block"]
    assert compared["indexed"]["open_escrow"] == rows[0]["open_escrow"]


def test_the_totals_agree_now_and_then(http: httpx.Client, ask: Ask, house: House) -> None:
    job_id = int(ask().json()["job_id"])
    house.chain.claim(job_id, worker=SIGNING)
    then, head = http.get(f"{EXPLORER}/reconciliation/totals").json()["data"], house.chain.height
    house.chain.settle(job_id, house.content.write(b"Because."), (5, 4), worker=SIGNING)
    now = http.get(f"{EXPLORER}/reconciliation/totals").json()["data"]
    assert now["balanced"] is then["balanced"] is True
    assert (then["sums"]["earned"], now["sums"]["earned"]) == ("0", "130")
    assert http.get(f"{EXPLORER}/reconciliation/totals", params={"as_of": head}).json()["data"] == then
    assert {agreement["holds"] for agreement in now["agreements"]} == {True}


@pytest.mark.parametrize("path", ["reconciliation/blocks", "reconciliation/totals"])
def test_a_moment_that_is_none_is_refused(standing: Standing, path: str) -> None:
    refused = standing.http.get(f"{EXPLORER}/{path}", params={"as_of": 10**6})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/as-of-beyond-head")
