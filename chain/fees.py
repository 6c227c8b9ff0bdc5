"""Fee rules: the market's figures go in, what a transaction offers comes out. All figures are wei per gas."""

from msgspec import Struct

REPLACEMENT_PERCENT = 12.5
"""Nodes keep the older of two transactions with one nonce unless the newer raises both fees by 10 %, some by 12.5 %."""


class Fees(Struct, frozen=True):
    """What a transaction offers: at most `max_fee`, of which `priority_fee` goes to the proposer."""

    max_fee: int
    priority_fee: int


def quote(base_fee: int, priority_fee: int) -> Fees:
    """Covers six full blocks in a row, each of which raises the base fee by an eighth."""
    return Fees(2 * base_fee + priority_fee, priority_fee)


def raised(offered: Fees, market: Fees) -> Fees:
    """What replaces an offer that found no taker: enough for nodes to accept it, and for the market of now."""
    priority_fee = max(_step(offered.priority_fee), market.priority_fee)
    return Fees(max(_step(offered.max_fee), market.max_fee, priority_fee), priority_fee)


def _step(fee: int) -> int:
    return -(-fee * 1125 // 1000) + 1
