"""Kept answers: at every head the same as if they had been read anew, whatever the chain did in between."""

import asyncio
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec import Struct
from msgspec.structs import replace

from api.app import create_app
from api.explorer.conditional import OPT_IN, marks_of
from api.explorer.keeping import Keeping
from api.explorer.words import head_out
from api.service.ports import Order
from domain.facts import JobCancelled, ReceiptPublished, Wei
from domain.ledger import Recorded, streams
from tests.api.chain import CHAIN_ID, COORDINATOR, GATEWAY, MODEL, OTHER, SIGNING, WORKER
from tests.api.conftest import SETTINGS, House

WORKERS = (WORKER, OTHER, SIGNING)
LISTS = ("jobs", "receipts", "nodes", "models", "accounts", "blocks", "events", "transactions", "stats", "reorgs")
PREFIX = "/explorer/v1/"


class Pair(Struct):
    """Two APIs over one index: one that keeps answers, and one that has room for none."""

    house: House
    keeping: TestClient[Litestar]
    plain: TestClient[Litestar]

    def compare(self, path: str) -> None:
        kept, plain = self.keeping.get(PREFIX + path), self.plain.get(PREFIX + path)
        assert kept.status_code == plain.status_code, path
        assert told(kept.json()) == told(plain.json()), path


def told(body: Any) -> Any:
    """A cursor holds the head at which it was made, and may be kept longer than that; time passes between two."""
    aged = body | {"head": body["head"] | {"age_s": None}} if "head" in body else body
    return aged | {"next": body["next"] is not None} if "next" in body else aged


@pytest.fixture
def pair(house: House) -> Iterator[Pair]:
    plain = create_app(house.parts(replace(SETTINGS, answers_bytes_max=1)))
    with TestClient(create_app(house.parts())) as keeping, TestClient(plain) as without:
        yield Pair(house, keeping, without)


class Life:
    """What happens on the chain, drawn from a seed."""

    def __init__(self, house: House, seed: int) -> None:
        self.house, self.source = house, random.Random(seed)
        self.jobs = 0
        house.chain.unfinal = True

    def order(self) -> None:
        self.jobs = self.house.chain.request(Order("any", "QmPrompt", MODEL, 16, 10_000))

    def claim(self) -> None:
        if job := self._job():
            self.house.chain.claim(job, self.source.choice(WORKERS))

    def settle(self) -> None:
        if job := self._job():
            self.house.chain.settle(job, "QmAnswer", (5, 4), self.source.choice(WORKERS))

    def cancel(self) -> None:
        if job := self._job():
            self.house.chain.cancel(job)

    def finalise(self) -> None:
        head = self.house.explorer.head()
        self.house.chain.tip.finalise(self.source.randint(head.final, head.number))
        self.house.explorer.refresh()

    def reorganise(self) -> None:
        head = self.house.explorer.head()
        if head.number > head.final:
            number = self.source.randint(head.final + 1, head.number)
            facts = [JobCancelled(self.jobs, GATEWAY, Wei(10_000))] if self.jobs else []
            self.house.chain.reorganise(number, *facts)

    def publish(self) -> None:
        """What a worker tells of a receipt beside the chain."""
        if job := self._job():
            stream = streams.receipt(CHAIN_ID, COORDINATOR, job)
            newest = self.house.ledger.newest(stream)
            version = newest.originator_version + 1 if newest else 1
            cid, commitment = f"QmDocument{version}", Wei(9)
            fact = ReceiptPublished(job, WORKER, cid, "QmAnswer", commitment, 5, 4, 1_000, 2_000 + version)
            self.house.ledger.record(Recorded(stream, version, fact))
            self.house.explorer.refresh()

    def _job(self) -> int:
        return self.source.randint(1, self.jobs) if self.jobs else 0

    def act(self) -> None:
        acts: list[Callable[[], None]] = [self.order] * 3 + [self.claim] * 2 + [self.settle] * 3 + [self.publish] * 2
        self.source.choice([*acts, self.cancel, self.finalise, self.finalise, self.reorganise])()

    def questions(self) -> list[str]:
        """Some that stand for all, and some about what may have changed just now."""
        addresses = ["0x" + each.hex() for each in (GATEWAY, *WORKERS)]
        own = [f"jobs/{self._job()}", f"receipts/{self._job()}", f"nodes/{addresses[1]}", f"accounts/{addresses[0]}"]
        held = [f"jobs?worker={addresses[1]}", f"receipts?worker={addresses[2].upper().replace('X', 'x')}"]
        narrow = [
            "jobs?limit=2&sort=-amount&count=true",
            "jobs?state=open,claimed&include=node",
            f"jobs?controller={addresses[0]}&limit=3",
        ]
        head = self.house.explorer.head().number
        return [*LISTS, *own, *held, *narrow, f"jobs?as_of={self.source.randint(1, head)}"]


