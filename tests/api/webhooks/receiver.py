"""A real HTTP server that takes deliveries, and answers as it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct


class Taken(Struct, frozen=True):
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class Receiver:
    """`answers` are used up from the front; the last stays."""

    def __init__(self) -> None:
        self.answers = [b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"]
        self.taken: list[Taken] = []
        self.port = 0
        self.is_silent = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def answer(self, *statuses: int, extra: str = "") -> None:
        head = "\r\ncontent-length: 2\r\n"
        self.answers = [f"HTTP/1.1 {status} So{head}{extra}\r\nok".encode() for status in statuses]

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.taken.append(Taken(line, headers, body))
            if self.is_silent:
                await reader.read()
            writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, host, 0, **options)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
