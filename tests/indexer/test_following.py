"""News of the chain, told by hand: tip, ledger and explorer follow, and what was checked is on record."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from chain.errors import DeepReorg
from chain.news import Extended, Finalised, News, Reorganised
from domain.facts import BlockFinalised
from domain.ledger import Recorded
from indexer.explorer.batches import Stored
from indexer.explorer.rows import IntegrityRow
from indexer.following import Indexer
from indexer.integrity import Checks
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_overlay import shown, straight
from tests.indexer.test_projecting import random_history

pytestmark = pytest.mark.thorough


async def tell(news: Sequence[News], fault: Exception | None = None) -> AsyncIterator[News]:
    for each in news:
        yield each
        await asyncio.sleep(0)
    if fault:
        raise fault


def indexer(place: Place, blocks_max: int = 1_000) -> Indexer:
    checks = Checks(place.ledger, CHAIN_ID, "http://node", blocks_max=blocks_max, open_max_s=3600)
    return Indexer(place.ledger, place.tip, place.explorer, checks)


def finalised(block: BlockFinalised) -> Finalised:
    return Finalised(block.number, block.hash)


def ranges(place: Place) -> list[IntegrityRow]:
    return list(reversed(place.explorer.queries.integrity(limit=100).rows))


async def test_a_backfill_goes_straight_to_the_ledger_and_the_tip_lies_over_it(tmp_path: Path) -> None:
    blocks = random_history(61, 20)
    news: list[News] = [*(Extended((block,), is_final=True) for block in blocks[:15]), finalised(blocks[14])]
    with Place(tmp_path / "told") as place:
        await indexer(place).run(tell([*news, *(Extended((block,)) for block in blocks[15:])]))
        assert place.explorer.head().final == 15
        assert place.explorer.head().number == 21
        with Place(tmp_path / "other") as other:
            other.finalise(*blocks[:15])
            for block in blocks[15:]:
                other.tip.extend(block)
            other.explorer.refresh()
            assert shown(place) == shown(other)


async def test_with_instant_finality_every_block_is_final_as_it_comes_and_dates_the_head(place: Place) -> None:
    blocks = random_history(62, 6)
    news = [each for block in blocks for each in (Extended((block,), is_final=True), finalised(block))]
    await indexer(place).run(tell(news))
    head = place.explorer.head()
    assert (head.number, head.final, head.at) == (7, 7, blocks[-1].timestamp)
    assert place.tip.blocks() == []


async def test_a_reorg_is_followed_and_recorded_with_what_readers_lost(tmp_path: Path) -> None:
    blocks = random_history(63, 6)
    dropped = tuple(block.hash for block in blocks[4:])
    news: list[News] = [Extended((block,)) for block in blocks]
    with Place(tmp_path / "told") as place:
        await indexer(place).run(tell([*news, Reorganised(5, dropped), Extended((blocks[4],))]))
        (reorg,) = place.explorer.queries.reorgs().rows
        assert (reorg.from_number, reorg.depth) == (5, 3)
        assert reorg.dropped == tuple("0x" + each.hex() for each in dropped)
        assert reorg.rows >= sum(len(block.occurrences) for block in blocks[4:])
        assert shown(place) == straight(tmp_path / "straight", blocks[:5])


async def test_a_deep_reorg_stops_the_indexer_with_the_words_of_the_news(place: Place) -> None:
    blocks = random_history(64, 3)
    news: list[News] = [Extended((blocks[0],), is_final=True), finalised(blocks[0])]
    with pytest.raises(DeepReorg, match="index again"):
        await indexer(place).run(tell(news, DeepReorg("final block 1 changed: remove the folder and index again")))
    assert place.explorer.head().number == 1


async def test_a_backfill_is_shown_in_few_pieces_and_never_read_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = random_history(69, 119)
    read: list[Recorded] = []
    shown_times: list[int] = []
    after, refresh = place.ledger.after, place.explorer.refresh

    def reading(position: int, limit: int) -> list[Stored]:
        found = after(position, limit)
        read.extend(recorded for _, recorded in found)
        return found

    def refreshing(newest: BlockFinalised | None = None, in_hand: Sequence[Stored] = ()) -> int:
        shown_times.append(len(in_hand))
        return refresh(newest, in_hand)

    monkeypatch.setattr(place.ledger, "after", reading)
    monkeypatch.setattr(place.explorer, "refresh", refreshing)
    pieces = [blocks[i : i + 20] for i in range(0, 120, 20)]
    news = [each for piece in pieces for each in (Extended(tuple(piece), is_final=True), finalised(piece[-1]))]
    await indexer(place).run(tell(news))
    assert place.explorer.head().final == blocks[-1].number
    assert not [recorded for recorded in read if isinstance(recorded.fact, BlockFinalised)]
    assert sum(shown_times) == sum(1 for block in blocks if block.transactions)
    assert len([many for many in shown_times if many]) <= 3


async def test_a_fault_of_the_explorer_ends_the_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(place.explorer, "refresh", full)
    with pytest.raises(OSError, match="no space"):
        await indexer(place).run(tell([Extended((block,)) for block in random_history(65, 2)]))


async def test_checked_ranges_link_from_the_first_block_to_the_last(place: Place) -> None:
    blocks = random_history(66, 11)
    news = [each for block in blocks for each in (Extended((block,), is_final=True), finalised(block))]
    await indexer(place, blocks_max=4).run(tell(news))
    found = ranges(place)
    assert [(row.first, row.last) for row in found] == [(1, 1), (2, 5), (6, 9), (10, 12)]
    assert found[0].parent_hash == "0x" + blocks[0].parent.hex()
    assert [row.parent_hash for row in found[1:]] == [row.last_hash for row in found[:-1]]
    assert found[-1].last_hash == "0x" + blocks[-1].hash.hex()
    assert all(row.level == "root" and row.provider == "http://node" and "receipts root" in row.checks for row in found)


async def test_a_restart_closes_the_range_that_a_crash_left_open(place: Place) -> None:
    blocks = random_history(67, 9)
    first: list[News] = [each for block in blocks[:1] for each in (Extended((block,), is_final=True), finalised(block))]
    await indexer(place).run(tell(first))
    place.finalise(*blocks[1:6])  # as a run that was killed before it recorded a range
    rest = [each for block in blocks[6:] for each in (Extended((block,), is_final=True), finalised(block))]
    await indexer(place).run(tell(rest))
    assert [(row.first, row.last) for row in ranges(place)] == [(1, 1), (2, 6), (7, 10)]


async def test_a_fact_recorded_beside_the_chain_is_shown_after_a_nudge(place: Place) -> None:
    ended = asyncio.Event()

    async def silence() -> AsyncIterator[News]:
        await ended.wait()
        return
        yield

    running = indexer(place)
    task = asyncio.create_task(running.run(silence()))
    place.finalise(*random_history(68, 2))
    running.nudge()
    assert await place.explorer.wait_for_async(lambda queries: queries.job(1), 20)
    ended.set()
    await task
