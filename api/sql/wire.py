"""What API and gate say to each other over a socket: structs go in, frames of a length and MessagePack come out."""

import asyncio
from enum import StrEnum
from typing import TypeVar

import msgspec
from msgspec import Struct

LENGTH_BYTES = 4
FRAME_BYTES_MAX = 256 * 1024 * 1024

Said = TypeVar("Said", bound=Struct)


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"


class Question(Struct, frozen=True):
    """A query to run; without a text, the wish to be told each time the tables have moved on."""

    text: str
    format: Format
    rows_max: int


class Outcome(StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    TOO_SLOW = "too slow"
    TOO_BIG = "too big"


class Standing(Struct, frozen=True):
    """What the tables held when an answer was read. `version` grows with every change, within one life of a gate."""

    life: int = 0
    version: int = 0
    head: int = -1
    head_hash: str = ""
    head_at: int = 0
    final: int = -1
    final_hash: str = ""


class Reply(Struct, frozen=True):
    """An answer as it goes to the client, or why there is none."""

    outcome: Outcome
    reason: str = ""
    body: bytes = b""
    rows: int = 0
    is_cut: bool = False
    is_changing: bool = False
    ms: float = 0.0
    standing: Standing = Standing()


_encode = msgspec.msgpack.Encoder().encode


def frame(said: Struct) -> bytes:
    body = _encode(said)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


async def receive(reader: asyncio.StreamReader, kind: type[Said]) -> Said:
    """The next frame. Raises IncompleteReadError at the end of the stream, MsgspecError for nonsense."""
    length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
    if length > FRAME_BYTES_MAX:
        raise msgspec.ValidationError(f"a frame of {length} bytes is too long")
    return msgspec.msgpack.decode(await reader.readexactly(length), type=kind)
