"""GET /explorer/v1/live and its WebSocket, through a real server."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from api.app import create_app
from domain.facts import JobRequested
from tests.api.chain import GATEWAY, MODEL, MODEL_CID, SIGNING, until
from tests.api.conftest import ANSWER, SETTINGS, Ask, House, Sse, serving, sse
from tests.api.documents import body, signed

LIVE = "/explorer/v1/live"


@contextmanager
def listening(http: httpx.Client, topics: str, last: str | None = None, **params: str) -> Iterator[Iterator[Sse]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with http.stream("GET", LIVE, params={"topics": topics, **params}, headers=headers) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield sse(response.iter_lines())


@contextmanager
def talking(url: str, query: str = "") -> Iterator[ClientConnection]:
    with connect(f"{url.replace('http', 'ws')}{LIVE}/ws{query}", open_timeout=5) as line:
        yield line


def told(line: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """Messages up to the first of this type, without heartbeats."""
    found: list[dict[str, Any]] = []
    while not any(message["type"] == kind for message in found):
        found += [each for each in msgspec.json.decode(line.recv(timeout=5)) if each["type"] != "heartbeat"]
    return found


def test_a_row_is_told_in_the_shape_that_its_list_gives_it(http: httpx.Client, ask: Ask) -> None:
    with listening(http, "jobs,receipts") as events:
        head = next(events)
        ask()
        put = next(events)
    assert (head.name, put.name, put.data["kind"], put.data["id"]) == ("head", "put", "job", put.id)
    assert put.data["row"] == http.get("/explorer/v1/jobs/1").json()["data"]


def test_a_reader_comes_back_by_header_or_by_parameter(http: httpx.Client, ask: Ask) -> None:
    with listening(http, "jobs") as events:
        last = next(events).id
    ask()
    with listening(http, "jobs", last=last) as events:
        assert [next(events).name, next(events).name] == ["put", "head"]
    with listening(http, "jobs", last_event_id=last) as events:
        assert [next(events).name, next(events).name] == ["put", "head"]


def test_a_published_receipt_is_told_with_its_document(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    house.chain.claim(1, worker=SIGNING)
    house.chain.settle(1, answer := house.content.write(ANSWER), (5, 4), worker=SIGNING)
    job = house.explorer.queries.job(1)
    assert job is not None
    with listening(http, "receipts") as events:
        next(events)
        published = http.post("/v1/receipts", content=signed(body(job, house.deployment, answer)))
        receipts = (event.data["row"] for event in events if event.name == "put")
        told = next(row for row in receipts if row["receipt_cid"] == published.json()["receipt_cid"])
    assert told == http.get("/explorer/v1/receipts/1").json()["data"]


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"topics": "blocs"}, "/problems/bad-topic"),
        ({"topics": "job:1,,"}, "/problems/bad-topic"),
        ({"topics": "jobs", "last_event_id": "7"}, "/problems/bad-event-id"),
        ({}, "about:blank"),
        ({"topics": ""}, "about:blank"),
        ({"topics": "x" * 5000}, "about:blank"),
    ],
)
def test_bad_wishes_are_refused_with_a_remedy(http: httpx.Client, params: dict[str, str], problem: str) -> None:
    refused = http.get(LIVE, params=params)
    assert (refused.status_code, refused.json()["type"]) == (400, problem)
    assert refused.json()["remedy"]


def test_readers_beyond_the_limit_are_turned_away(house: House) -> None:
    settings = replace(SETTINGS, live_readers_max=1)
    with serving(create_app(house.parts(settings))) as url, httpx.Client(base_url=url) as http:
        with listening(http, "jobs") as events:
            next(events)
            refused = http.get(LIVE, params={"topics": "jobs"})
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            with talking(url) as line, pytest.raises(ConnectionClosedError, match="1 readers"):
                told(line, "refused") and told(line, "never")
        until(lambda: "tallystick_live_readers 0.0" in http.get("/metrics").text)
        with listening(http, "jobs") as events:
            next(events)


@pytest.mark.timeout(60)
def test_a_reader_that_takes_nothing_loses_its_place(house: House) -> None:
    with serving(create_app(house.parts(replace(SETTINGS, slow_reader_s=0.3)))) as url:
        host, port = url.removeprefix("http://").split(":")
        with httpx.Client(base_url=url) as http, socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((host, int(port)))
            slow.sendall(b"GET /explorer/v1/live?topics=blocks,jobs HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: "tallystick_live_readers 1.0" in http.get("/metrics").text)
            for number in range(1, 50):
                house.chain.mine(JobRequested(number, GATEWAY, "Q" * 300_000, MODEL, MODEL_CID))
            until(lambda: "tallystick_live_readers 0.0" in http.get("/metrics").text, timeout_s=20)


def test_a_websocket_tells_the_same_and_follows_what_it_is_told_to(url: str, ask: Ask) -> None:
    with talking(url, "?topics=jobs") as line:
        told(line, "head")
        ask()
        first = told(line, "put")
        assert (first[0]["kind"], first[0]["row"]["job_id"]) == ("job", "1")
        line.send('{"subscribe": ["blocks"], "unsubscribe": ["jobs"]}')
        assert told(line, "subscribed")[-1]["topics"] == ["blocks"]
        ask()
        assert {message.get("kind") for message in told(line, "put")} <= {"block", None}
    with talking(url, f"?topics=jobs&last_event_id={first[0]['id']}") as line:
        assert [message.get("key") for message in told(line, "head")] == ["2", None]


@pytest.mark.parametrize(
    ("query", "said", "reason"),
    [
        ("?topics=blocs", None, "blocs"),
        ("?topics=jobs&last_event_id=x", None, "'x'"),
        ("", "hello", "hello"),
        ("", '{"subscribe": ["jop"]}', "jop"),
        ("", '{"follow": ["jobs"]}', "follow"),
        ("", "x" * 5000, "5000 characters"),
    ],
)
def test_a_websocket_that_says_nonsense_is_closed_with_the_reason(
    url: str, query: str, said: str | None, reason: str
) -> None:
    with talking(url, query) as line:
        if said is not None:
            line.send(said)
        refused = told(line, "refused")[-1]
        assert reason in refused["detail"]
        assert refused["remedy"]
        with pytest.raises(ConnectionClosedError) as closed:
            told(line, "never")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400
