"""A made-up chain is served as a deployment would be: `N` on stdin makes N blocks come, at the pace that was asked for.

`python -m bench.live.served FOLDER BLOCKS_PER_S` prints the port, and after each order, as one line of JSON, when each
block was handed to the index, on the clock that all processes of a machine share, and what processor time that took.
"""

import asyncio
import itertools
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from api.app import Parts, create_app
from bench.histories import History
from domain.facts import BlockFinalised
from domain.ledger import Ledger, Tip
from indexer.explorer import Explorer
from indexer.lean import be_lean
from receipts.content.store import BlockStore
from tallystick.listening import open_door, serve
from tests.api.chain import FactChain
from tests.api.conftest import deployment

CHAIN_ID = 31337
UNFINAL_BLOCKS = 8
LOGS_A_BLOCK = 5
LOGS_MAX = 10_000_000


class Fed(Struct, frozen=True):
    """When each block was there to be taken in, by number, and what processor time that took."""

    at: dict[int, float]
    cpu_s: float


class Feed:
    """Blocks at their times, each final when eight are above it. As the indexer does, those that came meanwhile are
    taken in together."""

    def __init__(self, tip: Tip, explorer: Explorer, blocks: Iterator[BlockFinalised], per_s: float) -> None:
        self._tip, self._explorer, self._blocks, self._per_s = tip, explorer, blocks, per_s

    def take(self, blocks: list[BlockFinalised]) -> None:
        newest = blocks[-1]
        self._tip.extend(*blocks)
        if newest.number > UNFINAL_BLOCKS:
            self._tip.finalise(newest.number - UNFINAL_BLOCKS)
        self._explorer.refresh(newest)

    async def come(self, count: int) -> Fed:
        coming = deque(itertools.islice(self._blocks, count))
        spent, began = time.process_time(), time.monotonic()
        at = {block.number: began + i / self._per_s for i, block in enumerate(coming)}
        while coming:
            await asyncio.sleep(max(0.0, at[coming[0].number] - time.monotonic()))
            due = [coming.popleft()]
            while coming and at[coming[0].number] <= time.monotonic():
                due.append(coming.popleft())
            await asyncio.to_thread(self.take, due)
        return Fed(at, time.process_time() - spent)


async def obey(feed: Feed) -> None:
    """Until stdin ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(msgspec.json.encode(await feed.come(int(line))).decode(), flush=True)


async def main(folder: Path, per_s: float) -> None:
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    tip = Tip(ledger, CHAIN_ID)
    explorer = Explorer(folder / "explorer.duckdb", ledger, tip)
    feed = Feed(tip, explorer, History(logs_a_block=LOGS_A_BLOCK).blocks(LOGS_MAX), per_s)
    await feed.come(100)
    chain = FactChain(tip, explorer)
    parts = Parts(explorer, ledger, BlockStore(folder / "content"), chain, chain, chain, deployment())
    stop, door = asyncio.Event(), open_door("API", create_app(parts), "127.0.0.1", 0)
    print(door.port, flush=True)
    work = asyncio.create_task(obey(feed))
    work.add_done_callback(lambda _: stop.set())
    try:
        await serve([door], stop)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        explorer.close()
        ledger.close()


if __name__ == "__main__":
    be_lean()
    uvloop.run(main(Path(sys.argv[1]), float(sys.argv[2])))
