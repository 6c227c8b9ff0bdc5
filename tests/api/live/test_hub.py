"""The hub: what is told once, to whom, from which id on, and what becomes of readers that are too slow."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from api.live import channels
from api.live.channels import FellBehind
from api.live.hub import BadEventId, Hub
from api.live.reading import Reader, events
from api.live.topics import BadTopic, topics_named
from api.settings import ApiSettings
from domain.facts import JobClaimed, JobRequested, JobTermsFixed, LeaseExpired, Wei
from tests.api.chain import GENESIS_S, MODEL, MODEL_CID, NOBODY, OTHER, WORKER, FactChain
from tests.api.conftest import SETTINGS, House, opened

pytestmark = pytest.mark.thorough

QUICK = replace(SETTINGS, live_together_s=0.001, heartbeat_s=60)
USER = bytes.fromhex("cc" * 20)


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[House]:
    with opened(tmp_path) as house:
        house.chain.begin()
        yield house


def order(chain: FactChain, job_id: int = 1) -> None:
    terms = JobTermsFixed(job_id, USER, NOBODY, 0, Wei(100), 10, Wei(1), Wei(1), GENESIS_S + 3600, 1)
    chain.mine(JobRequested(job_id, USER, "QmPrompt", MODEL, MODEL_CID), terms)


@asynccontextmanager
async def running(house: House, log_messages: int = 1000, settings: ApiSettings = QUICK) -> AsyncIterator[Hub]:
    hub = Hub(house.explorer, settings, log_messages)
    async with hub.running():
        yield hub


async def heard(reader: Reader, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """What the reader is told up to the message that `until` holds of."""
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(5):
        while not any(until(message) for message in told):
            for frame in await reader.frames():
                told += [] if frame.beat else [msgspec.json.decode(message.json) for message in frame.messages]
    return told


def names(told: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(message["type"], message.get("kind", "")) for message in told]


def puts(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: message["type"] == "put" and message["kind"] == kind


async def mine(house: House, act: Callable[[FactChain], object]) -> None:
    await asyncio.to_thread(act, house.chain)


async def test_a_commit_is_told_as_rows_and_then_the_head_they_lead_to(held: House) -> None:
    async with running(held) as hub:
        reader = Reader(hub, topics_named(["jobs", "blocks"]), None)
        assert names(await heard(reader, lambda message: message["type"] == "head")) == [("head", "")]
        await mine(held, order)
        told = await heard(reader, lambda message: message["type"] == "head")
        assert names(told) == [("put", "job"), ("put", "block"), ("head", "")]
        assert (told[0]["row"]["controller"], told[0]["is_final"]) == ("0x" + USER.hex(), True)
        assert told[-1]["head"]["number"] == told[1]["row"]["number"] == held.chain.height


async def test_readers_of_the_same_topics_are_sent_the_same_bytes(held: House) -> None:
    async with running(held) as hub:
        first, second = (events(hub, topics_named(["jobs"]), None) for _ in range(2))
        await anext(first), await anext(second)
        await mine(held, order)
        assert await anext(first) is await anext(second)


async def test_a_job_that_another_worker_takes_is_retracted_for_those_who_follow_the_first(held: House) -> None:
    order(held.chain)
    held.chain.mine(JobClaimed(1, WORKER, GENESIS_S + 60))
    async with running(held) as hub:
        loser, winner = (Reader(hub, topics_named([f"address:0x{address.hex()}"]), None) for address in (WORKER, OTHER))
        everybody = Reader(hub, topics_named(["jobs", f"address:0x{WORKER.hex()}"]), None)
        await mine(held, lambda chain: chain.mine(LeaseExpired(1, WORKER), JobClaimed(1, OTHER, GENESIS_S + 90)))
        told = await heard(loser, lambda message: message.get("reason") == "reassigned")
        assert ("put", "job") not in names(told)
        assert (await heard(winner, puts("job")))[1]["row"]["worker"] == "0x" + OTHER.hex()
        assert ("retract", "job") not in names(await heard(everybody, puts("job")))


async def test_a_reader_goes_on_after_its_last_id_through_a_reorganisation(held: House) -> None:
    held.chain.unfinal = True
    async with running(held) as hub:
        reader = Reader(hub, topics_named(["jobs"]), None)
        await mine(held, order)
        last = (await heard(reader, puts("job")))[-1]["id"]
        reader.close()
        await mine(held, lambda chain: chain.reorganise(chain.height))
        await mine(held, lambda chain: order(chain, 2))
        again = await heard(Reader(hub, topics_named(["jobs"]), last), puts("job"))
        assert names(again) == [("retract", "job"), ("put", "job"), ("head", "")]
        assert (again[0]["key"], again[0]["reason"], again[1]["key"]) == ("1", "reorganised", "2")


async def test_what_becomes_final_is_told_by_the_head_also_to_quiet_readers(held: House) -> None:
    held.chain.unfinal = True
    order(held.chain)
    async with running(held) as hub:
        reader = Reader(hub, topics_named(["job:1"]), None)
        before = await heard(reader, lambda message: message["type"] == "head")
        held.chain.tip.finalise(held.chain.height)
        await asyncio.to_thread(held.explorer.refresh)
        after = await heard(reader, lambda message: message["type"] == "head")
        assert names(after) == [("head", "")]
        assert before[0]["head"]["final"] < after[0]["head"]["final"] == held.chain.height


async def test_an_id_that_is_too_old_or_of_another_process_gets_a_reset_and_a_strange_one_is_refused(
    held: House,
) -> None:
    async with running(held, log_messages=3) as hub:
        first, reader = hub.newest, Reader(hub, topics_named(["jobs"]), None)
        for job_id in (1, 2, 3):
            await mine(held, lambda chain, job_id=job_id: order(chain, job_id))
        await heard(reader, lambda message: message.get("key") == "3")
        for unknown in (first, "0badcafe-1", hub.newest.split("-")[0] + "-999999"):
            told = await heard(Reader(hub, topics_named(["jobs"]), unknown), lambda message: message["type"] == "head")
            assert names(told) == [("reset", ""), ("head", "")], unknown
        with pytest.raises(BadEventId, match="seven"):
            Reader(hub, topics_named(["jobs"]), "seven")


async def test_what_a_backfill_changed_is_not_told_one_by_one(held: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.explorer.changes.ROWS_MAX", 1)
    async with running(held) as hub:
        reader = Reader(hub, topics_named(["jobs"]), None)
        last = hub.newest
        await mine(held, order)
        told = await heard(reader, lambda message: message["type"] == "reset")
        assert names(told) == [("head", ""), ("reset", ""), ("head", "")]
        assert names(await heard(Reader(hub, topics_named(["jobs"]), last), lambda _: True))[0] == ("reset", "")


async def test_a_reader_that_is_too_slow_hears_that_it_is_dropped_and_holds_up_nobody(
    held: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "FRAMES_MAX", 2)
    async with running(held) as hub:
        slow, quick = events(hub, topics_named(["jobs"]), None), Reader(hub, topics_named(["jobs"]), None)
        await anext(slow)
        for job_id in range(1, 5):
            await mine(held, lambda chain, job_id=job_id: order(chain, job_id))
            await heard(quick, puts("job"))
        assert b"event: dropped" in await anext(slow)
        with pytest.raises(StopAsyncIteration):
            await anext(slow)
        assert hub.readers == 0


async def test_a_silent_channel_shows_that_it_lives_and_up_to_where_all_was_told(held: House) -> None:
    async with running(held, settings=replace(QUICK, heartbeat_s=0.05)) as hub:
        silent = events(hub, topics_named(["job:7"]), None)
        await anext(silent)
        await mine(held, order)
        while (beat := await anext(silent)) != f": heartbeat\nid: {hub.newest}\n\n".encode():
            assert beat.startswith(b": heartbeat\nid: ")


async def test_figures_are_told_when_they_change(held: House) -> None:
    async with running(held) as hub:
        reader = Reader(hub, topics_named(["stats"]), None)
        assert (await heard(reader, puts("stats")))[-2]["row"]["jobs"] == 0
        await mine(held, order)
        assert (await heard(reader, puts("stats")))[0]["row"]["jobs"] == 1


async def test_other_topics_lose_nothing_of_those_before(held: House) -> None:
    async with running(held) as hub:
        reader = Reader(hub, topics_named(["jobs"]), None)
        await mine(held, order)
        await heard(Reader(hub, topics_named(["jobs"]), None), lambda message: message["type"] == "head")
        reader.follow(topics_named(["blocks"]))
        await mine(held, lambda chain: order(chain, 2))
        told = await heard(reader, puts("block"))
        assert ("put", "job") in names(told)[: names(told).index(("subscribed", ""))]
        assert ("put", "job") not in names(told)[names(told).index(("subscribed", "")) :]


async def test_falling_behind_is_told_to_who_asks_for_frames(held: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "MESSAGES_MAX", 1)
    async with running(held) as hub:
        reader, quick = (Reader(hub, topics_named(["jobs"]), None) for _ in range(2))
        await reader.frames()
        for job_id in (1, 2, 3):
            await mine(held, lambda chain, job_id=job_id: order(chain, job_id))
            await heard(quick, puts("job"))
        with pytest.raises(FellBehind):
            await reader.frames()


@pytest.mark.parametrize(
    ("topic", "hint"),
    [
        ("job", "jobs"),
        ("block", "'blocks'"),
        ("job:x", "job:NUMBER"),
        ("job:01", "job:NUMBER"),
        ("address:0x12", "40 hex digits"),
        ("", "jobs"),
    ],
)
def test_a_topic_that_does_not_exist_is_named_with_what_there_is(topic: str, hint: str) -> None:
    with pytest.raises(BadTopic) as refused:
        topics_named([topic])
    assert hint in refused.value.remedy


def test_topics_are_named_in_any_case_and_not_without_end() -> None:
    assert topics_named(["JOBS", " address:0x" + "AB" * 20]) == {"jobs", "address:0x" + "ab" * 20}
    with pytest.raises(BadTopic, match="51 topics"):
        topics_named(f"job:{number}" for number in range(51))
