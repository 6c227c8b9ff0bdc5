"""Requests for an endpoint that has but a WebSocket go in; what it answers there comes out."""

import asyncio
from collections.abc import AsyncIterator

from chain.transport import Reply, Socket, Transport

ANSWERED = 200


class OverSocket:
    """Posts through one WebSocket, one request after the other; opens another when that one breaks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._turn = asyncio.Lock()
        self._socket: Socket | None = None
        self._texts: AsyncIterator[str] | None = None

    async def post(self, url: str, body: bytes, timeout_s: float) -> Reply:
        async with asyncio.timeout(timeout_s), self._turn:
            try:
                return Reply(ANSWERED, {}, await self._exchange(url, body.decode()))
            except BaseException:  # its answer may still come, and would be taken for the next one's
                await self.close()
                raise

    async def connect(self, url: str) -> Socket:
        return await self._transport.connect(url)

    async def close(self) -> None:
        socket, self._socket, self._texts = self._socket, None, None
        if socket is not None:
            await socket.close()

    async def _exchange(self, url: str, text: str) -> bytes:
        if self._socket is None or self._texts is None:
            self._socket = await self._transport.connect(url)
            self._texts = aiter(self._socket)
        await self._socket.send(text)
        async for answer in self._texts:
            return answer.encode()
        raise ConnectionResetError("the WebSocket was closed")
