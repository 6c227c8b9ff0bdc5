"""The unfinal tip over the final rows: what readers see is what a straight fold of all blocks gives."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.facts import BlockFinalised
from indexer.explorer.tables import OVERLAID
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history
from tests.indexer.world import history

pytestmark = pytest.mark.thorough

DECISIONS = st.lists(st.lists(st.integers(0, 2**20), max_size=6), min_size=2, max_size=8)


def shown(place: Place) -> dict[str, list[tuple[object, ...]]]:
    return {table.name: place.shown(table.name) for table in OVERLAID}


def straight(folder: Path, blocks: list[BlockFinalised]) -> dict[str, list[tuple[object, ...]]]:
    """What a fresh explorer shows of these blocks, all of them on the tip."""
    with Place(folder) as place:
        for block in blocks:
            place.tip.extend(block)
        place.explorer.refresh()
        return shown(place)


def unfinal(place: Place, table: str) -> int:
    with place.explorer.database.reading() as cursor:
        return int(cursor.execute(f"SELECT count(*) FROM {table} WHERE NOT is_final").fetchall()[0][0])


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(decisions=DECISIONS, steps=st.lists(st.integers(0, 3), min_size=20, max_size=20))
def test_block_by_block_and_finalised_in_any_rhythm_readers_see_the_straight_fold(
    tmp_path_factory: pytest.TempPathFactory, decisions: list[list[int]], steps: list[int]
) -> None:
    blocks = history(decisions)
    with Place(tmp_path_factory.mktemp("tip")) as place:
        final = 0
        for block, step in zip(blocks, steps, strict=False):
            place.tip.extend(block)
            if step:
                place.explorer.refresh()
            if step == 2 and final < block.number:
                final += 1
                place.tip.finalise(final)
            if step == 3:
                final = block.number
                place.tip.finalise(final)
                place.explorer.refresh()
        place.explorer.refresh()
        expected = straight(tmp_path_factory.mktemp("straight"), blocks)
        seen = shown(place)
        # Final blocks without anything of ours are not kept.
        empty = {block.number for block in blocks if not block.transactions and block.number <= final}
        expected["blocks"] = [row for row in expected["blocks"] if row[0] not in empty]
        assert seen == expected


def test_rows_say_whether_they_are_final(place: Place) -> None:
    blocks = random_history(11, 6)
    for block in blocks:
        place.tip.extend(block)
    place.explorer.refresh()
    assert place.explorer.queries.stats().final == -1
    assert unfinal(place, "blocks") == len(blocks)
    place.tip.finalise(4)
    place.explorer.refresh()
    head = place.explorer.head()
    assert (head.number, head.final) == (7, 4)
    assert unfinal(place, "blocks") == 3
    place.tip.finalise(7)
    place.explorer.refresh()
    assert all(unfinal(place, table.name) == 0 for table in OVERLAID)


def test_a_reorg_leaves_no_trace(tmp_path: Path) -> None:
    ours = random_history(12, 8)
    theirs = history([[5, 9, 77], [1234, 4321], [8], [99, 98, 97]], salt="fork")
    fork = [ours[0], *theirs[1:]]
    with Place(tmp_path / "reorg") as place:
        for block in ours:
            place.tip.extend(block)
        place.explorer.refresh()
        place.tip.drop_from(2)
        lost = place.explorer.refresh()
        assert lost > 0
        parent = ours[0].hash
        rebased = []
        for block in fork[1:]:
            rebased.append(_onto(block, parent))
            parent = rebased[-1].hash
            place.tip.extend(rebased[-1])
            place.explorer.refresh()
        assert shown(place) == straight(tmp_path / "straight", [ours[0], *rebased])
        for number in range(1, 6):
            place.tip.finalise(number)
            place.explorer.refresh()
        digest = place.chain_digest()
    with Place(tmp_path / "final") as fresh:
        fresh.finalise(ours[0], *rebased)
        fresh.explorer.refresh()
        assert fresh.chain_digest() == digest


def test_a_reorg_seen_only_after_it_became_final_leaves_no_trace(tmp_path: Path) -> None:
    """A replica may sleep through both: what it showed of the dropped blocks goes as the final ones come."""
    ours, theirs = history([[1, 2], [3, 4], [5, 6]]), history([[7, 70], [8], [9]], salt="fork")
    rebased = [_onto(theirs[1], ours[0].hash)]
    with Place(tmp_path / "replica") as place:
        for block in ours:
            place.tip.extend(block)
        place.explorer.refresh()
        place.tip.drop_from(2)
        place.tip.extend(rebased[0])
        place.tip.finalise(2)
        place.explorer.refresh()
        assert shown(place) == straight(tmp_path / "straight", [ours[0], *rebased])


def test_unfinal_rows_of_an_earlier_run_do_not_outlive_it(tmp_path: Path) -> None:
    blocks = random_history(13, 5)
    with Place(tmp_path) as place:
        for block in blocks:
            place.tip.extend(block)
        place.explorer.refresh()
    with Place(tmp_path) as place:
        assert place.shown("jobs") == []
        place.tip.drop_from(4)
        place.explorer.refresh()
        assert place.explorer.head().number == 3
        assert shown(place) == straight(tmp_path / "straight", blocks[:3])


@pytest.mark.slow
def test_readers_see_whole_blocks_only(place: Place) -> None:
    """Escrow, credit and stakes of the newest block are what the accounts and nodes add up to, at every read."""
    blocks = random_history(14, 25)
    stop, seen, wrong = threading.Event(), set(), []

    def read() -> None:
        while not stop.is_set():
            with place.explorer.database.reading() as cursor:
                row = cursor.execute(
                    "SELECT (SELECT max(number) FROM blocks), (SELECT last(open_escrow ORDER BY number) FROM blocks), "
                    "(SELECT sum(open_escrow) FROM accounts), (SELECT sum(stake) FROM nodes), "
                    "(SELECT last(stakes ORDER BY number) FROM blocks), (SELECT head_number FROM final.progress)"
                ).fetchall()[0]
            if row[0] is None:
                continue
            seen.add(row[0])
            if (row[1], row[3], row[0]) != (row[2] or 0, row[4], row[5]):
                wrong.append(row)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for block in blocks:
        place.tip.extend(block)
        if block.number > 4:
            place.tip.finalise(block.number - 4)
        place.explorer.refresh()
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert len(seen) > 3


def _onto(block: BlockFinalised, parent: bytes) -> BlockFinalised:
    """The same block on another parent, as another chain might have it."""
    return replace(block, parent=parent)
