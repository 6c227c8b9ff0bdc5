"""What one signer has on its way: keys go in, recorded transactions come out, each key's and each nonce's only once."""

import asyncio
import time

from chain.fees import Fees
from chain.nonces import Nonces
from chain.outgoing import LONG_AGO, Outgoing
from chain.signing import Signer, Unsigned
from domain.facts import TransactionSigned, Wei
from domain.ledger import Conflict, Ledger


class Outbox:
    """The open part of the signer's streams, in memory; the ledger has the rest and decides every race."""

    def __init__(self, ledger: Ledger, signer: Signer) -> None:
        self.next = 0
        self.open: dict[int, Outgoing] = {}
        self._signer = signer
        self._nonces = Nonces(ledger, signer.address, signer.chain_id)
        self._by_key: dict[str, int] = {}

    async def recorded_next(self) -> int | None:
        """The nonce after the newest in the ledger; None when this address never signed."""
        return await asyncio.to_thread(self._nonces.next)

    async def load(self, since: int) -> None:
        """Takes in what is recorded from nonce `since` on, by this process or by another that shares the ledger."""
        for offers in await asyncio.to_thread(self._nonces.since, since):
            self._adopt(offers)

    async def find(self, key: str) -> Outgoing | None:
        """The transaction of a key, however old."""
        nonce = self._by_key.get(key)
        if nonce is None:
            nonce = await asyncio.to_thread(self._nonces.of_key, key)
        if nonce is None:
            return None
        if nonce in self.open:
            return self.open[nonce]
        return self._adopt(await asyncio.to_thread(self._nonces.signed, nonce))

    async def sign(self, key: str, order: Unsigned) -> Outgoing:
        """Signs and records the first transaction of a key, under the next free nonce instead of the order's."""
        while True:
            nonce = self.next
            signed = self._sign(key, Unsigned(nonce, order.to, order.value, order.data, order.gas, order.fees))
            try:
                await asyncio.to_thread(self._nonces.record, signed)
            except Conflict:  # another process took the nonce, or did this very order
                await self.load(nonce)
                if found := await self.find(key):
                    return found
                if self.next == nonce:
                    raise
            else:
                return self._adopt([signed], time.monotonic())  # whoever signs it sends it at once

    async def replace(self, outgoing: Outgoing, fees: Fees) -> None:
        """Signs and records the same transaction with other fees."""
        old = outgoing.newest
        order = Unsigned(old.nonce, old.to, old.value, old.data, old.gas, fees)
        replacement, number = self._sign(old.key, order), len(outgoing.offers)
        try:
            await asyncio.to_thread(self._nonces.record_replacement, replacement, number)
        except Conflict:  # another process raised it first: its offer is as good
            await self.reload(outgoing)
        else:
            outgoing.offer_again(replacement)

    async def reload(self, outgoing: Outgoing) -> bool:
        """Takes in offers that another process made for the same nonce; whether there were any."""
        offers = await asyncio.to_thread(self._nonces.signed, outgoing.nonce)
        new = offers[len(outgoing.offers) :]
        for offer in new:
            outgoing.offer_again(offer)
        return bool(new)

    def forget(self, outgoing: Outgoing) -> None:
        self.open.pop(outgoing.nonce, None)
        self._by_key.pop(outgoing.key, None)

    def _adopt(self, offers: list[TransactionSigned], checked_at: float = LONG_AGO) -> Outgoing:
        nonce = offers[0].nonce
        outgoing = self.open.setdefault(nonce, Outgoing(offers, checked_at))
        self._by_key[outgoing.key] = nonce
        self.next = max(self.next, nonce + 1)
        return outgoing

    def _sign(self, key: str, order: Unsigned) -> TransactionSigned:
        signed = self._signer.sign_transaction(order)
        return TransactionSigned(
            key=key,
            nonce=order.nonce,
            to=order.to,
            value=Wei(order.value),
            data=order.data,
            gas=order.gas,
            max_fee=order.fees.max_fee,
            priority_fee=order.fees.priority_fee,
            raw=signed.raw,
            hash=signed.hash,
        )
