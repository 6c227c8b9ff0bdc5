"""A node and the place we read up to go in; the chain's news from there on comes out, without end.

Whatever the node does, short of another chain or a reorg below finality, is waited out: the next block is told only
once it stands, checked, on the one told before.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from functools import reduce
from typing import TYPE_CHECKING

from msgspec.structs import replace

from chain import finality, levels
from chain.blocks import Block, Decoding, Reader, fetch_header
from chain.branch import Branch, Link, link, standing
from chain.decoding import Decoder
from chain.errors import DeepReorg, Distrusted, Fatal, Garbled, Missing, Retryable
from chain.heads import Head, heads, latest
from chain.identity import Pins, check_identity
from chain.news import DOUBTS_MAX, Evidence, News, joined
from chain.node import Node
from chain.outages import Outage
from chain.patience import pause_before
from chain.source import Source, Stretch
from chain.wire import hex_of, octets, quantity
from receipts.deployment import Deployment

if TYPE_CHECKING:  # its database library takes longer to import than all of this
    from domain.ledger.tip import Position

NEAR_BLOCKS = 8
"""Up to so many blocks below the head, they are fetched from the head down, by hash."""

FAR_BLOCKS = 64
"""Deeper than chains reorganise between two of our questions."""

log = logging.getLogger(__name__)


class Follower:
    """Follows from `final`, the last final block that was read, over `tip`, the unfinal ones read since."""

    def __init__(
        self, node: Node, decoder: Decoding, pins: Pins, final: "Position | None" = None, tip: Sequence[Block] = ()
    ) -> None:
        self._node = node
        self._source = Source(node, Reader(decoder, levels.parse(node.settings.level)))
        self._pins = pins
        self._rule = finality.parse(node.settings.finality)
        self._tagged = Head(-1, b"")
        self._start = None if final is None else Link(final.number, final.hash)
        self._tip = [link(block) for block in tip]
        self._outage = Outage(log, f"following the chain at {node.place}")
        self._failures = 0
        self._doubts: list[str] = []
        self.is_level = False
        """Whether all that the newest head known stands on was told."""

    @classmethod
    def of(
        cls, node: Node, deployment: Deployment, final: "Position | None" = None, tip: Sequence[Block] = ()
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
                self.is_level = False
                while head is not None:
                    try:
                        async with aclosing(self._toward(branch, head)) as told:
                            async for each in told:
                                yield each
                        self._recovered()
                        self.is_level = True
                        head = None
                    except Retryable as error:
                        head = await self._recover(error)

    async def _begin(self) -> Branch:
        self._node.vet_with(lambda rpc: check_identity(rpc, self._pins))
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
        if isinstance(error, Distrusted | Garbled) and str(error) not in self._doubts:
            self._doubts = [*self._doubts, str(error)][-DOUBTS_MAX:]
        self._outage.begin(error)
        self._failures += 1
        await asyncio.sleep(pause_before(self._failures, self._node.settings, error))

    def _recovered(self) -> None:
        self._outage.end()
        self._failures = 0

    async def _toward(self, branch: Branch, seen: Head) -> AsyncGenerator[News, None]:
        head = await self._outwait(branch, seen)
        if head is not None:
            async with aclosing(self._move(branch, head)) as told:
                async for each in told:
                    yield each
        await self._refresh_tag(branch)
        for each in branch.finalise(self._bound(branch)):
            yield each

    async def _move(self, branch: Branch, head: Head) -> AsyncGenerator[News, None]:
        """Makes `head` our newest block."""
        while head.number - branch.top.number > NEAR_BLOCKS:
            await self._refresh_tag(branch)
            async with aclosing(self._catch_up(branch, head.number - NEAR_BLOCKS)) as told:
                async for each in told:
                    yield each
        if branch.holds(head.number, head.hash):
            news = list(branch.drop_above(head.number))
        else:
            news = await self._adopt(branch, await self._source.block(head.hash))
        for each in news:
            yield each

    async def _catch_up(self, branch: Branch, last: int) -> AsyncGenerator[News, None]:
        """Reads up to block `last` by number; ends early at a block that does not stand on ours."""
        async with aclosing(self._source.range(branch.top.number + 1, last)) as stretches:
            async for stretch in stretches:
                blocks = stretch.blocks
                count = standing(branch.top, blocks)
                for each in self._extend(branch, blocks[:count], stretch.evidence):
                    yield each
                if count < len(blocks):
                    for each in await self._adopt(branch, Stretch([blocks[count]], stretch.evidence)):
                        yield each
                    return

    async def _adopt(self, branch: Branch, newest: Stretch) -> list[News]:
        """Makes a block our newest: walks down from it to a block we hold, drops ours above that, extends."""
        fork, evidence = list(newest.blocks), [newest.evidence]
        while not branch.holds(fork[0].number - 1, fork[0].parent):
            if fork[0].number - 1 <= branch.bottom.number:
                raise await self._contradiction(branch, fork[0])
            below = await self._source.block(fork[0].parent)
            fork.insert(0, below.blocks[0])
            evidence.append(below.evidence)
            if fork[0].number != fork[1].number - 1:
                raise Distrusted(f"the parent of block {fork[1].number} says it is block {fork[0].number}")
        ancestor = branch.at(fork[0].number - 1)
        if ancestor is None or standing(ancestor, fork) < len(fork):
            raise Distrusted(f"one of the blocks {fork[0].number} to {fork[-1].number} is older than its parent")
        if ancestor.number < branch.top.number:
            await check_identity(self._node, self._pins)  # a chain that began anew looks like a reorg at first
            self._node.effort.count("reorgs")
        return [*branch.drop_above(ancestor.number), *self._extend(branch, fork, reduce(joined, evidence))]

    def _extend(self, branch: Branch, blocks: Sequence[Block], evidence: Evidence) -> Iterable[News]:
        """Puts checked blocks that stand on ours on top, with all that was said against them."""
        if not blocks:
            return ()
        self._check_tag(blocks)
        if self._doubts:
            evidence = joined(evidence, replace(evidence, doubts=tuple(self._doubts)))
            self._doubts = []
        return branch.extend(blocks, self._bound(branch, blocks), evidence)

    def _bound(self, branch: Branch, coming: Sequence[Block] = ()) -> int:
        """The number up to which our blocks are final, once those that come stand on them.

        A tag above all that we hold is of a chain that may not be ours yet: it vouches for what lies far below it.
        """
        if isinstance(self._rule, finality.Depth):
            return (coming[-1].number if coming else branch.top.number) - self._rule.blocks
        number, digest = self._tagged.number, self._tagged.hash
        is_ours = branch.holds(number, digest) or any(each.number == number and each.hash == digest for each in coming)
        return number if is_ours else number - FAR_BLOCKS

    def _check_tag(self, blocks: Sequence[Block]) -> None:
        """Raises Distrusted where the block that was called final is not the one that came."""
        index = self._tagged.number - blocks[0].number
        if 0 <= index < len(blocks) and blocks[index].hash != self._tagged.hash:
            said, self._tagged = self._tagged, Head(-1, b"")
            raise Distrusted(
                f"block {said.number} was called final as {hex_of(said.hash)}, but came as {hex_of(blocks[index].hash)}"
            )

    async def _refresh_tag(self, branch: Branch) -> None:
        """Asks how far the node calls the chain final; believed unless it is at odds with what we hold."""
        if not isinstance(self._rule, finality.Tag):
            return
        async with self._node.lease("head") as provider:
            try:
                header = await fetch_header(provider, self._rule.name)
            except Missing:
                return  # a young chain has none yet
            number = quantity(header.number, 63)
            ours = branch.at(number)
            if ours is not None and ours.hash != octets(header.hash, 32):
                raise Distrusted(
                    f"its {self._rule.name} block {number} is {header.hash}, but we hold {hex_of(ours.hash)}"
                )
        if number > self._tagged.number:
            self._tagged = Head(number, octets(header.hash, 32))

    async def _outwait(self, branch: Branch, head: Head) -> Head | None:
        """Where to go for this head: nowhere if we are there, back only once the node sticks to it for a while."""
        since = _now()
        while not self._leads_on(branch, head):
            if head.hash == branch.top.hash:
                return None
            patience_s = self._patience_s(branch, head)
            if _now() - since >= patience_s:
                return await self._back_to(branch, head)
            await asyncio.sleep(min(self._node.settings.poll_interval_s, patience_s / 4))
            now = await latest(self._node)
            if now != head:
                head, since = now, _now()
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
                raise await self._contradiction(branch, (await self._source.block(head.hash)).blocks[0])
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
        """What a block beside our final one means: that the chain changed, unless a provider still has ours."""
        await check_identity(self._node, self._pins)
        final = branch.bottom
        said = Distrusted(f"block {block.number} {hex_of(block.hash)} does not stand on final block {final.number}")
        others = await self._others_at(final) if final.number >= 0 else {}
        if not others or None in others.values():
            for provider in self._node.providers("head"):
                if others.get(provider.name) is not None:
                    provider.blame(said)
            return said
        name, theirs = others.popitem()
        return DeepReorg(
            f"final block {final.number} was {hex_of(final.hash)}, {name} now has {theirs} there. "
            "Nothing was changed here. If that node is wrong, name another as rpc_url; if the chain really changed so "
            "deep, remove the data folder, set a finality of more blocks, and index again"
        )

    async def _others_at(self, final: Link) -> dict[str, str | None]:
        """What each provider has in the place of our final block; None for the very same."""
        found: dict[str, str | None] = {}
        trouble: Retryable | None = None
        for provider in self._node.providers("head"):
            try:
                theirs = await fetch_header(provider, final.number)
                found[provider.name] = None if octets(theirs.hash, 32) == final.hash else theirs.hash
            except Retryable as error:
                trouble = error
        if not found and trouble is not None:
            raise trouble
        return found


def _now() -> float:
    return asyncio.get_running_loop().time()
