"""What may be asked of the explorer's lists and items: filters, orders, counts, relations, and what is refused."""

import random
import statistics
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from msgspec.structs import replace

from api.app import create_app
from indexer.explorer.lists import LISTINGS
from tests.api.chain import GATEWAY, MODEL, SIGNING, FactChain
from tests.api.conftest import SETTINGS, House, Standing, serving

pytestmark = pytest.mark.thorough

Ask = Callable[..., httpx.Response]
EXPLORER = "/explorer/v1"
ROUTES = [name for name in LISTINGS if name != "samples"]


def rows(http: httpx.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = http.get(f"{EXPLORER}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


@pytest.mark.parametrize("name", ROUTES)
def test_every_list_can_be_sorted_counted_and_asked_of_the_past_in_every_way_it_names(
    standing: Standing, name: str
) -> None:
    head = standing.http.get(f"{EXPLORER}/stats").json()["head"]["number"]
    everything = rows(standing.http, name, limit=100)
    for sort in LISTINGS[name].orders:
        for moment in ({}, {"as_of": head - 1}, {"as_of": head}):
            answer = standing.http.get(f"{EXPLORER}/{name}", params={"sort": sort, "count": "true", **moment})
            assert answer.status_code == 200, answer.text
            if moment != {"as_of": head - 1}:
                assert sorted(answer.json()["data"], key=repr) == sorted(everything, key=repr)
                assert answer.json()["count"] == {"rows": len(everything), "is_exact": True}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("jobs?state=open,claimed", ["5", "4", "2"]),
        ("jobs?sort=oldest&limit=2", ["1", "2"]),
        ("jobs?sort=-amount&limit=2", ["1", "3"]),
        ("jobs?amount_min=1", ["1"]),
        ("jobs?amount_max=0", ["3"]),
        (f"jobs?address=0x{SIGNING.hex()}", ["2", "1"]),
        ("jobs?from=2023-11-14T22:13:25Z&to=2023-11-14T22:13:26%2B00:00", ["5", "4"]),
        ("jobs?from=2023-11-14T23:13:25+01:00", ["5", "4"]),
        ("jobs?from=2030-01-01", []),
        ("jobs?closed_to=2030-01-01&sort=oldest", ["1", "3"]),
        ("jobs?from_block=9", ["3", "2"]),
        ("jobs?is_final=false", []),
        ("receipts?state=verified", ["1"]),
        ("receipts?completion_tokens_min=0", []),
        (f"events?name=JobClaimed&contract=0x{'C0' * 20}", ["2", "1"]),
    ],
)
def test_filters_and_orders_leave_what_they_say(standing: Standing, query: str, expected: list[str]) -> None:
    answer = standing.http.get(f"{EXPLORER}/{query}")
    assert answer.status_code == 200, answer.text
    assert [row["job_id"] for row in answer.json()["data"]] == expected


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("jobs?stat=open", "Did you mean 'state'?"),
        ("jobs?state=opne", "Did you mean 'open'?"),
        ("jobs?state=", "There are: answered, cancelled, claimed, expired, open, settled."),
        ("jobs?sort=-escro", "Did you mean '-escrow'?"),
        ("jobs/1?include=reciept", "Did you mean 'receipt'?"),
        ("jobs?include=events", "There are: account, model, node, receipt."),
        ("jobs/1?limit=1", "This route takes as_of, include."),
        ("models?include=nodes", "This route takes as_of, count"),
        ("stats?now=1", "This route takes as_of."),
        ("digest?blok=1", "Did you mean 'block'?"),
        ("indexer?x=1", "This route takes none."),
    ],
)
def test_what_is_misspelt_is_refused_with_what_was_meant(standing: Standing, query: str, remedy: str) -> None:
    refused = standing.http.get(f"{EXPLORER}/{query}")
    assert refused.status_code == 400, refused.text
    assert remedy in refused.json()["remedy"]


