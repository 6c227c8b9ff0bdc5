"""Amounts as people read them: wei go in, digits of the unit that people think in come out."""

from decimal import Decimal

UNITS = {"wei": 1, "gwei": 10**9, "eth": 10**18}
READABLE = (("eth", 10**14), ("gwei", 10**7))
"""From how many wei on an amount reads well in a unit."""
DECIMALS = 6


def in_unit(wei: int) -> tuple[str, str]:
    """Digits and unit: ether where that is readable, gwei or wei below; the exact figure is the caller's to keep."""
    for unit, least in READABLE:
        if abs(wei) >= least:
            digits = f"{Decimal(wei) / UNITS[unit]:,.{DECIMALS}f}"
            return digits.rstrip("0").rstrip("."), unit
    return f"{wei:,}", "wei"
