"""A made-up history is served as a deployment would be, while it goes on: orders come in on stdin, figures go out.

`python -m bench.reads.served FOLDER` prints the port. `steady N` makes it go on by N blocks a second from then on, and
`flat out N` by N blocks as fast as they go, after which it prints how many that were a second.
"""

import asyncio
import itertools
import pickle
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from api.app import Parts, create_app
from bench.histories import History
from bench.reads.histories import CHAIN_ID, HISTORY, LEDGER, TABLES
from domain.facts import BlockFinalised
from domain.ledger import Ledger, Tip
from indexer.explorer import Explorer
from receipts.content.store import BlockStore
from tallystick.listening import open_door, serve
from tests.api.chain import FactChain
from tests.api.conftest import deployment

UNFINAL_BLOCKS = 8


class Feed:
    """The blocks that come after those of the history, one by one, each final when eight are above it."""

    def __init__(self, tip: Tip, explorer: Explorer, blocks: Iterator[BlockFinalised]) -> None:
        self._tip, self._explorer, self._blocks = tip, explorer, blocks
        self.per_s = 0.0
        self._turn = asyncio.Lock()

    def take(self, block: BlockFinalised) -> None:
        self._tip.extend(block)
        self._tip.finalise(block.number - UNFINAL_BLOCKS)
        self._explorer.refresh(block)

    async def go_on(self) -> None:
        due = time.monotonic()
        while True:
            if not self.per_s:
                await asyncio.sleep(0.05)
                due = time.monotonic()
                continue
            async with self._turn:
                await asyncio.to_thread(self.take, next(self._blocks))
            due += 1 / (self.per_s or 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def flat_out(self, count: int) -> float:
        """Blocks a second."""
        self.per_s = 0.0
        async with self._turn:
            coming = list(itertools.islice(self._blocks, count))
            began = time.perf_counter()
            for block in coming:
                await asyncio.to_thread(self.take, block)
            return count / (time.perf_counter() - began)


async def obey(feed: Feed) -> None:
    """Until stdin ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        *order, number = line.split()
        if order == ["steady"]:
            feed.per_s = float(number)
        else:
            print(await feed.flat_out(int(number)), flush=True)


async def main(folder: Path) -> None:
    ledger = Ledger(f"sqlite:///{folder / LEDGER}")
    tip = Tip(ledger, CHAIN_ID)
    explorer = Explorer(folder / TABLES, ledger, tip)
    history: History = pickle.loads((folder / HISTORY).read_bytes())
    feed, chain = Feed(tip, explorer, history.more()), FactChain(tip, explorer)
    explorer.refresh()
    explorer.keep_rows()
    parts = Parts(explorer, ledger, BlockStore(folder / "content"), chain, chain, chain, deployment())
    stop, door = asyncio.Event(), open_door("API", create_app(parts), "127.0.0.1", 0)
    print(door.port, flush=True)
    work = [asyncio.create_task(each) for each in (feed.go_on(), obey(feed))]
    work[1].add_done_callback(lambda _: stop.set())
    try:
        await serve([door], stop)
    finally:
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        explorer.close()
        ledger.close()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