@pytest.mark.parametrize(
    "query",
    [
        "state=open&state=open",
        "limit=1&limit=2",
        "limit=1.5",
        "limit=%31%00",
        "limit=٣",
        "cursor=" + "a" * 1025,
        "model_id=",
        "model_id=" + "x" * 129,
        "model_id=%ff%fe",
        "model_id=%ed%a0%80",
        "model_id=a%00b",
        "escrow_min=-1",
        "escrow_min=1e3",
        "escrow_max=" + "9" * 39,
        "escrow_max=" + str(2**127),
        "from_block=-1",
        "from_block=9007199254740992",
        "from=yesterday",
        "from=2023-13-01",
        "to=99999-01-01T00:00:00Z",
        "from=",
        "count=yes",
        "is_final=1",
        "worker=0x12",
        "tx=0x" + "g" * 64,
        "as_of=latest",
        "as_of=-1",
        "as_of=0x12",
        "sort=",
        "include=",
        "%ff=1",
        "=1",
        "state",
    ],
)
def test_a_parameter_that_cannot_be_is_refused_and_named(standing: Standing, query: str) -> None:
    refused = standing.http.get(f"{EXPLORER}/jobs?{query}")
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json"), refused.text
    assert refused.json()["detail"]
    assert refused.json()["remedy"]


def test_times_and_amounts_at_their_ends_are_taken(standing: Standing) -> None:
    for query in (
        f"escrow_max={2**127 - 1}", "from=0001-01-01T00:00:00%2B23:59", "to=9999-12-31T23:59:59.999999Z",
        "from_block=9007199254740991", "from_block=0", "limit=1000", "&&", "",
    ):  # fmt: skip
        assert standing.http.get(f"{EXPLORER}/jobs?{query}").status_code == 200, query


RELATED = {
    "jobs/1": {"receipt", "model", "node", "account", "events", "transactions"},
    "receipts/1": {"job", "model", "node", "account", "events", "transaction", "block"},
    f"nodes/0x{SIGNING.hex()}": {"jobs", "receipts", "samples", "account", "models"},
    f"models/{MODEL}": {"jobs", "receipts", "nodes"},
    f"accounts/0x{GATEWAY.hex()}": {"jobs", "receipts", "transactions", "node", "events"},
    "blocks/2": {"transactions", "events", "jobs", "receipts"},
}


@pytest.mark.parametrize("path", RELATED)
def test_an_item_brings_all_that_belongs_to_it_at_once(standing: Standing, path: str) -> None:
    answer = standing.http.get(f"{EXPLORER}/{path}", params={"include": ",".join(sorted(RELATED[path]))}).json()
    assert set(answer["included"]) == RELATED[path]
    for name, found in answer["included"].items():
        assert isinstance(found, list) == (name in LISTINGS)


def test_what_is_included_is_what_the_lists_and_items_show(standing: Standing) -> None:
    job = standing.http.get(f"{EXPLORER}/jobs/1?include=receipt,model,node,events,transactions,account").json()
    included, data = job["included"], job["data"]
    assert included["receipt"] == standing.http.get(f"{EXPLORER}/receipts/1").json()["data"]
    assert included["model"]["model_id"] == data["model_id"]
    assert included["node"]["address"] == data["worker"]
    assert included["account"]["address"] == data["controller"]
    assert included["events"] == rows(standing.http, "events", job_id=1)
    sent = {data[name] for name in ("requested_tx", "claimed_tx", "completed_tx", "closed_tx")}
    assert {each["hash"] for each in included["transactions"]} == sent
    event = included["events"][0]
    place = f"{EXPLORER}/events/{event['block']}/{event['log_index']}"
    shown = standing.http.get(place, params={"include": "job,transaction,block"}).json()
    assert (shown["data"], shown["included"]["job"]) == (event, data)
    assert shown["included"]["block"]["number"] == event["block"]
    of_tx = standing.http.get(f"{EXPLORER}/transactions/{event['tx_hash']}?include=jobs,events,receipts,block").json()
    assert of_tx["included"]["jobs"] == [data]
    assert event in of_tx["included"]["events"]
    unclaimed = standing.http.get(f"{EXPLORER}/jobs/5?include=receipt,node").json()["included"]
    assert unclaimed == {"receipt": None, "node": None}


def test_a_list_brings_what_belongs_to_its_rows_each_once(standing: Standing) -> None:
    answer = standing.http.get(f"{EXPLORER}/jobs?include=receipt,model,node").json()
    assert [row["job_id"] for row in answer["included"]["receipts"]] == ["1"]
    assert [row["model_id"] for row in answer["included"]["models"]] == [MODEL]
    assert [row["address"] for row in answer["included"]["nodes"]] == [f"0x{SIGNING.hex()}"]


