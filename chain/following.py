"""A node and the place we read up to go in; the chain's news from there on comes out, without end.

Whatever the node does, short of another chain or a reorg below finality, is waited out: the next block is told only
once it stands, checked, on the one told before.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from chain import finality
from chain.blocks import Block, fetch, fetch_header, fetch_range
from chain.branch import Branch, Link, link, standing
from chain.decoding import Decoder
from chain.errors import DeepReorg, Distrusted, Fatal, Missing, Retryable
from chain.heads import Head, heads, latest
from chain.identity import Pins, check_identity
from chain.news import News
from chain.node import Node
from chain.outages import Outage
from chain.patience import pause_before
from chain.wire import hex_of, octets, quantity
from domain.ledger.tip import Position
from receipts.deployment import Deployment

NEAR_BLOCKS = 8
"""Up to so many blocks below the head, they are fetched from the head down, by hash."""

log = logging.getLogger(__name__)


class Follower:
    """Follows from `final`, the last final block that was read, over `tip`, the unfinal ones read since."""

    def __init__(
        self, node: Node, decoder: Decoder, pins: Pins, final: Position | None = None, tip: Sequence[Block] = ()
    ) -> None:
        self._node = node
        self._decoder = decoder
        self._pins = pins
        self._rule = finality.parse(node.settings.finality)
        self._tagged = -1
        self._start = None if final is None else Link(final.number, final.hash)
        self._tip = [link(block) for block in tip]
        self._outage = Outage(log, f"following the chain at {node.place}")
        self._failures = 0

    @classmethod
    def of(
        cls, node: Node, deployment: Deployment, final: Position | None = None, tip: Sequence[Block] = ()
    ) -> "Follower":
        return cls(node, Decoder.of(deployment), Pins.of(deployment), final, tip)

    @property
    def trouble(self) -> str | None:
        """Why there are no news at the moment, None when all is well."""
        return self._outage.reason

    async def news(self) -> AsyncGenerator[News, None]:
        """Never ends by itself. Raises WrongChain or DeepReorg, or what else no waiting will mend."""
        branch = await self._begin()
        async with aclosing(heads(self._node)) as stream:
            async for newest in stream:
                head: Head | None = newest
                while head is not None:
                    try:
                        async with aclosing(self._toward(branch, head)) as told:
                            async for each in told:
                                yield each
                        self._recovered()
                        head = None
                    except Retryable as error:
                        head = await self._recover(error)

    async def _begin(self) -> Branch:
        while True:
            try:
                await check_identity(self._node, self._pins)
                branch = Branch(self._start or await self._anchor(), self._tip)
                self._recovered()
                return branch
            except Retryable as error:
                await self._pause(error)

    async def _anchor(self) -> Link:
        """The block before the first that matters."""
        number = self._pins.first_block - 1
        if number < 0:
            return Link(-1, bytes(32))
        header = await fetch_header(self._node, number)
        return Link(number, octets(header.hash, 32), quantity(header.timestamp))

    async def _recover(self, error: Retryable) -> Head:
        """Waits until the node, which may be another one by now, tells its head again."""
        while True:
            await self._pause(error)
            try:
                await check_identity(self._node, self._pins)
                return await latest(self._node)
            except Retryable as again:
                error = again

    async def _pause(self, error: Retryable) -> None:
        self._outage.begin(error)
        self._failures += 1
        await asyncio.sleep(pause_before(self._failures, self._node.settings, error))

    def _recovered(self) -> None:
        self._outage.end()
        self._failures = 0

    async def _toward(self, branch: Branch, seen: Head) -> AsyncGenerator[News, None]:
        head = await self._outwait(branch, seen)
        if head is None:
            return
        while head.number - branch.top.number > NEAR_BLOCKS:
            await self._refresh_tag(branch)
            async with aclosing(self._catch_up(branch, head.number - NEAR_BLOCKS)) as told:
                async for each in told:
                    yield each
        if branch.holds(head.number, head.hash):
            news = list(branch.drop_above(head.number))
        else:
            news = await self._adopt(branch, await fetch(self._node, head.hash, self._decoder))
        for each in news:
            yield each
        await self._refresh_tag(branch)
        for each in branch.finalise(self._bound(branch.top.number)):
            yield each

    async def _catch_up(self, branch: Branch, last: int) -> AsyncGenerator[News, None]:
        """Reads up to block `last` by number; ends early at a block that does not stand on ours."""
        async with aclosing(fetch_range(self._node, branch.top.number + 1, last, self._decoder)) as batches:
            async for blocks in batches:
                count = standing(branch.top, blocks)
                if count:
                    for each in branch.extend(blocks[:count], self._bound(blocks[count - 1].number)):
                        yield each
                if count < len(blocks):
                    for each in await self._adopt(branch, blocks[count]):
                        yield each
                    return

    async def _adopt(self, branch: Branch, block: Block) -> list[News]:
        """Makes `block` our newest: walks down from it to a block we hold, drops ours above that, extends."""
        fork = [block]
        while not branch.holds(fork[0].number - 1, fork[0].parent):
            if fork[0].number - 1 <= branch.bottom.number:
                raise await self._contradiction(branch, fork[0])
            fork.insert(0, await fetch(self._node, fork[0].parent, self._decoder))
            if fork[0].number != fork[1].number - 1:
                raise Distrusted(f"the parent of block {fork[1].number} says it is block {fork[0].number}")
        ancestor = branch.at(fork[0].number - 1)
        if ancestor is None or standing(ancestor, fork) < len(fork):
            raise Distrusted(f"one of the blocks {fork[0].number} to {block.number} is older than its parent")
        if ancestor.number < branch.top.number:
            await check_identity(self._node, self._pins)  # a chain that began anew looks like a reorg at first
        return [*branch.drop_above(ancestor.number), *branch.extend(fork, self._bound(block.number))]

    def _bound(self, top: int) -> int:
        """The number up to which our blocks are final, once `top` is the newest of them."""
        return top - self._rule.blocks if isinstance(self._rule, finality.Depth) else self._tagged

    async def _refresh_tag(self, branch: Branch) -> None:
        """Asks how far the node calls the chain final; believed unless it is at odds with what we hold."""
        if not isinstance(self._rule, finality.Tag):
            return
        try:
            header = await fetch_header(self._node, self._rule.name)
        except Missing:
            return  # a young chain has none yet
        number = quantity(header.number)
        ours = branch.at(number)
        if ours is not None and ours.hash != octets(header.hash, 32):
            raise Distrusted(f"its {self._rule.name} block {number} is {header.hash}, but we hold {hex_of(ours.hash)}")
        self._tagged = max(self._tagged, number)

    async def _outwait(self, branch: Branch, head: Head) -> Head | None:
        """Where to go for this head: nowhere if we are there, back only once the node sticks to it for a while."""
        since = time.monotonic()
        while not self._leads_on(branch, head):
            if head.hash == branch.top.hash:
                return None
            patience_s = self._patience_s(branch, head)
            if time.monotonic() - since >= patience_s:
                return await self._back_to(branch, head)
            await asyncio.sleep(min(self._node.settings.poll_interval_s, patience_s / 4))
            now = await latest(self._node)
            if now != head:
                head, since = now, time.monotonic()
        return head

    def _leads_on(self, branch: Branch, head: Head) -> bool:
        """Whether the head is above ours, or another one in the place of ours."""
        if head.number > branch.top.number:
            return True
        return head.number > branch.bottom.number and not branch.holds(head.number, head.hash)

    def _patience_s(self, branch: Branch, head: Head) -> float:
        settings = self._node.settings
        return settings.behind_after_s if head.number < branch.bottom.number else settings.stale_after_s

    async def _back_to(self, branch: Branch, head: Head) -> Head | None:
        """The head, lower than ours, once the node has no more of ours above it; nowhere while it has."""
        await check_identity(self._node, self._pins)
        if head.number >= branch.bottom.number:
            if not branch.holds(head.number, head.hash):
                raise await self._contradiction(branch, await fetch(self._node, head.hash, self._decoder))
            return None if await self._still_has(branch.top) else head
        raise DeepReorg(
            f"{self._node.place} ends with block {head.number}, but block {branch.bottom.number} was final: the node "
            f"has lagged {self._node.settings.behind_after_s:.0f} s, or its chain was reset. Name a node in step as "
            "rpc_url; for a chain that began anew, remove the data folder and index again"
        )

    async def _still_has(self, block: Link) -> bool:
        try:
            theirs = await fetch_header(self._node, block.number)
        except Missing:
            return False
        return octets(theirs.hash, 32) == block.hash

    async def _contradiction(self, branch: Branch, block: Block) -> Fatal | Retryable:
        """What a block beside our final one means: that the chain changed, unless the node contradicts itself."""
        await check_identity(self._node, self._pins)
        final = branch.bottom
        theirs = await fetch_header(self._node, final.number) if final.number >= 0 else None
        if theirs is None or octets(theirs.hash, 32) == final.hash:
            return Distrusted(f"block {block.number} {hex_of(block.hash)} does not stand on final block {final.number}")
        return DeepReorg(
            f"final block {final.number} was {hex_of(final.hash)}, {self._node.place} now has {theirs.hash} there. "
            "Nothing was changed here. If that node is wrong, name another as rpc_url; if the chain really changed so "
            "deep, remove the data folder, set a finality of more blocks, and index again"
        )
