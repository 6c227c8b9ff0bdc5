"""The same stream over a WebSocket: `{"subscribe": [...]}` and `{"unsubscribe": [...]}` come in, messages go out.

What is sent together comes as one JSON array of messages.
"""

import asyncio
from typing import Any

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from msgspec import Struct

from api.given import Given
from api.live.channels import FellBehind, Frame
from api.live.hub import Hub
from api.live.messages import Heartbeat, Refused
from api.live.reading import Reader, reading
from api.live.topics import topics_named
from api.service.refusals import Invalid, Refusal
from api.settings import ApiSettings

REFUSED, TOO_SLOW = 4400, 4408
MESSAGE_CHARACTERS_MAX = 4_096
REASON_BYTES_MAX = 120

_encode = msgspec.json.Encoder().encode


class BadMessage(Invalid):
    """The message is none that this socket takes."""

    remedy = 'Send {"subscribe": ["jobs"]} or {"unsubscribe": ["jobs"]} as text.'


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client says: topics to follow besides, or no longer."""

    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(Wish).decode


@websocket("/explorer/v1/live/ws")
async def live_socket(socket: WebSocket[Any, Any, Any], hub: Given[Hub], settings: Given[ApiSettings]) -> None:
    await socket.accept()
    try:
        hub.admit()
        named = socket.query_params.get("topics", "")
        topics = topics_named(named.split(",") if named else ())
        with reading(hub, topics, socket.query_params.get("last_event_id")) as reader:
            await _both_ways(socket, reader, settings.slow_reader_s)
    except Refusal as fault:
        await socket.send_text(_encode([Refused(fault.detail, fault.remedy)]))
        await _close(socket, REFUSED, fault.detail)
    except FellBehind:
        await _close(socket, TOO_SLOW, "slower than what happens; come back with the last id")
    except TimeoutError:
        await _close(socket, TOO_SLOW, f"took nothing for {settings.slow_reader_s:g} s; come back with the last id")
    except WebSocketDisconnect:
        pass


async def _both_ways(socket: WebSocket[Any, Any, Any], reader: Reader, slow_reader_s: float) -> None:
    """Until either side ends."""
    tasks = [
        asyncio.create_task(_send(socket, reader, slow_reader_s)),
        asyncio.create_task(_listen(socket, reader)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(socket: WebSocket[Any, Any, Any], reader: Reader, slow_reader_s: float) -> None:
    while True:
        text = _together(await reader.frames())
        async with asyncio.timeout(slow_reader_s):
            await socket.send_text(text)


async def _listen(socket: WebSocket[Any, Any, Any], reader: Reader) -> None:
    while True:
        text = await socket.receive_text()
        if len(text) > MESSAGE_CHARACTERS_MAX:
            raise BadMessage(f"the message has {len(text)} characters, at most {MESSAGE_CHARACTERS_MAX} are taken")
        try:
            wish = _decode(text)
        except msgspec.MsgspecError as fault:
            raise BadMessage(f"the message {text[:64]!r} cannot be read: {fault}") from None
        more, less = topics_named(wish.subscribe), topics_named(wish.unsubscribe)
        reader.follow(topics_named((reader.topics | more) - less))


def _together(frames: list[Frame]) -> bytes:
    said = [
        _encode(Heartbeat(message.id)) if frame.beat else message.json for frame in frames for message in frame.messages
    ]
    return b"[" + b",".join(said) + b"]"


async def _close(socket: WebSocket[Any, Any, Any], code: int, reason: str) -> None:
    await socket.close(code=code, reason=reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"))
