"""One transaction of ours on its way: the offers made for its nonce, and the receipt once one of them was mined."""

from msgspec import Struct

from chain.fees import Fees
from chain.wire import WireLog, WireReceipt, octets, quantity
from domain.facts import TransactionSigned

LONG_AGO = float("-inf")
MISSES_MIN = 3
MISSING_MIN_S = 2.0
"""Nodes behind one address may know a nonce before its receipt: so often and so long no receipt means there is none."""


class TransactionReceipt(Struct, frozen=True):
    """What became of a mined transaction; `succeeded` is False when the contract reverted."""

    hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    effective_gas_price: int
    logs: tuple[WireLog, ...]

    @property
    def fee(self) -> int:
        return self.gas_used * self.effective_gas_price


class Outgoing:
    """A nonce with all that was signed for it; only one of the offers can ever be mined."""

    def __init__(self, offers: list[TransactionSigned], checked_at: float = LONG_AGO) -> None:
        self.offers = offers
        self.receipt: TransactionReceipt | None = None
        self.is_lost = False
        self.is_sent = False
        self.offered_at = LONG_AGO
        self.offered_at_block = 0
        self.checked_at = checked_at
        self.refusal = ""
        self._misses = 0
        self._missing_since = 0.0

    @property
    def key(self) -> str:
        return self.offers[0].key

    @property
    def nonce(self) -> int:
        return self.offers[0].nonce

    @property
    def newest(self) -> TransactionSigned:
        return self.offers[-1]

    @property
    def fees(self) -> Fees:
        return Fees(self.newest.max_fee, self.newest.priority_fee)

    def offer_again(self, offer: TransactionSigned) -> None:
        self.offers.append(offer)
        self.is_sent = False

    def sent(self, now: float, block: int, refusal: str = "") -> None:
        """An offer's age counts from its first sending: sending it again makes it no younger."""
        if not self.is_sent:
            self.offered_at, self.offered_at_block = now, block
        self.is_sent, self.checked_at, self.refusal = True, now, refusal

    def was_mined(self, receipt: TransactionReceipt) -> None:
        self.receipt, self._misses = receipt, 0

    def was_dropped(self) -> None:
        """The block that held it was reorganised away, so it has to be sent again."""
        self.receipt, self.is_sent, self.checked_at = None, False, LONG_AGO

    def has_no_receipt(self, now: float) -> bool:
        """Counts that its nonce is used and no offer of ours has a receipt; whether that is certain by now."""
        if self._misses == 0:
            self._missing_since = now
        self._misses += 1
        return self._misses >= MISSES_MIN and now - self._missing_since >= MISSING_MIN_S


def read_receipt(wire: WireReceipt) -> TransactionReceipt:
    return TransactionReceipt(
        hash=octets(wire.transaction_hash, 32),
        block_number=quantity(wire.block_number),
        block_hash=octets(wire.block_hash, 32),
        succeeded=wire.status == "0x1",
        gas_used=quantity(wire.gas_used),
        effective_gas_price=quantity(wire.effective_gas_price, 256),
        logs=tuple(wire.logs),
    )
