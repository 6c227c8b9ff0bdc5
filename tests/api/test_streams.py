"""GET /v1/prompts/{id}/events: everything in order, once, from wherever a reader was."""

import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import msgspec
import pytest

from api.app import create_app
from domain.facts import JobClaimed
from tests.api.chain import GENESIS_S, OTHER, WORKER, until
from tests.api.conftest import SETTINGS, House, Sse, serving, sse

Ask = Callable[..., httpx.Response]


@contextmanager
def listening(http: httpx.Client, job_id: int, last: str | None = None) -> Iterator[Iterator[Sse]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with http.stream("GET", f"/v1/prompts/{job_id}/events", headers=headers) as response:
        if response.status_code != 200:
            response.read()
            raise AssertionError(response.text)
        assert response.headers["content-type"].startswith("text/event-stream")
        yield sse(response.iter_lines())


def test_a_reader_hears_the_whole_story_and_then_the_stream_ends(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    with listening(http, 1) as events:
        assert next(events).name == "queued"
        house.chain.claim(1)
        assert next(events).data["worker"] == "0x" + WORKER.hex()
        house.chain.settle(1, house.content.write(b"So."), (3, 2))
        rest = list(events)
    assert [event.name for event in rest] == ["answered", "settled", "indexed"]
    assert rest[1].data["amount"] == "70"


def test_a_late_reader_hears_the_same_story_with_the_whole_answer(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    house.chain.claim(1)
    house.chain.settle(1, house.content.write("Só.".encode()), (3, 2))
    with listening(http, 1) as events:
        story = list(events)
    assert [event.name for event in story] == ["queued", "claimed", "token", "answered", "settled", "indexed"]
    assert story[2].data["text"] == "Só."


def test_a_reader_who_comes_back_goes_on_after_its_last_event(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    house.chain.claim(1)
    with listening(http, 1) as events:
        first = [next(events), next(events)]
    house.chain.cancel(1)
    with listening(http, 1, last=first[0].id) as events:
        assert [event.name for event in events] == ["claimed", "failed"]
    with listening(http, 1, last=first[1].id) as events:
        assert [event.name for event in events] == ["failed"]


def test_a_reader_of_an_earlier_process_is_told_to_forget_and_hears_all(http: httpx.Client, ask: Ask) -> None:
    ask()
    with listening(http, 1, last="0badcafe-1") as events:
        assert (next(events).name, next(events).name) == ("retract", "queued")


def test_a_strange_event_id_is_refused(http: httpx.Client, ask: Ask) -> None:
    ask()
    refused = http.get("/v1/prompts/1/events", headers={"Last-Event-ID": "seven"})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/bad-event-id")


def test_a_reorganisation_takes_back_what_it_dropped(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    house.chain.unfinal = True
    with listening(http, 1) as events:
        next(events)
        claimed = house.chain.claim(1)
        seen = next(events)
        house.chain.reorganise(claimed.number)
        retract = next(events)
        house.chain.claim(1, worker=OTHER)
        again = next(events)
    number = int(seen.id.split("-")[1])
    assert (retract.name, retract.data["events"], retract.data["names"]) == ("retract", [number], ["claimed"])
    assert retract.data["reason"] == "the chain was reorganised"
    assert again.data["worker"] == "0x" + OTHER.hex()


def test_a_lost_lease_takes_back_the_first_claim(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    house.chain.claim(1)
    with listening(http, 1) as events:
        next(events), next(events)
        house.chain.claim(1, worker=OTHER, loser=WORKER)
        retract = next(events)
        assert (retract.name, next(events).name) == ("retract", "claimed")
    assert "claimed again" in retract.data["reason"]


def test_an_idle_stream_shows_that_it_lives(http: httpx.Client, ask: Ask) -> None:
    ask()
    with http.stream("GET", "/v1/prompts/1/events") as response:
        assert any(line.startswith(": heartbeat") for line in response.iter_lines())


def test_readers_beyond_the_limit_are_turned_away(house: House) -> None:
    settings = msgspec.structs.replace(SETTINGS, streams_max=1)
    with serving(create_app(house.parts(settings))) as url, httpx.Client(base_url=url) as http:
        http.post("/v1/prompts", json={"prompt": "Why?"})
        with listening(http, 1) as events:
            next(events)
            refused = http.get("/v1/prompts/1/events")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        until(lambda: "tallystick_streams 0.0" in http.get("/metrics").text)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No help from the garbage collector, which would close a forgotten stream some time later."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("uncollected")
def test_a_reader_that_takes_nothing_loses_its_place(house: House) -> None:
    settings = msgspec.structs.replace(SETTINGS, slow_reader_s=0.3, heartbeat_s=0.05, story_events_max=100_000)
    app = create_app(house.parts(settings))
    with serving(app) as url, httpx.Client(base_url=url) as http:
        http.post("/v1/prompts", json={"prompt": "Why?"})
        house.chain.claim(1)
        host, port = url.removeprefix("http://").split(":")
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((host, int(port)))
            slow.sendall(b"GET /v1/prompts/1/events HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: "tallystick_streams 1.0" in http.get("/metrics").text)
            story = app.state["desks"].stories.open(1)
            for _ in range(400):
                story.tell("token", {"seq": 0, "text": "x" * 100_000}, "worker")
            until(lambda: "tallystick_streams 0.0" in http.get("/metrics").text, timeout_s=20)


def test_a_claim_at_the_tip_is_told_at_once(http: httpx.Client, ask: Ask, house: House) -> None:
    ask()
    house.chain.unfinal = True
    house.chain.mine(JobClaimed(1, WORKER, GENESIS_S + 60))
    assert http.get("/v1/prompts/1").json()["is_final"] is False
    with listening(http, 1) as events:
        assert [next(events).name, next(events).name] == ["queued", "claimed"]
