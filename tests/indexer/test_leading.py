"""One indexer leads a chain at a time, on either database; the next takes over when it is gone."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from domain.ledger import Ledger, LedgerFull, LedgerUnreachable
from indexer.enduring import enduring
from indexer.leading import LeadLost, lead_of, leading
from tests.indexer.place import CHAIN_ID

HOLD = """
import sys
from domain.ledger import Ledger
from indexer.leading import lead_of
turn = lead_of(Ledger(sys.argv[1]), int(sys.argv[2]))
print(turn.take(), flush=True)
input()
"""
TAKEN_OVER_WITHIN_S = 5.0


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url)
    yield ledger
    ledger.close()


def a_leader(url: str) -> "subprocess.Popen[str]":
    """Another process, which tells whether it leads and holds the lead as long as it lives."""
    command = [sys.executable, "-c", HOLD, url, str(CHAIN_ID)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_only_one_holds_the_lead_of_a_chain_and_each_chain_has_its_own(ledger: Ledger) -> None:
    first, second, other = lead_of(ledger, CHAIN_ID), lead_of(ledger, CHAIN_ID), lead_of(ledger, 5)
    assert first.take()
    assert not second.take()
    assert other.take()
    assert first.is_held()
    assert not second.is_held()
    assert "process" in second.holder()
    first.release()
    assert not first.is_held()
    assert second.take()
    second.release()
    other.release()


async def test_who_waits_says_so_and_takes_over_within_five_seconds_of_a_kill(
    ledger: Ledger, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    leader = a_leader(url)
    waits, leads = asyncio.Event(), asyncio.Event()

    async def meanwhile() -> None:
        waits.set()
        await asyncio.Event().wait()

    async def stand_by() -> None:
        async with leading(lead_of(ledger, CHAIN_ID), "chain 31337", meanwhile):
            leads.set()

    try:
        assert leader.stdout
        assert leader.stdout.readline() == "True\n"
        standing_by = asyncio.create_task(stand_by())
        await asyncio.wait_for(waits.wait(), 20)
        assert not leads.is_set()
        assert "leads chain 31337: standing by to take over" in caplog.text
        leader.kill()
        began = time.monotonic()
        await asyncio.wait_for(standing_by, 20)
        assert time.monotonic() - began < TAKEN_OVER_WITHIN_S
        assert "took over the lead of chain 31337" in caplog.text
    finally:
        leader.kill()
        leader.communicate()


async def test_a_lead_that_is_lost_ends_what_is_done_under_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.leading.WATCH_EVERY_S", 0.01)
    turn = lead_of(ledger, CHAIN_ID)

    async def lead() -> None:
        async with leading(turn, "chain 31337"):
            turn.release()
            await asyncio.wait_for(asyncio.Event().wait(), 20)

    with pytest.raises(LeadLost, match="lost the lead of chain 31337"):
        await lead()


async def test_what_goes_wrong_while_standing_by_is_told(ledger: Ledger) -> None:
    holder = lead_of(ledger, CHAIN_ID)
    assert holder.take()

    async def broken() -> None:
        raise ValueError("of standing by")

    with pytest.raises(ValueError, match="of standing by"):
        await leading(lead_of(ledger, CHAIN_ID), "chain 31337", broken).__aenter__()
    holder.release()


async def test_a_trouble_that_passes_is_waited_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tries = 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise LedgerFull("the disk is full")
        await asyncio.sleep(0.05)

    await enduring(work, try_every_s=0.001, over_after_s=0.01)
    assert tries == 4
    assert [record.getMessage() for record in caplog.records] == [
        "indexing waits: the disk is full",
        "indexing goes on after 0 s",
    ]


async def test_any_other_trouble_ends_the_work_with_its_reason() -> None:
    async def work() -> None:
        raise ValueError("for good")

    with pytest.raises(ValueError, match="for good"):
        await enduring(work)


async def test_a_lost_lead_is_waited_out_whatever_breaks_while_the_work_ends(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.leading.WATCH_EVERY_S", 0.01)
    turn, tries = lead_of(ledger, CHAIN_ID), 0

    async def lead() -> None:
        nonlocal tries
        async with leading(turn, "chain 31337"):
            tries += 1
            if tries == 3:
                return
            turn.release()
            try:
                await asyncio.Event().wait()
            finally:
                if tries == 2:
                    raise LedgerUnreachable("the last words could not be recorded either")

    await enduring(lead, try_every_s=0.001)
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0
    assert tries == 3
