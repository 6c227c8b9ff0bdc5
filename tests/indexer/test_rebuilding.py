"""A projection is made anew beside the live one, compared, and put in its place."""

import threading
from pathlib import Path

import pytest

from indexer.explorer import rebuild
from indexer.explorer.tables import OVERLAID
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history

pytestmark = pytest.mark.thorough


def test_a_rebuild_of_a_sound_projection_finds_no_difference_and_shows_the_same(place: Place) -> None:
    blocks = random_history(51, 20)
    place.finalise(*blocks[:15])
    for block in blocks[15:]:
        place.tip.extend(block)
    place.explorer.refresh()
    before = {table.name: place.shown(table.name) for table in OVERLAID}
    head = place.explorer.queries.head()
    rebuilt = rebuild(place.explorer)
    assert rebuilt.differences == ()
    assert {table.name: place.shown(table.name) for table in OVERLAID} == before
    assert place.explorer.queries.head() == head


def test_a_rebuild_lists_what_differs_and_mends_it(place: Place) -> None:
    place.finalise(*random_history(52, 10))
    place.explorer.refresh()
    sound = place.ledger_digest()
    with place.explorer.database.writing() as cursor:
        cursor.execute("UPDATE final.jobs SET escrow = escrow + 1 WHERE job_id = 1")
    (difference,) = rebuild(place.explorer).differences
    assert difference.table == "jobs"
    assert len(difference.only_left) == len(difference.only_right) == 1
    assert place.ledger_digest() == sound


def test_rebuilds_follow_each_other_and_a_restart_opens_the_newest(tmp_path: Path) -> None:
    blocks = random_history(53, 12)
    with Place(tmp_path) as place:
        place.finalise(*blocks[:6])
        place.explorer.refresh()
        files = set()
        for _ in range(3):
            rebuild(place.explorer)
            files.add(place.explorer.path.resolve().name)
        assert files == {"explorer-1.duckdb", "explorer-2.duckdb"}
        place.finalise(*blocks[6:])
        place.explorer.refresh()
        digest = place.ledger_digest()
    assert sorted(path.name for path in tmp_path.glob("*.duckdb*")) == ["explorer-1.duckdb", "explorer.duckdb"]
    with Place(tmp_path) as place:
        assert place.explorer.head().number == blocks[-1].number
        assert place.ledger_digest() == digest


def test_a_rebuild_that_was_broken_off_is_taken_up_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.finalise(*random_history(54, 12))
    place.explorer.refresh()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("indexer.explorer.rebuilding.os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            rebuild(place.explorer)
    assert [path.name for path in place.folder.glob("*.building")] == ["explorer-1.duckdb.building"]
    assert rebuild(place.explorer).differences == ()
    assert list(place.folder.glob("*.building")) == []


def test_readers_never_stop(place: Place) -> None:
    place.finalise(*random_history(55, 15))
    place.explorer.refresh()
    wanted = place.explorer.queries.job(1)
    stop, answers, faults = threading.Event(), [0], []

    def read() -> None:
        while not stop.is_set():
            try:
                assert place.explorer.queries.job(1) == wanted
                answers[0] += 1
            except Exception as fault:
                faults.append(fault)
                return

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(2):
        rebuild(place.explorer)
    stop.set()
    reader.join()
    assert not faults
    assert answers[0] > 10
