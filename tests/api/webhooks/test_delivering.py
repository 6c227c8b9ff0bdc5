"""What waits is sent in order, again after growing pauses, and given up, to be seen and sent again."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from api.webhooks import delivering
from api.webhooks.delivering import Deliveries
from api.webhooks.records import GIVE_UP_S, RETRY_S, Endpoint, Told, pause_ms
from api.webhooks.sending import Sender
from api.webhooks.signing import Vault
from api.webhooks.store import Store
from domain.ledger import Ledger
from tests.api.webhooks.receiver import Receiver, receiving


class Lab(Struct):
    """A store, a receiver, and a clock that tests set."""

    store: Store
    receiver: Receiver
    vault: Vault
    now_ms: int = 1_000_000

    def add(self, name: str, url: str = "", **fields: Any) -> None:
        secret = self.vault.seal("whsec_AAAA", name)
        self.store.add(Endpoint(name, url or self.receiver.url, ("jobs",), "instant", "", secret, 0, **fields))

    def tell(self, name: str, *ids: str) -> None:
        self.store.tell([Told(name, each, "test", each.encode(), self.now_ms) for each in ids], None)

    def state(self, name: str, delivery: str) -> str:
        found = self.store.delivery(name, delivery)
        assert found is not None
        return found.state


@pytest.fixture
async def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    monkeypatch.setattr(delivering, "LOOK_EVERY_S", 0.01)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    store = Store(ledger, 1)
    store.prepare()
    async with receiving() as receiver:
        lab = Lab(store, receiver, Vault(tmp_path / "key"))
        sender = Sender(lab.vault, 2.0, True, lambda: lab.now_ms)
        task = asyncio.create_task(Deliveries(store, sender, lambda: lab.now_ms, random.Random(1)).run())
        yield lab
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sender.close()
    ledger.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  what is waited for is in a database
            await asyncio.sleep(0.01)


async def test_deliveries_come_in_their_order_and_are_done(lab: Lab) -> None:
    lab.add("ep")
    lab.tell("ep", "a", "b", "c")
    await until(lambda: lab.state("ep", "c") == "delivered")
    assert [each.headers["webhook-id"] for each in lab.receiver.taken] == ["a", "b", "c"]


async def test_one_that_fails_is_sent_again_after_its_pause_under_the_same_id_and_nothing_overtakes_it(
    lab: Lab,
) -> None:
    lab.receiver.answer(500, 503, 200)
    lab.add("ep")
    lab.tell("ep", "a", "b")
    for failures in (1, 2):
        await until(lambda failures=failures: lab.store.deliveries("ep", None, 2)[1].failures == failures)  # type: ignore[misc]
        lab.now_ms = lab.store.deliveries("ep", None, 2)[1].next_at
    await until(lambda: lab.state("ep", "b") == "delivered")
    assert [each.headers["webhook-id"] for each in lab.receiver.taken] == ["a", "a", "a", "b"]
    found = lab.store.delivery("ep", "a")
    assert found is not None
    assert [attempt.status for attempt in found.attempts] == [500, 503, 200]


async def test_a_slow_or_dead_endpoint_holds_up_no_other(lab: Lab) -> None:
    async with receiving() as silent:
        silent.is_silent = True
        lab.add("silent", silent.url)
        lab.add("ep")
        lab.tell("silent", "x")
        lab.tell("ep", "a")
        await until(lambda: lab.state("ep", "a") == "delivered")
        assert lab.state("silent", "x") == "waiting"


async def test_the_last_failure_makes_it_dead_and_the_next_has_its_turn(lab: Lab) -> None:
    lab.receiver.answer(500)
    lab.add("ep")
    lab.tell("ep", "a", "b")
    for _ in range(len(RETRY_S) + 1):
        failures = lab.store.deliveries("ep", None, 2)[1].failures
        await until(lambda failures=failures: lab.store.deliveries("ep", None, 2)[1].failures > failures)  # type: ignore[misc]
        lab.now_ms = max(lab.now_ms, lab.store.deliveries("ep", None, 2)[1].next_at)
    assert lab.state("ep", "a") == "dead"
    lab.receiver.answer(200)
    await until(lambda: lab.store.deliveries("ep", None, 2)[0].failures > 0 or lab.state("ep", "b") == "delivered")
    lab.now_ms += 3_600_000
    await until(lambda: lab.state("ep", "b") == "delivered")
    assert lab.store.revive("ep", lab.now_ms) == 1
    await until(lambda: lab.state("ep", "a") == "delivered")


async def test_gone_disables_at_once_and_buries_what_waits(lab: Lab) -> None:
    lab.receiver.answer(410)
    lab.add("ep")
    lab.tell("ep", "a", "b")
    await until(lambda: lab.state("ep", "b") == "dead")
    endpoint = lab.store.endpoint("ep")
    assert endpoint is not None
    assert (endpoint.is_enabled, "410" in (endpoint.reason or "")) == (False, True)
    assert len(lab.receiver.taken) == 1


async def test_failing_for_days_disables_and_one_success_forgives(lab: Lab) -> None:
    lab.receiver.answer(500, 200, 500)
    lab.add("old", failing_since=lab.now_ms - 1000 * GIVE_UP_S - 1)
    lab.tell("old", "a", "b")
    await until(lambda: lab.state("old", "b") == "dead")
    lab.add("ep", failing_since=lab.now_ms - 5)
    lab.tell("ep", "c")
    await until(lambda: lab.state("ep", "c") == "delivered")
    endpoint = lab.store.endpoint("ep")
    assert endpoint is not None
    assert endpoint.failing_since is None


async def test_too_many_that_wait_disable(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "WAITING_MAX", 2)
    async with receiving() as silent:
        silent.is_silent = True
        lab.add("ep", silent.url)
        lab.tell("ep", "a", "b", "c")
        await until(lambda: lab.state("ep", "c") == "dead")


def test_pauses_grow_to_half_a_day_with_jitter_and_end() -> None:
    source = random.Random(1)
    pauses = [pause_ms(failures, source) for failures in range(1, len(RETRY_S) + 2)]
    assert pauses[-1] is None
    known = [pause for pause in pauses if pause is not None]
    assert known == sorted(known)
    assert pause_ms(1, source) != pause_ms(1, source)


def test_of_what_is_finished_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.webhooks.store.FINISHED_KEPT", 2)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    store = Store(ledger, 1)
    store.prepare()
    store.add(Endpoint("ep", "https://x.example/", ("jobs",), "instant", "", b"", 0))
    store.tell([Told("ep", str(i), "test", b"{}", 0) for i in range(6)], None)
    store.bury("ep")
    store.tell([Told("ep", "waits", "test", b"{}", 0)], None)
    store.forget_old()
    assert [each.id for each in store.deliveries("ep", None, 10)] == ["waits", "5", "4"]
    ledger.close()
