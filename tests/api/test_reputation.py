"""Reputations over HTTP: figures lead to their receipts, and a stranger who recomputes them finds what was changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from api.service.reputation import reputation_of, summaries
from receipts.reputation import WORTHS
from tallystick.cli import main
from tests.api.chain import OTHER, SIGNING
from tests.api.conftest import House, Standing
from tests.api.documents import body, signed

Ask = Callable[..., httpx.Response]
NODE = "0x" + SIGNING.hex()
REPUTATION = f"/explorer/v1/nodes/{NODE}/reputation"


def told(http: httpx.Client, **params: str) -> dict[str, Any]:
    answer = http.get(REPUTATION, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


def verify(target: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["verify", "--reputation", str(target)])
    return done.exit_code, done.output


def test_figures_come_from_proven_work_and_lead_to_it(standing: Standing) -> None:
    found = told(standing.http, window="all")
    assert (found["standing"], found["customers"], found["earned"], found["success_rate"]) == (
        "probation",
        1,
        "130",
        1.0,
    )
    assert 0 < found["score"] < 100
    assert found["disputes"] is None
    for worth in WORTHS:
        count = found["counts"][worth]
        listed = standing.http.get(count["evidence"]).json()["data"]
        assert len(listed) == count["count"] == (worth == "proven")
        for outcome in listed:
            receipt = standing.http.get(outcome["source"]).json()["data"]
            assert (receipt["job_id"], receipt["worker"], receipt["amount"]) == (
                outcome["job_id"],
                NODE,
                outcome["amount"],
            )
    assert len(standing.http.get(found["evidence"]).json()["data"]) == 1


def test_evidence_is_paged_and_a_lost_lease_leads_to_its_event(http: httpx.Client, ask: Ask, house: House) -> None:
    for _ in range(3):
        job_id = int(ask().json()["job_id"])
        house.chain.claim(job_id, worker=SIGNING)
        house.chain.claim(job_id, worker=OTHER, loser=SIGNING)
    walked, cursor = [], None
    while True:
        page = http.get(f"{REPUTATION}/evidence", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        walked += page["data"]
        if (cursor := page["next"]) is None:
            break
    assert [(outcome["job_id"], outcome["worth"]) for outcome in walked] == [
        ("3", "lost"),
        ("2", "lost"),
        ("1", "lost"),
    ]
    (event,) = http.get(walked[0]["source"]).json()["data"]
    assert event["args"]["worker"] == NODE
    assert told(http)["counts"]["lost"]["count"] == 3


def test_a_document_brings_tokens_and_times(http: httpx.Client, ask: Ask, house: House) -> None:
    job_id = int(ask().json()["job_id"])
    house.chain.claim(job_id, worker=SIGNING)
    cid = house.content.write(b"Because.")
    house.chain.settle(job_id, cid, (5, 4), worker=SIGNING)
    job = house.explorer.queries.job(job_id)
    assert job
    published = http.post("/v1/receipts", content=signed(body(job, house.deployment, cid)))
    assert published.is_success, published.text
    found = told(http)
    assert (found["completion_tokens"], found["tokens_per_s"]) == (4, 4.0)
    assert found["inference_ms"] == {"p50": 1000, "p90": 1000, "p99": 1000}


def test_as_of_an_earlier_block_it_is_as_it_was(http: httpx.Client, ask: Ask, house: House) -> None:
    job_id = int(ask().json()["job_id"])
    house.chain.claim(job_id, worker=SIGNING)
    before, head = told(http), http.get("/explorer/v1/stats").json()["head"]["number"]
    house.chain.settle(job_id, house.content.write(b"Because."), (5, 4), worker=SIGNING)
    assert told(http)["counts"]["proven"]["count"] == 1
    past = told(http, as_of=str(head))
    assert {name: past[name] for name in ("score", "earned", "until")} == {
        name: before[name] for name in ("score", "earned", "until")
    }


def test_anyone_recomputes_it_by_address_or_from_a_file(standing: Standing, tmp_path: Path) -> None:
    status, said = verify(f"{standing.http.base_url}{REPUTATION}?window=all")
    assert (status, "the same" in said) == (0, True), said
    saved = tmp_path / "reputation.json"
    saved.write_bytes(standing.http.get(REPUTATION, params={"include": "evidence"}).content)
    assert verify(saved)[0] == 0


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("score",), 99.0, "score: told 99.0, the receipts say"),
        (("earned",), "9000", "earned: told 9000"),
        (("counts", "lost", "count"), 1, "counts: told"),
        (("standing",), "established", "standing: told"),
        (("outcomes", 0, "amount"), "9000", "earned: told 130, the receipts say 9000"),
        (("outcomes", 0, "controller"), NODE, "told as proven and is own"),
        (("outcomes", 0, "ending"), "unproven", "told as proven and is unproven"),
        (("outcomes", 0, "at"), "2001-01-01T00:00:00Z", "outside the window"),
        (("outcomes",), [], "counts: told"),
    ],
)
def test_a_changed_answer_is_found_out_and_the_figure_named(
    standing: Standing, tmp_path: Path, path: tuple[str | int, ...], value: object, said: str
) -> None:
    answer = standing.http.get(REPUTATION, params={"include": "evidence"}).json()
    place: Any = answer["data"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    changed = tmp_path / "changed.json"
    changed.write_bytes(msgspec.json.encode(answer))
    status, output = verify(changed)
    assert (status, said in output) == (1, True), output


def test_a_receipt_told_twice_is_found_out(standing: Standing, tmp_path: Path) -> None:
    answer = standing.http.get(REPUTATION, params={"include": "evidence"}).json()
    answer["data"]["outcomes"] *= 2
    doubled = tmp_path / "doubled.json"
    doubled.write_bytes(msgspec.json.encode(answer))
    status, output = verify(doubled)
    assert (status, "listed twice" in output) == (1, True), output


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no JSON", "is no reputation"), (b"{}", "is no reputation"), (b'{"data": {"rule": 5}}', "is no reputation")],
)
def test_what_is_no_reputation_is_wrong_use(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    status, output = verify(tmp_path / "file")
    assert (status, said in output) == (2, True), output


def test_one_without_its_evidence_or_that_cannot_be_read_is_wrong_use(standing: Standing, tmp_path: Path) -> None:
    bare = tmp_path / "bare.json"
    bare.write_bytes(standing.http.get(REPUTATION).content)
    for target, said in (
        (bare, "include=evidence"),
        (tmp_path / "absent.json", "cannot be read"),
        ("http://127.0.0.1:1/x", "cannot be read"),
        (f"{standing.http.base_url}/explorer/v1/nodes/0x{'00' * 20}/reputation", "answers 404"),
        (f"{standing.http.base_url}/explorer/v1/stats", "answers 400"),
        (f"{standing.http.base_url}/openapi.json", "is no reputation"),
    ):
        status, output = verify(target)
        assert (status, said in output.replace("\n", "")) == (2, True), output
    for words in (["verify"], ["verify", str(bare), "--reputation", str(bare)]):
        assert CliRunner().invoke(main, words).exit_code == 2


@pytest.mark.parametrize("params", [{"window": "0d"}, {"window": "soon"}, {"include": "all"}, {"as_of": "x"}])
def test_a_bad_question_is_refused_with_a_remedy(standing: Standing, params: dict[str, str]) -> None:
    refused = standing.http.get(REPUTATION, params=params)
    assert refused.status_code == 400, refused.text
    assert refused.json()["remedy"]
    assert standing.http.get(f"{REPUTATION}/evidence", params={"worth": "gold"}).status_code == 400
    assert standing.http.get(f"/explorer/v1/nodes/0x{'00' * 20}/reputation").status_code == 404


def test_the_summary_of_all_nodes_tells_what_each_reputation_does(standing: Standing) -> None:
    queries = standing.house.explorer.queries
    found = reputation_of(queries, NODE, "all")
    assert found
    assert list(summaries(queries, "all")) == [NODE]
    summary = summaries(queries, "all")[NODE]
    told = found.reputation
    assert (summary.score, summary.standing, summary.counts) == (told.score, told.standing, told.counts)
    assert summary.success_rate == told.success_rate
