"""The price of gas comes in; what claiming and settling one job costs a worker comes out, alike for all who reckon."""

from typing import Final

CLAIM_GAS: Final = 60_000
SETTLE_GAS: Final = 345_000
"""What one job's transactions use when nothing shares them: as `make bench-gas` measures it, and a first credit."""
JOB_GAS: Final = CLAIM_GAS + SETTLE_GAS


def least_pay(gas_price: int, cover_percent: int) -> int:
    """The wei that a job must be able to pay, to be worth so many percent of its gas at that price."""
    return -(-JOB_GAS * gas_price * cover_percent // 100)
