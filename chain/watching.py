"""What became of one signer's transactions: looks at the chain come in, sending again and higher fees go out."""

import logging
import time
from collections.abc import Iterable

from msgspec import Struct

from chain import fees
from chain.errors import Fatal, Refused, Retryable, WrongChain
from chain.node import Call, Node
from chain.outbox import Outbox
from chain.outgoing import LONG_AGO, Outgoing, read_receipt
from chain.pricing import GWEI
from chain.signing import Signer
from chain.wire import Header, WireReceipt, hex_of, quantity

UNSENT_RETRY_S = 1.0
RECHECK_S = 1.0
RECENT_NONCES = 64
RECEIPTS_PER_BATCH = 100
KNOWN_ALREADY = ("already known", "already imported", "known transaction")

log = logging.getLogger(__name__)


class NonceMismatch(Fatal):
    """The chain and the ledger do not agree on how many transactions this address has sent."""


class RelayPolicy(Struct, frozen=True, kw_only=True):
    """How patient to be, and how much to pay. A transaction is forgotten when `depth` blocks stand on its own."""

    resend_after_s: float = 10.0
    bump_after_s: float = 30.0
    max_fee_cap_gwei: int = 500
    gas_margin_percent: int = 20
    depth: int = 64
    poll_s: float | None = None
    adopt_nonce: bool = False
    """Go on from the chain's nonce although something else has used the key."""

    def __post_init__(self) -> None:
        for name in ("resend_after_s", "bump_after_s", "max_fee_cap_gwei"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: give more than 0")
        for name in ("gas_margin_percent", "depth"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 or more")
        if self.poll_s is not None and not self.poll_s > 0:
            raise ValueError(f"poll_s is {self.poll_s}: give seconds above 0, or leave it out")


class RelayCounts(Struct):
    """What happened since the start, for metrics."""

    submitted: int = 0
    sent: int = 0
    resent: int = 0
    bumped: int = 0
    capped: int = 0
    mined: int = 0
    dropped: int = 0
    lost: int = 0


class Watch:
    """Keeps the transactions of an outbox moving until they are mined, and buried deep enough to be forgotten."""

    def __init__(self, node: Node, outbox: Outbox, signer: Signer, policy: RelayPolicy) -> None:
        self.counts = RelayCounts()
        self.sent_at = LONG_AGO
        self._node = node
        self._outbox = outbox
        self._address = signer.address
        self._chain_id = signer.chain_id
        self._policy = policy
        self._head: Header | None = None
        self._has_jumped = False
        self._checked_at = LONG_AGO

    async def start(self) -> None:
        """Takes in what the ledger has on its way. Raises NonceMismatch when the chain tells another story."""
        await self._check_chain()
        self._head = await self._header()
        mined = await self._count("latest")
        known = await self._outbox.recorded_next()
        if known is None:
            self._outbox.next = await self._count("pending")
            return
        # How many are buried is not asked: nodes that were started anew lack the state of earlier blocks.
        await self._outbox.load(max(0, mined - RECENT_NONCES))
        self._outbox.next = max(known, mined) if self._policy.adopt_nonce else known
        if mined > self._outbox.next:
            raise self._used_elsewhere(mined)
        if mined < known and mined not in self._outbox.open:
            raise NonceMismatch(
                f"{hex_of(self._address)}: the chain knows {mined} transactions, the ledger lacks the next and goes on "
                f"to {known}: this ledger belongs to another chain; use its own, or start a new one"
            )

    async def look(self) -> None:
        """Learns what was mined and what was taken back, then mends what does not move."""
        if not self._outbox.open:
            return
        before, self._head = self._head, await self._header()
        used = await self._count("latest")
        if used > self._outbox.next:
            await self._outbox.load(self._outbox.next)
        if used > self._outbox.next:
            raise self._used_elsewhere(used)
        if used < min(self._outbox.open):  # the chain lost more than we remember: the ledger does
            await self._outbox.load(used)
        self._drop(each for each in self._open() if each.receipt and each.nonce >= used)
        is_unsure = self._may_have_moved(before)
        mined = [each for each in self._open() if each.nonce < used]
        await self._collect([each for each in mined if is_unsure or each.receipt is None])
        await self._mend([each for each in self._open() if each.nonce >= used])
        for each in self._open():
            if each.receipt and self._height() - each.receipt.block_number >= self._policy.depth:
                self._outbox.forget(each)

    async def send(self, outgoing: Outgoing) -> None:
        """Hands the newest offer to the node. What it refuses stays recorded: it is offered again later."""
        refusal = ""
        try:
            await self._node.call("eth_sendRawTransaction", (hex_of(outgoing.newest.raw),), str)
        except Refused as fault:
            if not any(words in str(fault).lower() for words in KNOWN_ALREADY):
                refusal = str(fault)
                log.warning("%s: nonce %d: %s", outgoing.key, outgoing.nonce, fault)
        except Retryable as fault:
            log.warning("%s: nonce %d was not sent, will be: %s", outgoing.key, outgoing.nonce, fault)
            outgoing.checked_at = time.monotonic()
            return
        self.counts.sent += 1
        self.sent_at = time.monotonic()
        outgoing.sent(self.sent_at, self._height(), refusal)

    def _drop(self, dropped: Iterable[Outgoing]) -> None:
        for each in dropped:
            log.warning("%s: the block that held it was reorganised away, sending it again", each.key)
            self.counts.dropped += 1
            each.was_dropped()

    def _may_have_moved(self, before: Header | None) -> bool:
        """Whether receipts may have gone to other blocks: the head is no child of the one seen before."""
        assert self._head is not None
        if before is not None and before.hash not in (self._head.hash, self._head.parent_hash):
            self._has_jumped = True
        now = time.monotonic()
        if not self._has_jumped or now - self._checked_at < RECHECK_S:
            return False
        self._has_jumped, self._checked_at = False, now
        return True

    async def _collect(self, mined: list[Outgoing]) -> None:
        """Fetches receipts: any of the offers for a nonce may be the one that was mined."""
        for start in range(0, len(mined), RECEIPTS_PER_BATCH):
            some = mined[start : start + RECEIPTS_PER_BATCH]
            offers = [(each, offer.hash) for each in some for offer in each.offers]
            calls = [Call("eth_getTransactionReceipt", (hex_of(hash_),), WireReceipt | None) for _, hash_ in offers]
            found = {
                each.nonce: wire for (each, _), wire in zip(offers, await self._node.batch(calls), strict=True) if wire
            }
            for each in some:
                await self._settle(each, found.get(each.nonce))

    async def _settle(self, outgoing: Outgoing, wire: WireReceipt | None) -> None:
        if wire is not None:
            self.counts.mined += outgoing.is_sent and outgoing.receipt is None
            outgoing.was_mined(read_receipt(wire))
        elif outgoing.has_no_receipt(time.monotonic()) and not await self._outbox.reload(outgoing):
            log.error(
                "%s: nonce %d of %s was used by somebody else", outgoing.key, outgoing.nonce, hex_of(self._address)
            )
            self.counts.lost += 1
            outgoing.is_lost = True
            self._outbox.forget(outgoing)

    async def _mend(self, waiting: list[Outgoing]) -> None:
        """Sends what the node does not have, lowest nonce first, and raises the fee of what it has had for too long."""
        now = time.monotonic()
        for each in waiting:
            if not each.is_sent and now - each.checked_at >= UNSENT_RETRY_S:
                await self.send(each)
        old = [each for each in waiting if each.is_sent and now - each.checked_at >= self._policy.resend_after_s]
        calls = [Call("eth_getTransactionByHash", (hex_of(each.newest.hash),)) for each in old]
        for each, seen in zip(old, await self._node.batch(calls), strict=True):
            each.checked_at = now
            if seen is None:
                await self.send(each)
                self.counts.resent += 1
        for each in waiting:
            if self._is_stuck(each, now, is_first=each is waiting[0]):
                await self._raise_fee(each)

    def _is_stuck(self, outgoing: Outgoing, now: float, is_first: bool) -> bool:
        """Blocks passed it by for long, and it holds the others up, or offers less than any block takes."""
        if not outgoing.is_sent or now - outgoing.offered_at < self._policy.bump_after_s:
            return False
        return self._height() > outgoing.offered_at_block and (is_first or outgoing.newest.max_fee < self._base_fee())

    async def _raise_fee(self, outgoing: Outgoing) -> None:
        tip = quantity(await self._node.call("eth_maxPriorityFeePerGas", (), str), 256)
        offer = fees.raised(outgoing.fees, fees.quote(self._base_fee(), tip))
        if offer.max_fee > self._policy.max_fee_cap_gwei * GWEI:
            self.counts.capped += 1
            outgoing.offered_at = time.monotonic()
            log.warning("%s is stuck, a fee of %.2f gwei is over max_fee_cap_gwei", outgoing.key, offer.max_fee / GWEI)
            return
        await self._outbox.replace(outgoing, offer)
        await self.send(outgoing)
        self.counts.bumped += 1

    def _open(self) -> list[Outgoing]:
        return [outgoing for _, outgoing in sorted(self._outbox.open.items())]

    def _height(self) -> int:
        return quantity(self._head.number) if self._head else 0

    def _base_fee(self) -> int:
        return quantity(self._head.base_fee_per_gas or "0x0", 256) if self._head else 0

    async def _header(self) -> Header:
        header: Header = await self._node.call("eth_getBlockByNumber", ("latest", False), Header)
        return header

    async def _count(self, block: str) -> int:
        """How many transactions of this address the chain had at `block`."""
        return quantity(await self._node.call("eth_getTransactionCount", (hex_of(self._address), block), str))

    async def _check_chain(self) -> None:
        found = await self._node.chain_id()
        if found != self._chain_id:
            raise WrongChain(
                f"{self._node.place} serves chain {found}, the key of {hex_of(self._address)} was opened for chain "
                f"{self._chain_id}: correct rpc_url or chain_id"
            )

    def _used_elsewhere(self, used: int) -> NonceMismatch:
        return NonceMismatch(
            f"{hex_of(self._address)}: the chain knows {used} transactions, the ledger only {self._outbox.next}: "
            "something else uses this key; give this program a key of its own, or set adopt_nonce to go on from there"
        )
