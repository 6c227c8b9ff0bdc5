"""Amounts as people write and read them: text to wei, wei to text."""

from decimal import Decimal, InvalidOperation

from domain.amounts import UNITS, in_unit

UINT256_MAX = 2**256 - 1


class BadAmount(ValueError):
    """The text is no amount."""


def parse_wei(text: str) -> int:
    """`0.1eth`, `5 gwei` or a number of wei. Raises BadAmount."""
    number = text.strip().lower()
    scale = 1
    for unit in sorted(UNITS, key=len, reverse=True):
        if number.endswith(unit):
            number, scale = number.removesuffix(unit).strip(), UNITS[unit]
            break
    try:
        wei = Decimal(number) * scale
    except InvalidOperation:
        raise BadAmount(f"{text!r} is no amount: write wei as a number, or 5gwei, or 0.1eth") from None
    if not wei.is_finite() or wei < 0 or wei > UINT256_MAX or wei != wei.to_integral_value():
        raise BadAmount(f"{text!r} is no amount: it must be a whole number of wei from 0 up")
    return int(wei)


def show_wei(wei: int) -> str:
    """In ether where that is readable, in gwei or wei below."""
    return " ".join(in_unit(wei))
