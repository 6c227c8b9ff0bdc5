"""Who applies what is told has, at every rest, exactly the rows that the explorer's lists have."""

import asyncio
import copy
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from api.live.hub import Hub
from domain.facts import BlockFinalised
from tests.api.conftest import SETTINGS
from tests.api.live.mirror import Mirror, agrees, follow
from tests.indexer.place import Place
from tests.indexer.world import USERS, WORKERS, World

pytestmark = pytest.mark.thorough

QUICK = replace(SETTINGS, live_together_s=0.005, heartbeat_s=0.05)
DEPTH = 6
STEPS = 45


class Chain:
    """A world that can be led on from any of its newest blocks."""

    def __init__(self, place: Place, source: random.Random) -> None:
        self.place, self.source = place, source
        self.worlds = {0: World()}
        self.head = self.final = 0
        self.fork = 0
        self._push(self._branch().found)

    def extend(self) -> None:
        decisions = [self.source.randrange(1 << 20) for _ in range(self.source.choice((0, 1, 3, 6)))]
        self._push(lambda: self._branch().mine(decisions))

    def finalise(self) -> None:
        self.final = self.source.randint(self.final, self.head)
        if self.final:
            self.place.tip.finalise(self.final)

    def reorganise(self) -> int:
        """Returns the first block that was dropped, or what would be the next if none was."""
        number = self.source.randint(self.final + 1, self.head + 1)
        self.place.tip.drop_from(number)
        self.head, self.fork = number - 1, self.fork + 1
        return number

    def _branch(self) -> World:
        world = copy.deepcopy(self.worlds[self.head])
        world.salt = f"fork {self.fork}" if self.fork else ""
        self._next = world
        return world

    def _push(self, mine: Callable[[], BlockFinalised]) -> None:
        block = mine()
        self.place.tip.extend(block)
        self.head = block.number
        self.worlds[self.head] = self._next
        if self.head - self.final > DEPTH:
            self.final = self.head - DEPTH
            self.place.tip.finalise(self.final)


async def live(place: Place, chain: Chain, mirrors: list[Mirror]) -> None:
    """One life of the server: readers come and go, blocks come, become final and are dropped."""
    hub = Hub(place.explorer, QUICK)
    async with hub.running():
        for _ in range(STEPS // 3):
            awake = [mirror for mirror in mirrors if mirror is mirrors[0] or chain.source.random() < 0.8]
            tasks = [asyncio.create_task(follow(hub, mirror, place.explorer.queries)) for mirror in awake]
            for _ in range(3):
                await step(chain, mirrors[0])
            await asyncio.gather(*(agrees(mirror, place.explorer.queries) for mirror in awake))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()


async def step(chain: Chain, witness: Mirror) -> None:
    choice = chain.source.random()
    if choice < 0.05:
        chain.reorganise()
    elif choice < 0.25:
        await asyncio.to_thread(chain.place.explorer.refresh)
        await agrees(witness, chain.place.explorer.queries)
        witness.reorganised(chain.reorganise())
    elif choice < 0.45:
        chain.finalise()
    else:
        for _ in range(chain.source.randint(1, 3)):
            chain.extend()
    if chain.source.random() < 0.8:
        await asyncio.to_thread(chain.place.explorer.refresh)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4))])
async def test_through_reorgs_resumes_and_restarts_readers_have_what_the_lists_have(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    mirrors = [
        Mirror("jobs", "receipts", "blocks"),
        Mirror("job:1", "job:3"),
        Mirror(f"address:0x{WORKERS[0].hex()}"),
        Mirror(f"address:0x{WORKERS[1].hex()}", f"address:0x{USERS[1].hex()}", "blocks"),
    ]
    chain = None
    for _ in range(2):
        with Place(tmp_path) as place:
            place.explorer.refresh()
            if chain is None:
                chain = Chain(place, source)
            chain.place = place
            await live(place, chain, mirrors)
    kinds = {message["type"] for mirror in mirrors for message in mirror.heard}
    assert kinds >= {"put", "retract", "head", "reset"}
    assert {"reorganised", "empty"} <= {message.get("reason") for mirror in mirrors for message in mirror.heard}
