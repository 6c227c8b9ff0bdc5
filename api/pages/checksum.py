"""Addresses as wallets show them: lower-case hex goes in, EIP-55 mixed case comes out, which tells a typing error."""

from functools import lru_cache

from receipts.keccak import keccak256

ADDRESSES_KEPT = 1 << 12


@lru_cache(ADDRESSES_KEPT)
def checksummed(address: str) -> str:
    """A letter is upper-case where the hash of the address has a digit of 8 or more in the same place."""
    digits = address.removeprefix("0x").lower()
    digest = keccak256(digits.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(digits, digest, strict=False))
