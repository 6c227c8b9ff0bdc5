"""Bodies of two pieces, of which the first stays and the second changes: both come in packed, one gzip stream goes out.

A piece is packed by itself up to a whole byte, so that pieces can be set one behind another: nothing is packed twice.
"""

import zlib

from msgspec import Struct

LEVEL = 5
RAW = -15
"""A bare stream, as long as its window may be."""

HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
MODULUS = 1 << 32


class Packed(Struct, frozen=True):
    """A piece as it is, and as part of a stream."""

    plain: bytes
    packed: bytes
    checksum: int


def pack(plain: bytes, *, is_last: bool = False) -> Packed:
    packer = zlib.compressobj(LEVEL, wbits=RAW)
    packed = packer.compress(plain) + packer.flush(zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH)
    return Packed(plain, packed, zlib.crc32(plain))


def gzipped(first: Packed, last: Packed) -> bytes:
    checksum, length = zlib.crc32(last.plain, first.checksum), len(first.plain) + len(last.plain)
    return b"".join((HEADER, first.packed, last.packed, _word(checksum), _word(length)))


def _word(number: int) -> bytes:
    return (number % MODULUS).to_bytes(4, "little")
