"""WS /v1/work: only who signed the challenge speaks, only of jobs it holds, and no word is told twice."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.api.chain import SIGNING, SIGNING_KEY, until
from tests.api.conftest import House, Standing, sse

STRANGER_KEY = bytes.fromhex("22" * 32)


class Line:
    """A worker's end of the line."""

    def __init__(self, socket: Connection) -> None:
        self.socket = socket

    def say(self, message: Any) -> dict[str, Any]:
        self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        answer: dict[str, Any] = json.loads(self.socket.recv(timeout=5))
        return answer


@contextmanager
def introduced(url: str, key: bytes = SIGNING_KEY, named: str | None = None) -> Iterator[Line]:
    with connect(url.replace("http", "ws") + "/v1/work") as socket:
        challenge = json.loads(socket.recv(timeout=5))["challenge"]
        account = Account.from_key(key)
        signature = "0x" + account.sign_message(encode_defunct(text=challenge)).signature.hex().removeprefix("0x")
        socket.send(json.dumps({"address": named or account.address.lower(), "signature": signature}))
        yield Line(socket)


@pytest.fixture
def claimed(http: httpx.Client, house: House) -> int:
    http.post("/v1/prompts", json={"prompt": "Why?"})
    house.chain.claim(1, worker=SIGNING)
    return 1


def stage(n: int, stage: str, job: int = 1, **details: Any) -> dict[str, Any]:
    return {"n": n, "type": "progress", "job": job, "stage": stage, "at": 1, **details}


def tokens(n: int, seq: int, text: str, job: int = 1) -> dict[str, Any]:
    return {"n": n, "type": "tokens", "job": job, "seq": seq, "text": text}


def test_what_the_claimant_says_reaches_readers_in_order(
    url: str, http: httpx.Client, house: House, claimed: int
) -> None:
    with introduced(url) as line, http.stream("GET", f"/v1/prompts/{claimed}/events") as response:
        events = sse(response.iter_lines())
        assert line.say(stage(1, "started", prompt_tokens=9)) == {"ack": 1}
        line.say(tokens(2, 0, "Be"))
        line.say(tokens(3, 1, "cause."))
        line.say(stage(4, "answered", tokens=2))
        line.say(stage(5, "proving"))
        line.say(stage(6, "proved", ms=48.5))
        line.say(stage(7, "submitted", tx_hash="0xabc"))
        house.chain.settle(1, house.content.write(b"Because."), (9, 2), worker=SIGNING)
        story = list(events)
    names = [event.name for event in story]
    assert names == [
        "queued", "claimed", "started", "token", "token", "answered", "proving", "proved", "submitted",
        "settled", "indexed",
    ]  # fmt: skip
    assert "".join(event.data["text"] for event in story if event.name == "token") == "Because."
    assert next(event for event in story if event.name == "proved").data["ms"] == 48.5


def test_a_wrong_key_is_refused(url: str) -> None:
    with introduced(url, key=STRANGER_KEY, named="0x" + SIGNING.hex()) as line:
        assert "signed by" in json.loads(line.socket.recv(timeout=5))["error"]
        with pytest.raises(ConnectionClosed):
            line.socket.recv(timeout=5)


def test_a_signature_for_another_connection_is_refused(url: str) -> None:
    with connect(url.replace("http", "ws") + "/v1/work") as socket:
        old = json.loads(socket.recv(timeout=5))["challenge"]
    signature = "0x" + Account.from_key(SIGNING_KEY).sign_message(encode_defunct(text=old)).signature.hex()
    with connect(url.replace("http", "ws") + "/v1/work") as socket:
        socket.recv(timeout=5)
        socket.send(json.dumps({"address": "0x" + SIGNING.hex(), "signature": signature}))
        assert "error" in json.loads(socket.recv(timeout=5))


@pytest.mark.parametrize("hello", ["{", "{}", '{"address":"0x12","signature":"0x34"}', "[]", "null"])
def test_a_malformed_hello_is_refused(standing: Standing, hello: str) -> None:
    with connect(str(standing.http.base_url).replace("http", "ws") + "/v1/work") as socket:
        socket.recv(timeout=5)
        socket.send(hello)
        assert "hello is malformed" in json.loads(socket.recv(timeout=5))["error"]


def test_a_line_without_a_hello_is_closed(url: str) -> None:
    with connect(url.replace("http", "ws") + "/v1/work") as socket:
        socket.recv(timeout=5)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


