"""Stories: bounded, resumable, and at every moment what the chain and the claimant say."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from api.service.stories import FellBehind, Stories, Story, TooManyStreams
from api.service.telling import Event, Told

QUEUED = Told("queued", {"model": "m"})
CLAIMED = Told("claimed", {"worker": "0xaa"})
RECLAIMED = Told("claimed", {"worker": "0xbb"})
ANSWERED = Told("answered", {"response_cid": "Qm"})
ENDED = (Told("settled", {"amount": "1"}), Told("indexed", {"block": 3}))


def story(events_max: int = 1_000) -> Story:
    return Story(events_max, clock=lambda: 7)


def names(told: Story) -> list[str]:
    return [event.name for event in told.events]


async def collected(events: AsyncGenerator[Event | None, None], count: int) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(5):
        async for event in events:
            found += [event] if event else []
            if len(found) == count:
                return found
    return found


def test_telling_the_same_again_tells_nothing() -> None:
    told = story()
    told.tell_chain([QUEUED, CLAIMED])
    told.tell_chain([QUEUED, CLAIMED])
    assert names(told) == ["queued", "claimed"]


def test_the_workers_answered_stands_for_the_chains() -> None:
    told = story()
    told.tell_chain([QUEUED, CLAIMED])
    told.tell("answered", {"tokens": 2}, "worker")
    told.tell_chain([QUEUED, CLAIMED, ANSWERED, *ENDED])
    assert names(told) == ["queued", "claimed", "answered", "settled", "indexed"]


def test_a_lost_claim_takes_all_that_its_worker_said() -> None:
    told = story()
    told.tell_chain([QUEUED, CLAIMED])
    told.tell("started", {}, "worker")
    told.tell("token", {"seq": 0, "text": "x"}, "worker")
    told.tell_chain([QUEUED, RECLAIMED])
    assert names(told) == ["queued", "retract", "claimed"]
    assert told.events[1].data["events"] == [2, 3, 4]
    assert told.claimant == "0xbb"


def test_a_dropped_settlement_leaves_the_answer() -> None:
    told = story()
    told.tell_chain([QUEUED, CLAIMED, ANSWERED, *ENDED])
    assert told.ended
    told.tell_chain([QUEUED, CLAIMED, ANSWERED])
    assert (names(told), told.ended) == (["queued", "claimed", "answered", "retract"], False)


def test_a_job_that_a_reorganisation_took_leaves_nothing() -> None:
    told = story()
    told.tell_chain([QUEUED, CLAIMED])
    told.tell("started", {}, "worker")
    told.tell_chain([])
    assert names(told) == ["retract"]


def test_a_long_answer_is_folded_and_no_word_of_it_is_lost() -> None:
    told = story(events_max=64)
    told.tell_chain([QUEUED, CLAIMED])
    for seq in range(10_000):
        told.tell("token", {"seq": seq, "text": f"{seq} "}, "worker")
    assert len(told.events) <= 64
    text = "".join(event.data["text"] for event in told.events if event.name == "token")
    assert text == "".join(f"{seq} " for seq in range(10_000))


async def test_a_reader_whose_place_was_folded_away_is_told_so() -> None:
    told = story(events_max=64)
    told.tell_chain([QUEUED, CLAIMED])
    reading = told.follow(0, heartbeat_s=5)
    await collected(reading, 2)
    for seq in range(1_000):
        told.tell("token", {"seq": seq, "text": "x"}, "worker")
    with pytest.raises(FellBehind):
        await collected(told.follow(2, heartbeat_s=5), 1)
    assert len(await collected(told.follow(0, heartbeat_s=5), 3)) == 3


async def test_readers_at_different_places_hear_the_same_order() -> None:
    told = story()
    told.tell_chain([QUEUED])
    early = asyncio.create_task(collected(told.follow(0, heartbeat_s=5), 4))
    await asyncio.sleep(0)
    told.tell_chain([QUEUED, CLAIMED])
    late = asyncio.create_task(collected(told.follow(1, heartbeat_s=5), 3))
    told.tell_chain([QUEUED, CLAIMED, *ENDED])
    assert (await early)[1:] == await late


async def test_a_quiet_story_beats() -> None:
    told = story()
    told.tell_chain([QUEUED])
    reading = told.follow(1, heartbeat_s=0.01)
    assert await anext(reading) is None
    await reading.aclose()


def test_the_story_unused_for_longest_is_forgotten_first() -> None:
    held = Stories(stories_max=2, events_max=10, streams_max=10)
    for job_id in (1, 2, 1, 3):
        held.open(job_id)
    assert [held.held(job_id) is not None for job_id in (1, 2, 3)] == [True, False, True]


async def test_a_story_that_is_read_is_not_forgotten() -> None:
    held = Stories(stories_max=1, events_max=10, streams_max=1)
    held.open(1).tell_chain([QUEUED])
    reading = held.read(1, 0, heartbeat_s=5)
    await anext(reading)
    held.open(2)
    assert held.held(1) is not None
    assert held.followed() == [1]
    other: Any = held.read(2, 0, heartbeat_s=5)
    with pytest.raises(TooManyStreams):
        await anext(other)
    await reading.aclose()
    assert (held.streams, held.followed()) == (0, [])
