"""Orders through crashes: recorded before sent, sent once, found again by whoever comes back."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from api.app import create_app
from api.service.desks import Desks
from api.service.orders import KeyReused, Question
from api.service.ports import ChainUnready, Order
from domain.facts import JobOrdered, TransactionSigned, Wei
from domain.ledger import Recorded, streams
from receipts.request import SCHEMA, Request
from tests.api.conftest import SETTINGS, House, opened

WHY = Question(request=Request(schema=SCHEMA, prompt="Why?"))


class Crashed(BaseException):
    """The process ends here."""


def desks(house: House) -> Desks:
    """The service as a fresh process has it."""
    made: Desks = create_app(house.parts()).state["desks"]
    return made


async def test_concurrent_orders_with_one_key_are_one_order(house: House) -> None:
    house.chain.delay_s = 0.05
    desk = desks(house).orders
    placed = await asyncio.gather(*(desk.place(WHY, "k") for _ in range(8)))
    assert {each.job.job_id for each in placed} == {1}
    assert len(house.chain.sent) == 1


async def test_two_replicas_with_one_key_place_one_order(house: House) -> None:
    one, other = desks(house).orders, desks(house).orders
    placed = await asyncio.gather(one.place(WHY, "k"), other.place(WHY, "k"))
    assert {each.job.job_id for each in placed} == {1}
    assert len(house.ledger.stream(streams.job_order("k"))) == 1


async def test_of_two_different_orders_with_one_key_the_second_is_refused(house: House) -> None:
    other = Question(request=Request(schema=SCHEMA, prompt="How?"))
    desk = desks(house).orders
    done = await asyncio.gather(desk.place(WHY, "k"), desk.place(other, "k"), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["KeyReused", "Placed"]
    assert len(house.chain.sent) == 1


@pytest.mark.parametrize("step", ["stored", "recorded", "sent"])
async def test_a_crash_at_any_step_sends_the_order_once_when_it_is_repeated(
    house: House, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        crash_after(step, house, broken)
        with pytest.raises(Crashed):
            await desks(house).orders.place(WHY, "k")
    placed = await desks(house).orders.place(WHY, "k")
    assert placed.job.job_id == 1
    assert len(house.chain.sent) == len(house.chain.jobs) == 1


def crash_after(step: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: object) -> None:
        raise Crashed

    if step == "stored":
        monkeypatch.setattr(house.ledger, "record", lambda *_: (_ for _ in ()).throw(Crashed()))
    elif step == "recorded":
        monkeypatch.setattr(house.chain, "place", crash)
    else:
        place = house.chain.place

        async def place_and_crash(order: Order) -> int:
            await place(order)
            raise Crashed

        monkeypatch.setattr(house.chain, "place", place_and_crash)


async def test_an_order_that_a_crash_left_unsent_is_sent_at_the_next_start(house: House) -> None:
    house.chain.down = True
    with pytest.raises(ChainUnready):
        await desks(house).orders.place(WHY, "k")
    house.chain.down = False
    again = desks(house)
    assert await again.orders.resume() == 1
    placed = await again.orders.place(WHY, "k")
    assert (placed.replayed, placed.job.job_id, len(house.chain.sent)) == (True, 1, 1)


async def test_an_order_whose_transaction_was_signed_is_left_to_the_relayer(house: House) -> None:
    house.ledger.record(
        Recorded(streams.job_order("k"), 1, JobOrdered(bytes(32), "Qm", "m", 1, Wei(1), "order:k")),
        Recorded("signer:31337:0xaa", 1, TransactionSigned("order:k", 0, b"", Wei(0), b"", 1, 1, 1, b"", b"")),
    )
    assert await desks(house).orders.resume() == 0


async def test_orders_are_found_after_a_restart_of_everything(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        house.chain.begin()
        first = await desks(house).orders.place(WHY, "k")
    with opened(tmp_path) as house:
        house.chain.sent = {"order:k": 1}
        again = await desks(house).orders.place(WHY, "k")
        with pytest.raises(KeyReused):
            await desks(house).orders.place(Question(request=WHY.request, model="other"), "k")
    assert again.job == first.job


async def test_an_order_that_is_mined_late_is_not_lost(house: House) -> None:
    house.chain.delay_s = 0.3

    hasty = create_app(house.parts(replace(SETTINGS, order_wait_s=0.05))).state["desks"].orders
    with pytest.raises(ChainUnready, match="not mined within"):
        await hasty.place(WHY, "k")
    placed = await desks(house).orders.place(WHY, "k")
    assert (placed.job.job_id, len(house.chain.sent)) == (1, 1)
