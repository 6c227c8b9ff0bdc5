"""Where a walk through pages goes on: the index's place comes in, a text bound to list, filters and head goes out."""

import base64
import binascii
import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from api.service.refusals import Clashing, Invalid
from indexer.explorer.queries import Queries
from indexer.explorer.rows import Head

DIGEST_BYTES = 6


class BadCursor(Invalid):
    """The cursor is none of ours, or of another list."""

    remedy = "Take the cursor from `next` of a page, unchanged, and keep filter and order; or start without one."


class GroundMoved(Clashing):
    """The blocks under this walk were reorganised away."""

    remedy = "Start the walk again without a cursor: rows that were shown may be gone."


class Place(Struct, frozen=True, array_like=True):
    """Where a walk stands: the index's place, which question it answers, and the head it began at."""

    after: str
    question: str
    head: int
    head_hash: str


def question_of(path: str, asked: Any) -> str:
    """A short name of a list with its filter, its order and the moment meant."""
    return hashlib.sha256(msgspec.json.encode([path, asked])).hexdigest()[: 2 * DIGEST_BYTES]


def seal(after: str, question: str, head: Head) -> str:
    encoded = msgspec.msgpack.encode(Place(after, question, head.number, head.hash))
    return base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def unseal(cursor: str, question: str) -> Place:
    """Raises BadCursor."""
    try:
        data = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        place = msgspec.msgpack.decode(data, type=Place)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise BadCursor(f"the cursor {cursor[:64]!r} cannot be read") from None
    if place.question != question:
        raise BadCursor("the cursor is of another list, filter, order or moment")
    return place


def check_ground(place: Place, queries: Queries) -> None:
    """Raises GroundMoved when the head at which the walk began is no longer part of the chain."""
    if place.head < 0 or not place.head_hash:
        return
    block = queries.block(place.head)
    if block is not None and block.hash != place.head_hash:
        raise GroundMoved(f"block {place.head} was {place.head_hash} when the walk began and is {block.hash} now")
    if block is None and (place.head > queries.head().final or queries.was_dropped(place.head_hash)):
        raise GroundMoved(f"block {place.head}, {place.head_hash} when the walk began, was reorganised away")
