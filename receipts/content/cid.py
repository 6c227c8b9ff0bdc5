"""Text in, the content identifier out, and back: versions 0 and 1 over SHA-256, raw bytes or UnixFS nodes.

Version 0 is base58 (`Qm...`), version 1 is written in base32 (`b...`) and also read in base58 (`z...`).
"""

import base64
import binascii
import hashlib

from msgspec import Struct

from .access import BadCid

RAW, DAG_PB = 0x55, 0x70
SHA256_PREFIX = b"\x12\x20"
DIGEST_BYTES = 32
TEXT_MAX = 128

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES = {letter: value for value, letter in enumerate(_BASE58)}


class Cid(Struct, frozen=True):
    """The name of a block: what it holds (`codec`) and the SHA-256 of its bytes."""

    version: int
    codec: int
    digest: bytes

    def __str__(self) -> str:
        if self.version == 0:
            return _to_base58(SHA256_PREFIX + self.digest)
        return "b" + base64.b32encode(self.binary).decode().rstrip("=").lower()

    @property
    def binary(self) -> bytes:
        """The bytes that links between blocks name it by."""
        head = b"" if self.version == 0 else bytes((1, self.codec))
        return head + SHA256_PREFIX + self.digest

    def names(self, block: bytes) -> bool:
        return hashlib.sha256(block).digest() == self.digest


def name_block(block: bytes, version: int, codec: int) -> Cid:
    return Cid(version, codec, hashlib.sha256(block).digest())


def parse(text: str) -> Cid:
    """The identifier that `text` writes; raises BadCid."""
    if not text or len(text) > TEXT_MAX:
        raise BadCid(f"a CID has 46 to {TEXT_MAX} characters, this one has {len(text)}")
    cid = _parse(text)
    if text not in (str(cid), "z" + _to_base58(cid.binary) if cid.version else ""):
        raise BadCid(f"CID {text!r} is not written as CIDs are")
    return cid


def from_binary(data: bytes) -> Cid:
    """The identifier in a link between blocks; raises BadCid."""
    head, multihash = data[:-34], data[-34:]
    if len(multihash) != len(SHA256_PREFIX) + DIGEST_BYTES or not multihash.startswith(SHA256_PREFIX):
        raise BadCid(f"CID 0x{data[:8].hex()}... is not over SHA-256, the only hash read here")
    if not head:
        return Cid(0, DAG_PB, multihash[2:])
    if len(head) != 2 or head[0] != 1 or head[1] not in (RAW, DAG_PB):
        raise BadCid(f"CID 0x{head.hex()}... names neither raw bytes nor a UnixFS node of version 1")
    return Cid(1, head[1], multihash[2:])


def _parse(text: str) -> Cid:
    if text.startswith("Qm"):
        return from_binary(_from_base58(text))
    if text.startswith("b"):
        cid = from_binary(_from_base32(text[1:]))
    elif text.startswith("z"):
        cid = from_binary(_from_base58(text[1:]))
    else:
        raise BadCid(f"CID {text!r} begins neither with Qm (version 0) nor with b or z (version 1)")
    if cid.version == 0:
        raise BadCid(f"CID {text!r} is of version 0, which is written without {text[0]!r} in front")
    return cid


def _from_base32(text: str) -> bytes:
    if text != text.lower():
        raise BadCid(f"CID 'b{text}' mixes upper and lower case")
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise BadCid(f"CID 'b{text}' is not base32") from None


def _from_base58(text: str) -> bytes:
    number = 0
    for letter in text:
        if letter not in _BASE58_VALUES:
            raise BadCid(f"CID {text!r} holds {letter!r}, which is not in base58")
        number = number * 58 + _BASE58_VALUES[letter]
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _to_base58(data: bytes) -> str:
    number, letters = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        letters = _BASE58[rest] + letters
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + letters
