"""A rebuild that another process orders is done by the one that owns the tables, while it goes on with its work."""

import asyncio
from pathlib import Path

import pytest

from indexer import errands
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history


async def until_done(place: Place) -> errands.Errand:
    doing = asyncio.create_task(errands.doing_errands(place.explorer))
    try:
        async with asyncio.timeout(60):
            errand = errands.read(place.explorer.path)
            while errand is None or errand.state in ("ordered", "under way"):
                await asyncio.sleep(0.02)
                errand = errands.read(place.explorer.path)
        return errand
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)


@pytest.fixture
def used(place: Place) -> Place:
    place.finalise(*random_history(97, 8))
    place.explorer.refresh()
    return place


async def test_what_is_ordered_is_done_and_told(used: Place) -> None:
    errands.order(used.explorer.path)
    errand = await until_done(used)
    assert (errand.state, errand.position, errand.differences) == ("done", used.ledger.position(), ())
    errands.clear(used.explorer.path)
    assert errands.read(used.explorer.path) is None


async def test_differences_are_told_and_mended(used: Place) -> None:
    sound = used.ledger_digest()
    with used.explorer.database.writing() as cursor:
        cursor.execute("UPDATE final.jobs SET escrow = escrow + 1 WHERE job_id = 1")
    errands.order(used.explorer.path)
    errand = await until_done(used)
    assert [each.table for each in errand.differences] == ["jobs"]
    assert used.ledger_digest() == sound


async def test_an_errand_that_a_dead_process_left_is_done_by_the_next(used: Place) -> None:
    used.explorer.path.with_name("explorer.duckdb.rebuild").write_bytes(b'{"state":"under way","position":3,"of":9}')
    assert (await until_done(used)).state == "done"


async def test_a_rebuild_that_fails_is_told_with_its_reason(used: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(errands, "rebuild", fail)
    errands.order(used.explorer.path)
    errand = await until_done(used)
    assert (errand.state, errand.reason) == ("failed", "no room")


def test_an_order_does_not_restart_what_is_under_way(tmp_path: Path) -> None:
    database = tmp_path / "explorer.duckdb"
    database.with_name("explorer.duckdb.rebuild").write_bytes(b'{"state":"under way","position":3,"of":9}')
    errands.order(database)
    errand = errands.read(database)
    assert errand
    assert errand.state == "under way"
