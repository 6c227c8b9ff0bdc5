"""What every keeper of content offers, and the one tree of its errors.

ContentError
  BadCid         a name that is none, or of a kind we do not read
  NotFound       nobody here has it
  Corrupted      the bytes at hand are not those the name stands for
  TooLarge       more bytes than the limit allows
  StorageFailed  the disk did not take it (full, read-only, ...); nothing was stored under the name
  Unreachable    the node that keeps content did not answer
"""

from typing import Protocol

CONTENT_BYTES_MAX = 64 << 20
BLOCK_BYTES_MAX = 2 << 20


class ContentError(Exception):
    """Content could not be named, stored or read."""


class BadCid(ContentError, ValueError):
    """Text that is no content identifier, or one of a kind that is not read here."""


class NotFound(ContentError):
    """Nothing is kept under this name."""


class Corrupted(ContentError):
    """Bytes that do not hash to the name they were asked by, or do not hold together as a file."""


class TooLarge(ContentError):
    """More bytes than the limit allows."""


class StorageFailed(ContentError):
    """The disk did not take the content; nothing is stored under its name."""


class Unreachable(ContentError):
    """The node that keeps content did not answer as it should."""


class Content(Protocol):
    """A keeper of content: names are CIDs, and what is read was hashed again on the way."""

    async def get(self, cid: str) -> bytes: ...

    async def put(self, data: bytes) -> str: ...

    async def has(self, cid: str) -> bool: ...
