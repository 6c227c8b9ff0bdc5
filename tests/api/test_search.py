"""/explorer/v1/search: typed hits with addresses that answer, and no text that breaks it."""

import httpx
import pytest

from tests.api.chain import MODEL, SIGNING
from tests.api.conftest import Standing

SEARCH = "/explorer/v1/search"


def search(http: httpx.Client, text: str, **params: int) -> list[dict[str, object]]:
    answer = http.get(SEARCH, params={"q": text, **params})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["data"]
    return found


def test_each_hit_leads_to_what_it_names(standing: Standing) -> None:
    job = standing.http.get("/explorer/v1/jobs/1").json()["data"]
    asked = ("1", job["prompt_cid"], job["response_cid"], job["requested_tx"], MODEL, "0x" + SIGNING.hex())
    hits = [search(standing.http, text)[0] for text in asked]
    assert [hit["kind"] for hit in hits] == ["job", "job", "receipt", "transaction", "model", "node"]
    for hit in hits:
        answer = standing.http.get(str(hit["link"]))
        assert answer.status_code == 200
        assert str(hit["id"]) in answer.text
        assert hit["page"]


def test_the_answer_is_as_short_as_one_wants(standing: Standing) -> None:
    assert len(search(standing.http, "1", limit=1)) == 1 < len(search(standing.http, "1"))


@pytest.mark.parametrize("text", ["nothing of the kind", "'", "%00", "🦊" * 64, "0x" + "f" * 64, "9" * 18])
def test_what_names_nothing_finds_nothing_and_breaks_nothing(standing: Standing, text: str) -> None:
    assert search(standing.http, text) == []


@pytest.mark.parametrize(
    "params", [{}, {"q": ""}, {"q": "x" * 129}, {"q": "a\0b"}, {"q": "x", "limit": 0}, {"q": "x", "limit": 51}]
)
def test_a_bad_question_is_refused_with_a_remedy(standing: Standing, params: dict[str, str]) -> None:
    refused = standing.http.get(SEARCH, params=params)
    assert refused.status_code == 400, refused.text
    assert refused.json()["remedy"]
