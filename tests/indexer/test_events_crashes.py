"""Tables of anyone's contract, killed at every fault point on their way: they end as those that were never killed."""

import asyncio
import random
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.facts import BlockFinalised
from domain.faultpoints import listening
from domain.ledger import Ledger, Tip
from indexer.events import Events
from indexer.following import Indexer
from indexer.integrity import Checks
from tests.indexer.lives import Reaper, View, news_of
from tests.indexer.test_events import ABI, ALICE, BOB, OTHER, TOKEN, block, raw, transfer, word

CHAIN_ID, FORK, LAST = 1, 9, 14
REACHED = {
    "ledger.begun", "ledger.inserting", "ledger.before_commit", "ledger.committed", "ledger.created", "tip.extended",
    "tip.taken", "tip.settled", "indexer.block_shown", "indexer.reorg_shown", "indexer.final_recorded",
    "indexer.checks_recorded", "explorer.begun", "explorer.stored", "explorer.before_commit", "explorer.committed",
}  # fmt: skip
"""What this way passes: the rest belongs to the explorer's own tables, to rebuilds and to backups."""

BY_CHANCE = {"indexer.block_shown"}
"""The news may end before what came last is shown by itself; the end shows it then."""

pytestmark = pytest.mark.slow


@cache
def views() -> list[View]:
    """A backfill, a tip, a reorg of some blocks with other events, and everything final in the end."""
    before = [mined(number) for number in range(1, 12)]
    after = [*before[: FORK - 1], *(mined(number, FORK) for number in range(FORK, LAST + 1))]
    return [
        View(tuple(before[:5]), 5),
        View(tuple(before[:9]), 6),
        View(tuple(before), 7),
        View(tuple(after), 8),
        View(tuple(after), LAST),
    ]


def mined(number: int, fork: int = 0) -> BlockFinalised:
    """Every third block is empty; the others hold a transfer of either contract, and a log that no ABI describes."""
    logs = (transfer(ALICE, BOB, number + fork), transfer(BOB, ALICE, number, OTHER), (TOKEN, raw((), b"?")))
    made = block(number, *(logs if number % 3 else ()))
    return replace(made, hash=hash_of(number, fork), parent=hash_of(number - 1, fork))


def hash_of(number: int, fork: int) -> bytes:
    return word(2 * number + (0 < fork <= number))


class Folder:
    """What survives a kill: the files, and how far the chain has come."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path, self._past = path, 0

    def live(self) -> None:
        """From where the process before was killed to the end."""
        ledger = Ledger(f"sqlite:///{self._path}/ledger.db")
        events: Events | None = None
        try:
            tip = Tip(ledger, CHAIN_ID)
            events = Events(self._path / "events.duckdb", ledger, tip, [(TOKEN, ABI), (OTHER, ABI)], batch_events=4)
            checks = Checks(ledger, CHAIN_ID, "http://node", blocks_max=4, open_max_s=3600)
            checks.recover(tip.position(), tip.blocks())
            events.refresh()
            told = news_of(views(), min(self._past, len(views()) - 1), tip.snapshot(), events.head, self._passed)
            asyncio.run(Indexer(ledger, tip, events, checks).run(told))
        finally:
            if events is not None:
                events.close()
            ledger.close()

    def told(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row that readers see at the end, and that all of them were checked."""
        ledger = Ledger(f"sqlite:///{self._path}/ledger.db")
        events = Events(
            self._path / "events.duckdb", ledger, Tip(ledger, CHAIN_ID), [(TOKEN, ABI), (OTHER, ABI)], batch_events=4
        )
        try:
            with events.database.reading() as cursor:
                ranges = cursor.execute("SELECT first, last FROM integrity ORDER BY first").fetchall()
                assert (ranges[0][0], ranges[-1][1]) == (1, LAST)
                assert all(after[0] == before[1] + 1 for before, after in pairwise(ranges)), ranges
                assert cursor.execute("SELECT count(*) FROM reorgs").fetchall()[0][0] <= 1
                tables = ("transfer", "raw_logs", "blocks", "events")
                return {name: sorted(cursor.execute(f"FROM {name}").fetchall(), key=repr) for name in tables}
        finally:
            events.close()
            ledger.close()

    def _passed(self, views: int) -> None:
        self._past = views


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    folder, reached = Folder(tmp_path_factory.mktemp("straight") / "0"), Counter[str]()
    with listening(lambda point: reached.update((point,))):
        folder.live()
    assert set(reached) | BY_CHANCE == REACHED
    told = folder.told()
    assert {row[-1] for row in told["transfer"]} == {True}, "everything is final in the end"
    assert len(told["events"]) == 3 * sum(number % 3 > 0 for number in range(1, LAST + 1))
    return told


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_every_point_the_tables_end_as_if_they_had_not_been(
    straight: dict[str, list[tuple[Any, ...]]], tmp_path: Path, seed: int
) -> None:
    source, left = random.Random(seed), set(REACHED)
    for number, chance in enumerate((0.3, 1.0)):
        folder, reaper = Folder(tmp_path / str(number)), Reaper(left, chance, source)
        reaper.lives(folder.live)
        assert folder.told() == straight, reaper.deaths
    assert left <= BY_CHANCE