@pytest.mark.parametrize("seed", range(4))
def test_a_kept_answer_is_what_the_index_would_say(pair: Pair, seed: int) -> None:
    life = Life(pair.house, seed)
    for _ in range(20):
        life.act()
        questions = life.questions()
        for question in life.source.sample(questions, 8) * 2:
            pair.compare(question)


def test_a_kept_answer_tells_the_head_of_now(pair: Pair) -> None:
    life = Life(pair.house, 0)
    life.order()
    life.order()
    before = pair.keeping.get(PREFIX + "jobs/1").json()
    pair.house.chain.claim(2)
    after = pair.keeping.get(PREFIX + "jobs/1")
    assert after.status_code == 200, after.text
    assert after.json()["data"] == before["data"]
    assert after.json()["head"]["number"] == before["head"]["number"] + 1
    assert after.headers["Tally-Head"].startswith(f"{after.json()['head']['number']} ")


def test_an_answer_in_json_is_not_given_to_who_wants_another_form(pair: Pair) -> None:
    assert pair.keeping.get(PREFIX + "jobs").status_code == 200
    asked = {"Accept": "text/csv"}
    kept, plain = pair.keeping.get(PREFIX + "jobs", headers=asked), pair.plain.get(PREFIX + "jobs", headers=asked)
    assert (kept.status_code, kept.headers["content-type"]) == (plain.status_code, plain.headers["content-type"])


def test_figures_of_the_head_before_are_given_while_they_are_counted_anew_and_say_of_which(house: House) -> None:
    keeping = Keeping(house.explorer, 100_000, figures_age_s=60)
    counted = asyncio.Event()

    async def count(_scope: Any, _receive: Any, send: Any) -> None:
        head = msgspec.json.encode(head_out(house.explorer.head(), "final"))
        await counted.wait()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"data":1,"head":' + head + b"}", "more_body": False})

    async def ask() -> tuple[int, str]:
        path, said = PREFIX + "stats", []
        handler = SimpleNamespace(opt={OPT_IN: True})
        scope = {"type": "http", "method": "GET", "path": path, "path_template": path, "path_params": {}, "state": {},
                 "query_string": b"", "headers": [], "route_handler": handler}  # fmt: skip

        async def send(message: Any) -> None:
            said.append(message)

        await keeping.handle(scope, None, send, count)  # type: ignore[arg-type]
        return msgspec.json.decode(said[1]["body"])["head"]["number"], marks_of(scope)["Tally-Head"]  # type: ignore[arg-type]

    async def live() -> None:
        counted.set()
        first = house.explorer.head().number
        assert (await ask())[0] == first
        counted.clear()
        house.chain.mine()
        counting = asyncio.create_task(ask())
        await asyncio.sleep(0)
        number, mark = await ask()
        assert (number, mark.split()[0]) == (first, str(first))
        counted.set()
        assert (await counting)[0] == first + 1
        assert (await ask())[0] == first + 1

    asyncio.run(live())
