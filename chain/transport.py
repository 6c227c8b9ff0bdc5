"""Bytes for a URL go in, what came back from there goes out: the one place that knows the HTTP and WebSocket library.

What fails is an OSError of the standard library's kinds (`ConnectionError`, `socket.gaierror`, `ssl.SSLError`), a
TimeoutError, or a Retryable of ours. Whoever simulates the network brings another Transport.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import aiohttp
from msgspec import Struct

from chain.errors import Garbled

ANSWER_BYTES_MAX = 256 * 1024 * 1024
KEEPALIVE_S = 30
CLOSING = aiohttp.ClientWSTimeout(ws_close=1.0)
HEADERS = {"content-type": "application/json"}


class Reply(Struct, frozen=True):
    """An HTTP answer, whole; its headers are looked up in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Socket(Protocol):
    """An open WebSocket: iterate over the texts that come; the iteration ends when it is closed."""

    async def send(self, text: str) -> None: ...
    def __aiter__(self) -> AsyncIterator[str]: ...
    async def close(self) -> None: ...


class Transport(Protocol):
    async def post(self, url: str, body: bytes, timeout_s: float) -> Reply: ...
    async def connect(self, url: str) -> Socket: ...
    async def close(self) -> None: ...


class HttpTransport:
    """The network itself. Connects when first asked; keeps connections open between requests."""

    def __init__(self, answer_bytes_max: int = ANSWER_BYTES_MAX, heartbeat_s: float = 10.0) -> None:
        self._answer_bytes_max = answer_bytes_max
        self._heartbeat_s = heartbeat_s
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, timeout_s: float) -> Reply:
        try:
            async with asyncio.timeout(timeout_s), self._open().post(url, data=body, headers=HEADERS) as response:
                return Reply(response.status, response.headers, await self._read(response))
        except aiohttp.ClientError as error:
            raise _plain(error) from None

    async def connect(self, url: str) -> Socket:
        try:
            opened = await self._open().ws_connect(
                url, timeout=CLOSING, heartbeat=self._heartbeat_s, max_msg_size=self._answer_bytes_max
            )
            return _Socket(opened)
        except aiohttp.ClientError as error:
            raise _plain(error) from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S)
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), connector=connector)
        return self._session

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks, size, size_max = [], 0, self._answer_bytes_max
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > size_max:
                raise Garbled(f"an answer of more than {size_max} bytes: lower batch_blocks or raise answer_bytes_max")
            chunks.append(chunk)
        return b"".join(chunks)


class _Socket:
    """aiohttp's WebSocket, of which we want text alone."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except aiohttp.ClientError as error:
            raise _plain(error) from None

    async def __aiter__(self) -> AsyncIterator[str]:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                yield message.data

    async def close(self) -> None:
        await self._socket.close()


def _plain(error: aiohttp.ClientError) -> OSError:
    """The error of the standard library that says the same."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError) and isinstance(error.certificate_error, OSError):
        return error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return socket.gaierror(error.os_error.errno, f"no such host: {error.host}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    if isinstance(error, OSError):
        return error
    return ConnectionError(str(error) or type(error).__name__)
