"""A file that can not grow: DuckDB gives up on it when a checkpoint fails, we open it anew and go on without a slip."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from domain.facts import BlockFinalised
from domain.ledger import Ledger, Position, Tip
from indexer.events import Events
from indexer.explorer import DatabaseFull
from indexer.explorer import database as files
from tests.indexer.place import Place
from tests.indexer.test_events import ABI, TOKEN
from tests.indexer.test_events_crashes import OTHER, mined
from tests.indexer.world import World

LOOKS_MAX = 12

pytestmark = pytest.mark.slow


class Tables(Protocol):
    def refresh(self) -> int: ...


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """As on a disk that is full: what would be written beyond is refused."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(autouse=True)
def checkpoint_at_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHECKPOINT_MIB", 0)


def refused(tables: Tables, file: Path, read: Callable[[], object]) -> int:
    """How often `refresh` found no room, each time with readers served, before it came to its end with room again."""
    times = 0
    with no_file_grows_beyond(file.stat().st_size):
        for _ in range(LOOKS_MAX):
            try:
                tables.refresh()
                break
            except DatabaseFull:
                times += 1
                read()
    tables.refresh()
    return times


def history() -> list[BlockFinalised]:
    world = World()
    return [world.found(), *(world.mine([number * 7919 + n * 104_729 for n in range(40)]) for number in range(2, 30))]


def test_a_checkpoint_without_room_costs_no_reader_and_counts_nothing_twice(tmp_path: Path) -> None:
    blocks = history()
    with Place(tmp_path / "full", batch_events=200) as place, Place(tmp_path / "straight") as straight:
        place.finalise(blocks[0])
        place.explorer.refresh()
        place.finalise(*blocks[1:])
        assert refused(place.explorer, place.explorer.path, place.explorer.queries.stats)
        straight.finalise(*blocks)
        straight.explorer.refresh()
        assert place.chain_digest() == straight.chain_digest()
        assert place.shown("events") == straight.shown("events")
        assert place.explorer.queries.stats() == straight.explorer.queries.stats()
        assert place.explorer.head() == straight.explorer.head()


def test_tables_of_anyones_contract_do_the_same(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    tip = Tip(ledger, 1)
    file = tmp_path / "events.duckdb"
    events = Events(file, ledger, tip, [(TOKEN, ABI), (OTHER, ABI)], batch_events=500)
    try:
        for first in range(1, 4_000, 400):
            blocks = [mined(number) for number in range(first, first + 400)]
            tip.advance(blocks, Position(blocks[-1].number, blocks[-1].hash))
            if first == 1:
                events.refresh()
        assert refused(events, file, events.queries.count)
        with events.database.reading() as cursor:
            found = cursor.execute("SELECT count(*), count(DISTINCT (block, log_index)) FROM events").fetchall()
        expected = 3 * sum(number % 3 > 0 for number in range(1, 4_001))
        assert found == [(expected, expected)]
    finally:
        events.close()
        ledger.close()
