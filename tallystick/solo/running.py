"""A node, what to index and a folder come in; the folder's tables follow the chain until they are told not to.

What only indexing needs is imported while the node answers the first questions: the command is quick to start.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from chain.node import Node
from chain.settings import ChainSettings
from tallystick.solo.folder import check_folder, pins_of
from tallystick.solo.subject import Subject
from tallystick.solo.survey import Ground, survey

if TYPE_CHECKING:
    from chain.following import Follower
    from chain.news import News
    from indexer.settings import IndexerSettings
    from tallystick.solo.store import Store

LOOK_S = 0.02
"""How often it is looked whether the head was reached, while no news come."""


class Order(Struct, frozen=True):
    """What the command was told. `settings` makes those of the indexer's room for its file."""

    chain: ChainSettings
    subject: Subject
    data: Path
    settings: Callable[[Path], "IndexerSettings"]
    until_caught_up: bool = False
    serve_at: tuple[str, int] | None = None
    """Host and port of an API over the tables; port 0 takes a free one."""


class Progress:
    """How far the index is, for whoever shows it."""

    def __init__(self, first: int, head: int) -> None:
        self.first, self.block, self.head = first, first - 1, head

    def begin_after(self, block: int) -> None:
        """An earlier run, or an earlier attempt of this one, read up to here."""
        if self.block < self.first:
            self.first = block + 1
        self.block = block

    @property
    def blocks(self) -> int:
        """How many this run has read."""
        return self.block - self.first + 1


@asynccontextmanager
async def opened(order: Order) -> AsyncIterator[tuple[Node, Ground, "Store"]]:
    """The node, asked and found to be the right one, and the store that the folder holds, once nobody else has it."""
    async with Node(order.chain) as node, AsyncExitStack() as stack:
        loading = asyncio.create_task(asyncio.to_thread(_load))
        try:
            ground = await survey(node, order.subject)
        except BaseException:
            await asyncio.gather(loading, return_exceptions=True)
            raise
        check, open_store = await loading
        check(order.subject)
        settings = order.settings(order.data / f"{order.subject.projection}.duckdb")
        check_folder(order.data, pins_of(order.subject, ground.chain_id, ground.genesis_hash))
        from indexer.leading import when_free

        yield node, ground, await when_free(lambda: stack.enter_context(open_store(order, settings, ground)))


async def index(order: Order, node: Node, store: "Store", progress: Progress) -> None:
    """Follows the chain, or ends at its head where the order says so. Raises what no waiting will mend."""
    from indexer.enduring import enduring
    from indexer.leading import lead_of, leading

    async def lead() -> None:
        follower, indexer = await asyncio.to_thread(store.resume, order, node)
        known = await asyncio.to_thread(store.tip.head)
        if known is not None:
            progress.begin_after(known.number)
        async with contextlib.aclosing(_watched(follower, progress, order.until_caught_up)) as news:
            await indexer.run(news)

    chain_id = store.tip.chain_id
    async with leading(lead_of(store.ledger, chain_id), f"chain {chain_id}"):
        await enduring(lead)


async def _watched(follower: "Follower", progress: Progress, until_caught_up: bool) -> AsyncGenerator["News", None]:
    """The same news, counted; they end at the head where that is wanted."""
    from chain.news import Extended

    async with contextlib.aclosing(follower.news()) as told:
        waiting: asyncio.Task[News] | None = None
        try:
            while True:
                waiting = asyncio.ensure_future(anext(told))
                while not (await asyncio.wait((waiting,), timeout=LOOK_S if until_caught_up else None))[0]:
                    if follower.is_level:
                        return
                each = waiting.result()
                if isinstance(each, Extended):
                    progress.block = each.blocks[-1].number
                yield each
        finally:
            if waiting is not None:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)


def _load() -> tuple[Callable[[Subject], None], Callable[..., contextlib.AbstractContextManager["Store"]]]:
    from tallystick.solo.store import check_abis, open_store

    return check_abis, open_store
