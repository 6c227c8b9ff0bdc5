"""Bodies of two pieces, of which the first stays and the second changes: both come in packed, one gzip stream goes out.

A piece is packed by itself up to a whole byte, so that pieces can be set one behind another: nothing is packed twice.
"""

import zlib

LEVEL = 5
RAW = -15
"""A bare stream, as long as its window may be."""

HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
MODULUS = 1 << 32


class Piece:
    """A piece as it is, and as part of a stream: packed when it is first wanted so."""

    __slots__ = ("_packed", "checksum", "is_last", "plain")

    def __init__(self, plain: bytes, *, is_last: bool = False) -> None:
        self.plain, self.is_last = plain, is_last
        self.checksum = 0
        self._packed: bytes | None = None

    def packed(self) -> bytes:
        if self._packed is None:
            packer = zlib.compressobj(LEVEL, wbits=RAW)
            end = zlib.Z_FINISH if self.is_last else zlib.Z_SYNC_FLUSH
            self.checksum = zlib.crc32(self.plain)
            self._packed = packer.compress(self.plain) + packer.flush(end)
        return self._packed


def gzipped(first: Piece, last: Piece) -> bytes:
    stream = (HEADER, first.packed(), last.packed())
    checksum, length = zlib.crc32(last.plain, first.checksum), len(first.plain) + len(last.plain)
    return b"".join((*stream, _word(checksum), _word(length)))


def _word(number: int) -> bytes:
    return (number % MODULUS).to_bytes(4, "little")