def test_an_answer_tells_its_age_and_the_finality_of_what_it_holds(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    head = http.get(f"{EXPLORER}/jobs").json()["head"]
    assert head["finality"] == "final"
    assert head["age_s"] > 3600
    house.chain.unfinal = True
    ask()
    assert http.get(f"{EXPLORER}/jobs").json()["head"]["finality"] == "mixed"
    assert http.get(f"{EXPLORER}/jobs/2").json()["head"]["finality"] == "unfinal"
    assert [row["job_id"] for row in rows(http, "jobs", is_final="true")] == ["1"]
    assert [row["job_id"] for row in rows(http, "jobs", is_final="false")] == ["2"]


def test_the_next_page_stands_in_the_headers_and_nothing_of_the_reader_does_unescaped(standing: Standing) -> None:
    answer = standing.http.get(f"{EXPLORER}/jobs?limit=2&model_id={quote(MODEL)}&sort=oldest")
    link = answer.headers["link"]
    assert link.endswith('>; rel="next"')
    assert answer.headers["tally-cursor"] == answer.json()["next"]
    following = standing.http.get(link[1 : link.index(">")])
    assert [row["job_id"] for row in following.json()["data"]] == ["3", "4"]
    strange = standing.http.get(f"{EXPLORER}/accounts?limit=1&sort=address&earned_max=1%30&ordered_min=%30")
    assert set(strange.headers.get("link", "")).isdisjoint('\r\n"<>') or strange.headers["link"].count("<") == 1
    last = standing.http.get(f"{EXPLORER}/jobs")
    assert "link" not in last.headers
    assert "tally-cursor" not in last.headers


def test_what_can_never_change_again_may_be_kept_and_what_can_is_asked_for_again(house: House) -> None:
    parts = house.parts()
    parts = replace(parts, deployment=replace(parts.deployment, chain_id=1))
    house.chain.unfinal = True
    with serving(create_app(parts)) as url, httpx.Client(base_url=f"{url}{EXPLORER}") as http:
        for _ in range(2):
            assert http.post(f"{url}/v1/prompts", json={"prompt": "Why?", "max_tokens": 16}).status_code == 201
        house.chain.cancel(1)
        unfinal = http.get("/jobs/1")
        assert unfinal.headers["cache-control"] == "no-cache"
        house.chain.tip.finalise(house.chain.height)
        house.explorer.refresh()
        ended, open_ = http.get("/jobs/1"), http.get("/jobs/2")
        assert "immutable" in ended.headers["cache-control"]
        assert open_.headers["cache-control"] == "no-cache"
        assert "immutable" in http.get(f"/transactions/{ended.json()['data']['closed_tx']}").headers["cache-control"]
        assert "immutable" in http.get(f"/jobs?as_of={house.chain.height}").headers["cache-control"]
        as_of_receipts = f"/receipts?as_of={house.chain.height}"
        for path in ("/jobs/1?include=account", "/jobs", "/receipts/1", as_of_receipts, "/stats", "/jobs/77"):
            assert "immutable" not in http.get(path).headers.get("cache-control", "")
        house.chain.mine()
        again = http.get("/jobs/1", headers={"If-None-Match": ended.headers["etag"].removeprefix("W/")})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == ended.headers["cache-control"]
        assert http.get("/jobs/2", headers={"If-None-Match": open_.headers["etag"]}).status_code == 200
        assert http.get("/jobs/2", headers={"If-None-Match": ended.headers["etag"]}).status_code == 200


def test_a_development_chain_forgets_so_nothing_of_it_is_kept(standing: Standing) -> None:
    assert standing.http.get(f"{EXPLORER}/jobs/1").headers["cache-control"] == "no-cache"


def test_pages_of_other_origins_may_ask_with_parameters_and_read_the_headers(house: House) -> None:
    settings = replace(SETTINGS, cors_origins=("https://app.example",))
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "if-none-match"}  # fmt: skip
    with serving(create_app(house.parts(settings))) as url, httpx.Client(base_url=f"{url}{EXPLORER}") as http:
        for path in ("/jobs?state=open", "/digest?block=1"):
            assert http.options(path, headers=asked).is_success
        shown = http.get("/jobs?state=open", headers={"Origin": "https://app.example"})
        exposed = shown.headers["access-control-expose-headers"].lower()
        assert {"link", "tally-cursor", "tally-head", "etag", "ratelimit"} <= set(exposed.replace(" ", "").split(","))


