"""The chain's price of gas comes in, asked anew when it is old; what an order must be able to pay comes out."""

import asyncio
import time

from msgspec import Struct

from api.service.ports import ChainReader
from domain.gas import least_pay


class GasFloor(Struct, frozen=True):
    """Workers decline a job that cannot pay for their transactions: `wei` is what they ask for at this price of gas."""

    price: int
    cover_percent: int
    wei: int


class GasDesk:
    """With a cover of 0 percent nothing is asked for, and nobody is asked."""

    def __init__(self, chain: ChainReader, cover_percent: int, fresh_s: float) -> None:
        self._chain, self._cover_percent, self._fresh_s = chain, cover_percent, fresh_s
        self._asking = asyncio.Lock()
        self._asked_at, self._price = float("-inf"), 0

    async def floor(self) -> GasFloor:
        """Raises ChainUnready."""
        price = await self._price_now() if self._cover_percent else 0
        return GasFloor(price, self._cover_percent, least_pay(price, self._cover_percent))

    async def _price_now(self) -> int:
        async with self._asking:
            if time.monotonic() - self._asked_at > self._fresh_s:
                self._price = await self._chain.gas_price()
                self._asked_at = time.monotonic()
            return self._price
