"""Rows at hand: the same as those of the tables at every commit, whatever the chain does meanwhile."""

import random
from pathlib import Path

import pytest

from indexer.explorer import rebuild
from indexer.explorer.aggregates import JOBS
from indexer.explorer.at_hand import NotAtHand, Rows
from indexer.explorer.filters import equal
from indexer.explorer.lists import JOBS_LIST
from indexer.explorer.rowfile import Reach, RowFile
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history
from tests.indexer.world import USERS, WORKERS

pytestmark = pytest.mark.thorough

ADDRESSES = [("controller", "0x" + each.hex()) for each in USERS] + [("worker", "0x" + each.hex()) for each in WORKERS]


def at_hand(place: Place) -> Rows:
    rows = place.explorer.at_hand.now
    assert rows is not None
    return rows


def assert_same(place: Place) -> None:
    """Every job and every page, of all and of each address."""
    rows, queries = at_hand(place), place.explorer.queries
    everything = queries.rows(JOBS_LIST.order, (), None, 1000).rows
    assert rows.rows(JOBS_LIST.order, (), None, 1000).rows == everything
    for job in everything:
        assert rows.job(job.job_id) == job
    assert rows.job(len(everything) + 1) is None
    for column, address in ADDRESSES:
        where = equal(**{column: address})
        page = queries.rows(JOBS_LIST.order, where, None, 3)
        assert rows.rows(JOBS_LIST.order, where, None, 3) == page
        if page.next:
            following = queries.rows(JOBS_LIST.order, where, page.next, 3)
            assert rows.rows(JOBS_LIST.order, where, page.next, 3) == following


@pytest.mark.parametrize("seed", range(3))
def test_rows_at_hand_follow_tip_finality_and_reorganisations(place: Place, seed: int) -> None:
    source = random.Random(seed)
    blocks = random_history(seed, 16)
    place.finalise(*blocks[:8])
    place.explorer.refresh()
    place.explorer.keep_rows()
    for block in blocks[8:16]:
        place.tip.extend(block)
        place.explorer.refresh()
        assert_same(place)
    place.tip.finalise(10)
    place.explorer.refresh()
    assert_same(place)
    place.tip.drop_from(source.randint(11, 15))
    place.explorer.refresh()
    assert_same(place)


def test_a_backfill_ends_them_and_they_are_caught_up_with_after_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = random_history(4, 30)
    place.finalise(*blocks[:10])
    place.explorer.refresh()
    place.explorer.keep_rows()
    monkeypatch.setattr("indexer.explorer.explorer.SMALL_EVENTS", 3)
    place.finalise(*blocks[10:20])
    place.explorer.refresh()
    assert place.explorer.at_hand.now is None
    monkeypatch.undo()
    place.finalise(*blocks[20:])
    place.explorer.refresh()
    assert place.explorer.at_hand.now is None
    place.explorer.keep_rows()
    assert_same(place)


def test_what_is_kept_in_the_file_is_gone_on_with_after_a_restart(tmp_path: Path) -> None:
    blocks = random_history(5, 20)
    with Place(tmp_path) as place:
        place.finalise(*blocks[:12])
        place.explorer.refresh()
        place.explorer.keep_rows()
    with Place(tmp_path) as place:
        place.finalise(*blocks[12:])
        place.explorer.refresh()
        place.explorer.keep_rows()
        assert_same(place)


def test_a_file_of_other_tables_is_made_anew(tmp_path: Path) -> None:
    with Place(tmp_path / "one") as one, Place(tmp_path / "two") as two:
        for place, blocks in ((one, 12), (two, 8)):
            place.finalise(*random_history(blocks, blocks))
            place.explorer.refresh()
            place.explorer.keep_rows()
    name = "explorer.rows"
    (tmp_path / "one" / name).replace(tmp_path / "two" / name)
    with Place(tmp_path / "two") as place:
        place.explorer.refresh()
        place.explorer.keep_rows()
        assert_same(place)


def test_a_file_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        place.finalise(*random_history(8, 8))
        (tmp_path / "explorer.rows").write_bytes(b"no database" * 1000)
        place.explorer.refresh()
        place.explorer.keep_rows()
        assert_same(place)


def test_a_rebuild_by_another_process_leaves_no_file_of_the_tables_before(tmp_path: Path) -> None:
    blocks = random_history(11, 12)
    with Place(tmp_path) as place:
        place.finalise(*blocks[:10])
        place.explorer.refresh()
        place.explorer.keep_rows()
    with Place(tmp_path) as place:
        rebuild(place.explorer)
        assert not (tmp_path / "explorer.rows").exists()
        place.finalise(*blocks[10:])
        place.explorer.refresh()
        place.explorer.keep_rows()
        assert_same(place)


def test_what_is_not_at_hand_says_so(place: Place) -> None:
    place.finalise(*random_history(9, 4))
    place.explorer.refresh()
    place.explorer.keep_rows()
    rows = at_hand(place)
    with pytest.raises(NotAtHand):
        rows.receipt(1)
    with pytest.raises(NotAtHand):
        rows.rows(JOBS_LIST.order, equal(state="open"))
    with pytest.raises(NotAtHand):
        rows.rows(JOBS_LIST.order, equal(controller=ADDRESSES[0][1], state="open"))


def test_the_largest_amounts_and_every_text_come_back_as_they_were(tmp_path: Path) -> None:
    with Place(tmp_path / "place") as place:
        place.finalise(*random_history(10, 6))
        place.explorer.refresh()
        job = place.explorer.queries.jobs().rows[0]
    job.escrow, job.model_id, job.prompt_cid, job.model_cid = 2**127 - 1, "0x" + "AB" * 20, "12", "0x" + "z" * 40
    file = RowFile(tmp_path / "rows", JOBS, ("controller",), 1)
    file.write([job], Reach(1, "0x01"))
    assert file.one(job.job_id) == job
    assert file.reach() == Reach(1, "0x01")
    file.close()
