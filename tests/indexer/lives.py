"""A whole life of a store, told by a script: it is indexed, backed up, rebuilt, upgraded, restored, and may be killed
anywhere. `python -m tests.indexer.lives FOLDER URL [POINT COUNT]` lives it in a process that ends at a fault point."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from pathlib import Path

import duckdb
import msgspec
from msgspec import Struct

from chain.news import Extended, Finalised, News, Reorganised
from domain.facts import BlockFinalised
from domain.faultpoints import listening
from domain.ledger import Ledger, Snapshot, Tip
from indexer.backup import backup, restore
from indexer.explorer import Explorer, OlderDatabase, digest_of_chain, digest_of_ledger, rebuild, upgrade
from indexer.explorer.rows import Head
from indexer.following import Indexer
from indexer.integrity import Checks
from tests.indexer.place import CHAIN_ID
from tests.indexer.world import World

FORK = 12
DIED = 70
LOOK_S = 0.001


class Killed(BaseException):
    """The process ends here, without another word."""


class View(Struct, frozen=True):
    """The chain at one time, as a node tells it."""

    blocks: tuple[BlockFinalised, ...]
    final: int


@cache
def views() -> list[View]:
    """A backfill, a tip, a reorg of five blocks, and everything final in the end."""
    before, after = branch("main", 16), branch("fork", 19)
    return [
        View(tuple(before[:6]), 6),
        View(tuple(before[:12]), 8),
        View(tuple(before), 10),
        View(tuple(after[:17]), 10),
        View(tuple(after), 17),
        View(tuple(after), 19),
    ]


def branch(name: str, length: int) -> list[BlockFinalised]:
    """Blocks of one history up to the fork, from there on of their own."""
    world = World()
    blocks = [world.found()]
    for number in range(2, length + 1):
        if number == FORK:
            world.salt = name
        blocks.append(world.mine([(number * 7919 + n * 104_729 + (number >= FORK) * len(name)) for n in range(3)]))
    return blocks


class Life:
    """What survives a kill: the files in `folder`, the ledger at `url`, and how far the world has come."""

    STEPS = ("begin", "keep", "rebuild", "upgrade", "end", "copy", "restore")

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self._world = folder / "world.json"
        folder.mkdir(parents=True, exist_ok=True)

    def live(self) -> None:
        """From where an earlier process was killed to the end."""
        for number, name in enumerate(self.STEPS):
            if number >= self._state()[0]:
                getattr(self, f"_{name}")()
                self._tell(number + 1, self._state()[1])

    def told(self) -> dict[str, object]:
        """What must be the same however often it was killed."""
        with Opened(self) as store, store.explorer.database.reading() as cursor:
            ranges = cursor.execute("SELECT first, last FROM final.integrity ORDER BY first").fetchall()
            assert [first for first, _ in ranges] == [1, *(last + 1 for _, last in ranges[:-1])], ranges
            assert cursor.execute("SELECT count(*) FROM final.reorgs").fetchall()[0][0] <= 1
            return {
                "digest": digest_of_chain(cursor).text,
                "checked": ranges[-1][1],
                "head": store.explorer.head(),
                "unfinal": len(store.tip.blocks()),
                "restored": self._restored()
                == msgspec.json.decode((self._kept / "backup.json").read_bytes())["digest"],
            }

    @property
    def database(self) -> Path:
        return self.folder / "explorer.duckdb"

    @property
    def _kept(self) -> Path:
        return self.folder / "kept"

    def _begin(self) -> None:
        self._index(3)

    def _keep(self) -> None:
        if not self._kept.exists():
            with Opened(self) as store:
                backup(store.ledger, CHAIN_ID, self._kept)

    def _rebuild(self) -> None:
        with Opened(self) as store:
            assert rebuild(store.explorer).differences == ()

    def _upgrade(self) -> None:
        """As if an older version had written the tables."""
        Opened(self).close()
        with duckdb.connect(str(self.database.resolve())) as connection:
            connection.execute("UPDATE final.progress SET schema_version = 0")
        Opened(self).close()

    def _end(self) -> None:
        self._index(len(views()))

    def _copy(self) -> None:
        with Opened(self) as store:
            copy = self.folder / "copy.duckdb"
            copy.unlink(missing_ok=True)
            store.explorer.snapshot(copy)

    def _restore(self) -> None:
        if not (self.folder / "restored.db").exists():
            restore(self._kept, f"sqlite:///{self.folder}/restored.db", self.folder / "restored.duckdb")

    def _restored(self) -> str:
        ledger = Ledger(f"sqlite:///{self.folder}/restored.db")
        explorer = Explorer(self.folder / "restored.duckdb", ledger, Tip(ledger, CHAIN_ID))
        try:
            explorer.refresh()
            with explorer.database.reading() as cursor:
                return digest_of_ledger(cursor).text
        finally:
            explorer.close()
            ledger.close()

    def _index(self, upto: int) -> None:
        with Opened(self) as store:
            asyncio.run(store.indexer().run(self._news(store, upto)))

    def _news(self, store: "Opened", upto: int) -> AsyncIterator[News]:
        first, past = min(self._state()[1], upto - 1), lambda past: self._tell(self._state()[0], past)
        return news_of(views()[:upto], first, store.tip.snapshot(), store.explorer.head, past)

    def _state(self) -> tuple[int, int]:
        """Steps done, and how many views of the chain are past: the indexer may be behind, the chain does not wait."""
        return tuple(msgspec.json.decode(self._world.read_bytes())) if self._world.exists() else (0, 0)

    def _tell(self, step: int, view: int) -> None:
        fresh = self._world.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode((step, view)))
        os.replace(fresh, self._world)


async def news_of(
    seen: Sequence[View], first: int, snapshot: Snapshot, shown: Callable[[], Head], past: Callable[[int], None]
) -> AsyncIterator[News]:
    """What a node tells whoever stands where `snapshot` does, view by view; `past` hears how many are done.

    A view is done when its newest block is `shown`, so that the indexer does everything it may do in each.
    """
    final = snapshot.final.number if snapshot.final else 0
    held = {block.number: block.hash for block in snapshot.blocks}
    for number in range(first, len(seen)):
        view = seen[number]
        blocks = {block.number: block for block in view.blocks}
        dropped = [n for n in sorted(held) if n not in blocks or held[n] != blocks[n].hash]
        if dropped:
            yield Reorganised(dropped[0], tuple(held.pop(n) for n in dropped))
        if not held and final < view.final:
            yield Extended(tuple(blocks[n] for n in range(final + 1, view.final + 1)), is_final=True)
            final = view.final
            yield Finalised(final, blocks[final].hash)
        for n in range(max(held, default=final) + 1, len(blocks) + 1):
            yield Extended((blocks[n],))
            held[n] = blocks[n].hash
        if final < view.final:
            final = view.final
            held = {n: held[n] for n in held if n > final}
            yield Finalised(final, blocks[final].hash)
        while shown().hash != f"0x{view.blocks[-1].hash.hex()}":  # noqa: ASYNC110 - not all tables tell of changes
            await asyncio.sleep(LOOK_S)
        past(number + 1)


class Reaper:
    """Kills at each point that is left, once: at the first time with probability `chance`, else at a later one."""

    def __init__(self, left: set[str], chance: float, source: random.Random) -> None:
        self.left, self._chance, self._source = left, chance, source
        self.deaths: list[str] = []
        self._is_dead = False

    def lives(self, live: Callable[[], None]) -> None:
        """To its end, through as many processes as it takes."""
        while True:
            self._is_dead = False
            try:
                with listening(self._reached):
                    live()
            except Killed:
                continue
            if not self._is_dead:
                return

    def _reached(self, point: str) -> None:
        if not self._is_dead and point in self.left and self._source.random() < self._chance:
            self.left.discard(point)
            self.deaths.append(point)
            self._is_dead = True
        if self._is_dead:
            raise Killed


class Opened:
    """The store, as a process has it open."""

    def __init__(self, life: Life) -> None:
        self.ledger = Ledger(life.url)
        self.tip = Tip(self.ledger, CHAIN_ID)
        try:
            self.explorer = self._open(life.database)
        except OlderDatabase:
            upgrade(life.database, self._open)
            self.explorer = self._open(life.database)
        try:
            self.explorer.refresh()
        except BaseException:
            self.close()
            raise

    def indexer(self) -> Indexer:
        checks = Checks(self.ledger, CHAIN_ID, "http://node", blocks_max=4, open_max_s=3600)
        checks.recover(self.tip.position(), self.tip.blocks())
        return Indexer(self.ledger, self.tip, self.explorer, checks)

    def close(self) -> None:
        self.explorer.close()
        self.ledger.close()

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, path: Path) -> Explorer:
        return Explorer(path, self.ledger, self.tip, batch_events=25)


def counted(life: Life) -> Counter[str]:
    """Lives without being killed; how often each point was reached."""
    reached: Counter[str] = Counter()
    with listening(lambda point: reached.update((point,))):
        life.live()
    return reached


def killer(point: str, count: int, kill: Callable[[], object]) -> Callable[[str], None]:
    """Kills when `point` is reached for the `count`-th time, and whatever else is still reached then."""
    left = count

    def listen(reached: str) -> None:
        nonlocal left
        left -= reached == point
        if left <= 0:
            kill()

    return listen


if __name__ == "__main__":
    given_folder, given_url, *given_death = sys.argv[1:]
    a_life = Life(Path(given_folder), given_url)
    if given_death:
        with listening(killer(given_death[0], int(given_death[1]), lambda: os._exit(DIED))):
            a_life.live()
    else:
        a_life.live()