def test_another_worker_cannot_speak_of_the_job(url: str, http: httpx.Client, claimed: int) -> None:
    with introduced(url, key=STRANGER_KEY) as line:
        refused = line.say(tokens(1, 0, "Nonsense"))
    assert refused["ack"] == 1
    assert f"job {claimed} is not held by" in refused["refused"]
    with http.stream("GET", f"/v1/prompts/{claimed}/events") as response:
        events = sse(response.iter_lines())
        assert [next(events).name, next(events).name] == ["queued", "claimed"]


def test_a_worker_that_reconnects_is_not_told_twice(url: str, http: httpx.Client, house: House, claimed: int) -> None:
    with introduced(url) as line:
        line.say(stage(10, "started"))
        line.say(tokens(11, 0, "Once."))
    with introduced(url) as line:
        assert line.say(stage(10, "started")) == {"ack": 11}
        assert line.say(tokens(11, 0, "Once.")) == {"ack": 11}
    house.chain.cancel(claimed)
    with http.stream("GET", f"/v1/prompts/{claimed}/events") as response:
        texts = [event.data["text"] for event in sse(response.iter_lines()) if event.name == "token"]
    assert texts == ["Once."]


def test_a_restarted_worker_begins_the_answer_anew(url: str, http: httpx.Client, claimed: int) -> None:
    with introduced(url) as line:
        line.say(stage(1, "started"))
        line.say(tokens(2, 0, "Half an ans"))
        with http.stream("GET", f"/v1/prompts/{claimed}/events") as response:
            events = sse(response.iter_lines())
            until(lambda: next(events).name == "token")
            line.say(stage(3, "started"))
            line.say(tokens(4, 0, "A whole answer"))
            retract, started, token = next(events), next(events), next(events)
    assert (retract.name, retract.data["names"]) == ("retract", ["started", "token"])
    assert (started.name, token.data["text"]) == ("started", "A whole answer")


def test_a_worker_that_fails_takes_its_attempt_back_and_the_job_goes_on(
    url: str, http: httpx.Client, claimed: int
) -> None:
    with introduced(url) as line, http.stream("GET", f"/v1/prompts/{claimed}/events") as response:
        events = sse(response.iter_lines())
        line.say(stage(1, "started"))
        until(lambda: next(events).name == "started")
        line.say(stage(2, "failed", reason="out of memory"))
        retract = next(events)
    assert (retract.name, retract.data["reason"]) == ("retract", "the worker failed: out of memory")


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "{}",
        '{"n":1,"type":"dance","job":1}',
        '{"n":-1,"type":"tokens","job":1,"seq":0,"text":"x"}',
        '{"n":1,"type":"tokens","job":2,"seq":0,"text":"x","more":1}',
        '{"n":1,"type":"progress","job":2,"stage":"settled"}',
        '{"n":1,"type":"progress","job":2,"stage":"started","deep":{"a":1}}',
        '{"n":1,"type":"tokens","job":99999999999999999999,"seq":0,"text":"x"}',
        '{"n":1,"type":"tokens","job":1,"seq":0,"text":"' + "x" * 70_000 + '"}',
        '{"n":1,"type":"sample","at":1,"cpu_percent":250,"memory_used":1,"memory_total":2}',
    ],
    ids=range(10),
)
def test_a_malformed_message_ends_the_line_with_a_reason(standing: Standing, message: str) -> None:
    with introduced(str(standing.http.base_url)) as line:
        assert line.say(message)["error"].endswith("Update the worker: it speaks another version of this protocol.")
        with pytest.raises(ConnectionClosed):
            line.socket.recv(timeout=5)


def test_telemetry_is_recorded_at_most_once_a_second(url: str, house: House) -> None:
    gpu = {
        "name": "H200", "uuid": "GPU-1", "utilisation_percent": 93.0, "memory_used": 1, "memory_total": 2,
        "temperature_c": None, "power_w": 700.0,
    }  # fmt: skip
    sample = {"type": "sample", "at": 1, "cpu_percent": 12.5, "memory_used": 5, "memory_total": 9, "gpus": [gpu]}
    with introduced(url) as line:
        assert line.say({"n": 1, **sample}) == {"ack": 1}
        assert line.say({"n": 2, **sample}) == {"ack": 2}
    recorded = house.ledger.stream("node:0x" + SIGNING.hex())
    assert [fact.fact.gpus[0].power_w for fact in recorded] == [700.0]  # type: ignore[attr-defined]


def test_telemetry_of_a_stranger_is_not_recorded(url: str, house: House) -> None:
    before = house.ledger.position()
    sample = {"n": 1, "type": "sample", "at": 1, "cpu_percent": 1.0, "memory_used": 1, "memory_total": 2}
    with introduced(url, key=STRANGER_KEY) as line:
        assert "no registered node" in line.say(sample)["refused"]
    assert house.ledger.position() == before
