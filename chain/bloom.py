"""A header's bloom and a contract's address go in; whether the block can hold a log of it comes out.

The bloom is the union of three bits for each address and each topic of the block's logs (yellow paper, 4.3.1). So it
never hides a log that is there, and its block's logs must fill it bit by bit.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from chain.errors import Distrusted
from chain.wire import Header, WireReceipt, octets
from receipts.keccak import keccak256

BITS_MASK = 2047
ITEMS_KEPT = 16_384
EMPTY = "0x" + "00" * 256


def mask_of(item: bytes) -> int:
    """The bits that an address or a topic sets."""
    digest = keccak256(item)
    return (
        1 << (int.from_bytes(digest[0:2], "big") & BITS_MASK)
        | 1 << (int.from_bytes(digest[2:4], "big") & BITS_MASK)
        | 1 << (int.from_bytes(digest[4:6], "big") & BITS_MASK)
    )


def may_hold(header: Header, masks: Iterable[int]) -> bool:
    """Whether one of the items with these masks can be in the block."""
    if header.logs_bloom == EMPTY:
        return False
    bits = int(header.logs_bloom, 16)
    return any(bits & mask == mask for mask in masks)


def check_bloom(header: Header, receipts: Sequence[WireReceipt]) -> None:
    """Raises Distrusted unless the receipts' logs fill the header's bloom: no more, and no less."""
    items: set[str] = set()
    for receipt in receipts:
        for log in receipt.logs:
            items.add(log.address)
            items.update(log.topics)
    found = 0
    for item in items:
        found |= _mask(item)
    promised = int(header.logs_bloom, 16)
    if found & ~promised:
        raise Distrusted(f"{_name(header)}: a log was added or changed, its bloom knows nothing of it")
    if found != promised:
        raise Distrusted(f"{_name(header)}: a log was left out or changed, its bloom knows of more than came")


@lru_cache(ITEMS_KEPT)
def _mask(item: str) -> int:
    return mask_of(octets(item))


def _name(header: Header) -> str:
    return f"block {int(header.number, 16)} {header.hash}"
