"""POST /v1/receipts and evidence: a document is kept where it says what the chain says, and refused with the field."""

from typing import Any

import httpx
import pytest
from eth_account import Account

from api.app import create_app
from api.service.desks import Desks
from api.service.evidence import NotSettledYet, ReceiptUnpublished
from domain.facts import ReceiptPublished
from indexer.explorer.rows import JobRow
from receipts.canonical import to_word
from tests.api.chain import SIGNING
from tests.api.conftest import ANSWER, House, Standing
from tests.api.documents import body, signed

STRANGER_KEY = bytes.fromhex("22" * 32)
STRANGER = "0x" + Account.from_key(STRANGER_KEY).address[2:].lower()


def job(house: House) -> JobRow:
    row = house.explorer.queries.job(1)
    assert row is not None
    return row


@pytest.fixture
def answer_cid(http: httpx.Client, house: House) -> str:
    """The job is claimed by the worker whose key we hold, and this is its answer."""
    http.post("/v1/prompts", json={"prompt": "Why?", "max_tokens": 16})
    house.chain.claim(1, worker=SIGNING)
    return house.content.write(ANSWER)


def publish(http: httpx.Client, document: bytes) -> httpx.Response:
    return http.post("/v1/receipts", content=document, headers={"Content-Type": "application/json"})


def test_a_receipt_is_kept_under_its_cid_and_shown_at_once(http: httpx.Client, house: House, answer_cid: str) -> None:
    house.chain.settle(1, answer_cid, (5, 4), worker=SIGNING)
    document = signed(body(job(house), house.deployment, answer_cid))
    published = publish(http, document)
    assert published.status_code == 201, published.text
    cid = published.json()["receipt_cid"]
    assert house.content.read(cid) == document
    shown = http.get("/explorer/v1/receipts/1").json()["data"]
    assert (shown["receipt_cid"], shown["prompt_tokens"], shown["completion_tokens"]) == (cid, 5, 4)


def test_publishing_twice_is_publishing_once(http: httpx.Client, house: House, answer_cid: str) -> None:
    document = signed(body(job(house), house.deployment, answer_cid))
    first, again = publish(http, document), publish(http, document)
    assert (first.content, again.headers["idempotent-replayed"]) == (again.content, "true")
    stream = f"receipt:31337:{house.deployment.contracts['InferenceCoordinator'].address}:1"
    assert [type(each.fact) for each in house.ledger.stream(stream)] == [ReceiptPublished]


def test_a_settled_jobs_receipt_is_not_replaced(http: httpx.Client, house: House, answer_cid: str) -> None:
    house.chain.settle(1, answer_cid, (5, 4), worker=SIGNING)
    publish(http, signed(body(job(house), house.deployment, answer_cid)))
    other = publish(http, signed(body(job(house), house.deployment, answer_cid, salt=to_word(99))))
    assert (other.status_code, other.json()["type"]) == (409, "/problems/receipt-exists")


def test_before_settlement_a_new_attempt_replaces_the_old(http: httpx.Client, house: House, answer_cid: str) -> None:
    publish(http, signed(body(job(house), house.deployment, answer_cid, commitment=to_word(8))))
    assert publish(http, signed(body(job(house), house.deployment, answer_cid))).status_code == 201
    house.chain.settle(1, answer_cid, (5, 4), worker=SIGNING)
    assert http.get("/explorer/v1/receipts/1").json()["data"]["completion_tokens"] == 4


FALSE: list[dict[str, Any]] = [
    {"chain_id": 1},
    {"coordinator": "0x" + "12" * 20},
    {"circuit_digest": to_word(1)},
    {"client": "0x" + "12" * 20},
    {"model": "gpt-9"},
    {"model_cid": "QmOther"},
    {"prompt_cid": "QmOther"},
    {"response_cid": "QmOther"},
    {"job_key": to_word(8)},
    {"terms": to_word(8)},
    {"commitment": to_word(8)},
    {"amount": "131"},
    {"price": "131"},
    {"units": 10},
    {"started_at": 1_700_000_002_000},
    {"prompt_tokens": 50, "units": 54},
    {"completion_tokens": 4_000, "units": 4_005, "amount": "80050", "price": "80050"},
]


@pytest.mark.parametrize("changes", FALSE, ids=lambda changes: next(iter(changes)))
def test_a_receipt_that_contradicts_the_chain_is_refused(standing: Standing, changes: dict[str, Any]) -> None:
    row, before = job(standing.house), standing.house.ledger.position()
    assert row.response_cid
    false = signed(body(row, standing.house.deployment, **({"response_cid": row.response_cid} | changes)))
    refused = publish(standing.http, false)
    assert refused.status_code == 400, refused.text
    assert standing.house.ledger.position() == before


def test_a_receipt_by_another_worker_is_refused(http: httpx.Client, house: House, answer_cid: str) -> None:
    false = signed(body(job(house), house.deployment, answer_cid, provider=STRANGER), STRANGER_KEY)
    refused = publish(http, false)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/wrong-worker")


def test_a_receipt_of_an_unknown_job_is_refused(http: httpx.Client, house: House, answer_cid: str) -> None:
    refused = publish(http, signed(body(job(house), house.deployment, answer_cid, job_id="77")))
    assert refused.status_code == 404


def test_every_changed_character_is_refused(http: httpx.Client, house: House, answer_cid: str) -> None:
    document = signed(body(job(house), house.deployment, answer_cid))
    for at in range(0, len(document), 61):
        changed = document[:at] + bytes((document[at] ^ 1,)) + document[at + 1 :]
        assert publish(http, changed).status_code in (400, 403), changed


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"\xff", b"[" * 5000, b" {}"])
def test_what_is_no_receipt_is_refused(standing: Standing, content: bytes) -> None:
    refused = publish(standing.http, content)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/bad-receipt")


async def test_evidence_waits_for_settlement_and_document(house: House, answer_cid: str) -> None:
    desks: Desks = create_app(house.parts()).state["desks"]
    with pytest.raises(NotSettledYet, match="job 1 is claimed"):
        await desks.evidence.bundle(1)
    house.chain.settle(1, answer_cid, (5, 4), worker=SIGNING)
    with pytest.raises(ReceiptUnpublished):
        await desks.evidence.bundle(1)