def test_a_compressed_answer_has_the_same_mark_and_says_that_it_depends_on_the_encoding(standing: Standing) -> None:
    marks = set()
    for encoding in ("gzip", "identity"):
        answer = standing.http.get(f"{EXPLORER}/events", headers={"Accept-Encoding": encoding})
        assert (answer.headers.get("content-encoding") == "gzip") is (encoding == "gzip")
        assert "Accept-Encoding" in answer.headers["vary"]
        marks.add(answer.headers["etag"])
        same = {"If-None-Match": answer.headers["etag"], "Accept-Encoding": encoding}
        unchanged = standing.http.get(f"{EXPLORER}/events", headers=same)
        assert (unchanged.status_code, "content-encoding" in unchanged.headers) == (304, False)
    assert len(marks) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_over_http_while_blocks_come_skips_and_doubles_nothing_and_says_when_its_ground_is_gone(
    house: House, seed: int
) -> None:
    source = random.Random(seed)
    house.chain.unfinal = True
    with serving(create_app(house.parts(SETTINGS))) as url, httpx.Client(base_url=url) as http:
        for _ in range(8):
            assert http.post("/v1/prompts", json={"prompt": "Why?", "max_tokens": 16}).status_code == 201
        sort = source.choice(("newest", "oldest", "-escrow", "escrow", "-block"))
        before = {row["job_id"] for row in rows(http, "jobs", limit=100)}
        seen: list[str] = []
        cursor, refused = None, False
        while True:
            params = {"sort": sort, "limit": 2} | ({"cursor": cursor} if cursor else {})
            answer = http.get(f"{EXPLORER}/jobs", params=params)
            if answer.status_code == 409:
                refused, cursor, seen = True, None, []
                continue
            seen += [row["job_id"] for row in answer.json()["data"]]
            if (cursor := answer.json()["next"]) is None:
                break
            _disturb(house.chain, source, may_drop=not refused)
        stayed = before & {row["job_id"] for row in rows(http, "jobs", limit=100)}
        assert stayed
        assert all(seen.count(job_id) == 1 for job_id in stayed)


def _disturb(chain: FactChain, source: random.Random, *, may_drop: bool) -> None:
    if may_drop and source.random() < 0.3:
        chain.reorganise(chain.height)
    else:
        chain.mine()


def test_hours_days_and_rankings_are_lists_like_the_others(standing: Standing) -> None:
    day = rows(standing.http, "stats/daily")
    assert [(each["start"], each["requested"], each["settled"], each["earned"]) for each in day] == [
        ("2023-11-14T00:00:00Z", 5, 1, "130")
    ]
    assert rows(standing.http, "stats/hourly", to="2023-11-14T21:59:59Z") == []
    assert (
        rows(standing.http, "stats/hourly", **{"from": "2023-11-14T22:00:00Z", "sort": "oldest"})[0]["requested"] == 5
    )
    leaders = standing.http.get(f"{EXPLORER}/leaderboard", params={"period": "24h"}).json()
    assert [(each["place"], each["address"], each["earned"]) for each in leaders["data"]] == [
        (1, f"0x{SIGNING.hex()}", "130")
    ]
    first = standing.http.get(f"{EXPLORER}/leaderboard", params={"limit": 2, "sort": "completed"}).json()
    second = rows(standing.http, "leaderboard", limit=2, sort="completed", cursor=first["next"])
    assert len({each["address"] for each in (*first["data"], *second)}) == 3


@pytest.mark.parametrize(
    "query", ["stats/daily?from=soon", "stats/hourly?sort=escrow", "leaderboard?period=1h", "leaderboard?sort=name"]
)
def test_what_figures_over_time_cannot_be_asked_is_refused(standing: Standing, query: str) -> None:
    refused = standing.http.get(f"{EXPLORER}/{query}")
    assert refused.status_code == 400, refused.text
    assert refused.json()["remedy"]


async def test_an_unchanged_answer_costs_less_than_a_millisecond(standing: Standing) -> None:
    app = create_app(standing.house.parts())
    query = b"state=settled&sort=-amount&include=receipt,model&count=true"
    tag = standing.http.get(f"{EXPLORER}/jobs?{query.decode()}").headers["etag"]
    headers = [(b"host", b"x"), (b"if-none-match", tag.encode())]
    told: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    spent: list[float] = []
    for _ in range(200):
        scope: Any = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": f"{EXPLORER}/jobs", "raw_path": f"{EXPLORER}/jobs".encode(), "root_path": "", "query_string": query,
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("x", 80), "extensions": {},
        }  # fmt: skip
        began = time.perf_counter()
        await app(scope, receive, send)
        spent.append(time.perf_counter() - began)
    assert {message["status"] for message in told if message["type"] == "http.response.start"} == {304}
    assert statistics.median(spent) < 0.001
