"""Whoever applies what is delivered has the rows of the lists, whatever was reorganised, and whenever the feed died."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.webhooks.feed import Feed
from api.webhooks.records import Delivery, Endpoint
from api.webhooks.store import Store
from indexer.explorer import Changes
from tests.api.live.mirror import Mirror, Rows, listed
from tests.api.live.test_following import Chain
from tests.indexer.place import CHAIN_ID, Place

pytestmark = pytest.mark.thorough

LISTS = ("blocks", "jobs", "receipts")
ALL = 100_000


def endpoint(name: str, finality: Any, *topics: str) -> Endpoint:
    return Endpoint(name, "https://hooks.example/", topics, finality, "", b"", 0)


def applied(store: Store, name: str) -> Rows:
    """What a receiver holds that has had every delivery, in order."""
    rows: Rows = {}
    for delivery in store.deliveries(name, None, ALL, oldest_first=True):
        data = msgspec.json.decode(delivery.body)["data"]
        place = data["kind"], data["key"]
        if data["type"] == "put":
            rows[place] = {name: value for name, value in data["row"].items() if name != "is_final"}
        else:
            rows.pop(place, None)
    return rows


def shown(place: Place) -> Rows:
    rows = listed(place.explorer.queries, Mirror(*LISTS))
    return {at: {name: value for name, value in row.items() if name != "is_final"} for at, row in rows.items()}


class Life:
    """A feed in a process that may die: what it had not recorded is lost with it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.store = Store(place.ledger, CHAIN_ID)
        self.store.prepare()
        self.commits: list[Changes] = []
        self.end = place.explorer.follow(self.commits.append)
        self.feed = Feed(place.explorer, place.ledger, self.store)
        self.feed.resume()

    def take(self) -> None:
        if self.commits:
            taken, self.commits[:] = list(self.commits), []
            self.feed.take(taken)

    def die(self) -> None:
        self.end()


def step(chain: Chain) -> None:
    choice = chain.source.random()
    if choice < 0.2:
        chain.reorganise()
    elif choice < 0.4:
        chain.finalise()
    else:
        for _ in range(chain.source.randint(1, 3)):
            chain.extend()
    if chain.source.random() < 0.8:
        chain.place.explorer.refresh()


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (3, 4, 5, 6))])
def test_through_reorgs_crashes_and_restarts_receivers_have_what_the_lists_have(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    chain: Chain | None = None
    for _ in range(3):
        with Place(tmp_path) as place:
            place.explorer.refresh()
            life = Life(place)
            if chain is None:
                life.store.add(endpoint("instant", "instant", *LISTS))
                life.store.add(endpoint("final", "finalized", *LISTS))
                chain = Chain(place, source)
            chain.place = place
            for _ in range(12):
                step(chain)
                if source.random() < 0.3:
                    life.die()
                    life = Life(place)
                else:
                    life.take()
                if not life.commits:
                    place.explorer.refresh()
                    life.take()
                    assert applied(life.store, "instant") == shown(place)
            if source.random() < 0.5:
                life.die()
                step(chain)
                place.explorer.refresh()
    assert chain is not None
    with Place(tmp_path) as place:
        place.tip.finalise(chain.head)
        place.explorer.refresh()
        life = Life(place)
        assert applied(life.store, "instant") == shown(place) == applied(life.store, "final")
        types = [each.type for each in life.store.deliveries("final", None, ALL)]
        assert not any(kind.endswith(".retract") for kind in types)


def test_a_webhook_hears_of_what_happens_after_it_was_made(place: Place) -> None:
    chain = Chain(place, random.Random(1))
    place.explorer.refresh()
    life = Life(place)
    life.store.add(endpoint("late", "instant", "blocks"))
    chain.extend()
    place.explorer.refresh()
    life.take()
    told = [msgspec.json.decode(each.body)["data"]["key"] for each in life.store.deliveries("late", None, ALL)]
    assert told == [str(chain.head)]


def test_a_disabled_webhook_is_told_nothing_and_each_is_told_its_topics_alone(place: Place) -> None:
    chain = Chain(place, random.Random(1))
    place.explorer.refresh()
    life = Life(place)
    life.store.add(endpoint("blocks", "instant", "blocks"))
    life.store.add(endpoint("jobs", "instant", "jobs"))
    life.store.add(endpoint("off", "instant", "blocks"))
    life.store.change("off", is_enabled=False)
    for _ in range(6):
        chain.extend()
    place.explorer.refresh()
    life.take()

    def types(name: str) -> set[str]:
        return {each.type for each in life.store.deliveries(name, None, ALL)}

    assert (types("blocks"), types("jobs"), types("off")) == ({"block.put"}, {"job.put"}, set())


def test_ids_are_unlike_and_bodies_are_in_the_standard_envelope(place: Place) -> None:
    chain = Chain(place, random.Random(1))
    life = Life(place)
    life.store.add(endpoint("all", "instant", *LISTS))
    for _ in range(4):
        chain.extend()
    place.explorer.refresh()
    life.take()
    found: list[Delivery] = life.store.deliveries("all", None, ALL)
    assert len({each.id for each in found}) == len(found) > 4
    body = msgspec.json.decode(found[0].body)
    assert set(body) == {"type", "timestamp", "data"}
    assert body["data"]["id"] == found[0].id
