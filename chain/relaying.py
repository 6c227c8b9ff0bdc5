"""Orders to the chain go in, each under a key; mined transactions come out, each key's exactly once.

A transaction is signed, recorded with its nonce, and only then sent: a crash between any two steps loses nothing, and
what is sent again after it are the same bytes. Two processes may share one ledger and one key; nobody else may use it.
"""

import asyncio
import contextlib
import logging
import time
from types import TracebackType
from typing import Self

from chain import pricing
from chain.errors import Fatal, Retryable
from chain.node import Node
from chain.outbox import Outbox
from chain.outgoing import LONG_AGO, Outgoing, TransactionReceipt
from chain.pricing import GWEI, NotEnoughFunds, Order, TooDear, TooLarge
from chain.signing import DEVELOPMENT_CHAINS, Signer
from chain.watching import NonceMismatch, RelayCounts, RelayPolicy, Watch
from chain.wire import hex_of
from domain.ledger import Ledger

__all__ = [
    "NonceMismatch",
    "NonceTaken",
    "NotEnoughFunds",
    "NotMined",
    "RelayCounts",
    "RelayPolicy",
    "Relayer",
    "TooDear",
    "TooLarge",
    "TransactionReceipt",
    "UnknownKey",
]

DEVELOPMENT_POLL_S = 0.05
FASTEST_POLL_S = 0.005
IDLE_POLL_S = 1.0

log = logging.getLogger(__name__)


class NonceTaken(Fatal):
    """A transaction that we did not sign was mined with a nonce of ours: ours can never be."""


class UnknownKey(Fatal):
    """No transaction was ever signed under this key."""


class NotMined(Retryable):
    """No block took the transaction in time; it is still on its way."""


class Relayer:
    """Use as `async with Relayer(...) as relayer`; or `start` it, then keep `run` going in a task of your own."""

    def __init__(self, node: Node, ledger: Ledger, signer: Signer, policy: RelayPolicy | None = None) -> None:
        self.policy = policy or RelayPolicy()
        self.signer = signer
        self._node = node
        self._outbox = Outbox(ledger, signer)
        self._watch = Watch(node, self._outbox, signer, self.policy)
        self._is_development = signer.chain_id in DEVELOPMENT_CHAINS
        usual_s = DEVELOPMENT_POLL_S if self._is_development else node.settings.poll_interval_s
        self._poll_s = self.policy.poll_s or usual_s
        self._is_started = False
        self._trouble: Fatal | None = None
        self._turn = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._looked_at = LONG_AGO

        self._nudge = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    @property
    def counts(self) -> RelayCounts:
        return self._watch.counts

    @property
    def open(self) -> int:
        """How many transactions are not yet buried deep enough to be forgotten."""
        return len(self._outbox.open)

    async def start(self) -> None:
        """Takes in what the ledger has on its way. Raises NonceMismatch when the chain tells another story."""
        await self._watch.start()
        self._is_started = True

    async def submit(self, key: str, to: bytes, data: bytes = b"", value: int = 0, gas: int | None = None) -> bytes:
        """Sends a transaction under `key`, once however often it is asked; its hash. Nonces follow the order of calls.

        Raises Reverted, NotEnoughFunds, TooLarge or TooDear, and nothing is recorded then. An order of another content
        under a used key is not looked at: the first one stands.
        """
        return await asyncio.shield(self._submit(Order(key, to, data, value, gas)))

    async def mined(self, key: str, timeout_s: float = 120.0) -> TransactionReceipt:
        """Waits for the block that takes the transaction of `key`. Raises NotMined, NonceTaken or UnknownKey."""
        outgoing = await self._outbox.find(key)
        if outgoing is None:
            raise UnknownKey(f"{key!r}: {self.signer} has signed nothing under this key: submit it first")
        self._nudge.set()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._receipt(outgoing)
        except TimeoutError:
            why = f"; the node says: {outgoing.refusal}" if outgoing.refusal else ""
            raise NotMined(f"{key}: no block took {hex_of(outgoing.newest.hash)} in {timeout_s:.0f} s{why}") from None

    async def _receipt(self, outgoing: Outgoing) -> TransactionReceipt:
        while outgoing.receipt is None:
            if outgoing.is_lost:
                raise NonceTaken(
                    f"{outgoing.key}: nonce {outgoing.nonce} of {self.signer} went to a transaction that is not ours: "
                    "submit it under another key, and let nothing else use this account"
                )
            await self._pass()
        return outgoing.receipt

    async def run(self) -> None:
        """Keeps transactions moving: sends again what is missing, raises the fee of what is stuck. Ends by a Fatal."""
        while True:
            await self._pass()

    async def __aenter__(self) -> Self:
        await self.start()
        self._runner = asyncio.create_task(self.run(), name=f"relayer {self.signer}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)

    async def _submit(self, order: Order) -> bytes:
        async with self._turn:
            if self._trouble is not None:
                raise self._trouble
            if not self._is_started:
                await self.start()
            outgoing = await self._outbox.find(order.key)
            if outgoing is None:
                cap, margin = self.policy.max_fee_cap_gwei * GWEI, self.policy.gas_margin_percent
                priced = await pricing.price(self._node, self.signer.address, order, cap, margin)
                outgoing = await self._outbox.sign(order.key, priced)
                self.counts.submitted += 1
                await self._watch.send(outgoing)
            self._nudge.set()
            return outgoing.newest.hash

    async def _pass(self) -> None:
        """One look at the chain, at its pace; who asks while one is under way shares it."""
        asked_at = time.monotonic()
        async with self._looking:
            if self._looked_at > asked_at:
                return
            await self._rest()
            try:
                await self._watch.look()
            except Retryable as fault:
                log.warning("relayer of %s: %s", self.signer, fault)
            except Fatal as fault:
                log.error("relayer of %s stops: %s", self.signer, fault)
                self._trouble = fault
                raise
            finally:
                self._looked_at = time.monotonic()

    async def _rest(self) -> None:
        """Looks often right after something was sent, ever less often later, and at once when something new is."""
        now = time.monotonic()
        pause_s = self._poll_s
        if all(each.receipt for each in self._outbox.open.values()):
            pause_s = max(self._poll_s, IDLE_POLL_S)
        elif self._is_development:
            pause_s = min(self._poll_s, max(FASTEST_POLL_S, (now - self._watch.sent_at) / 4))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._looked_at + pause_s - now)):
                await self._nudge.wait()
        self._nudge.clear()
