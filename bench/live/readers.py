"""Many readers of one stream: they connect, and of each is known which blocks it heard of, and when."""

import asyncio
import re
import time
from collections.abc import Callable

CONNECTING_AT_ONCE = 50
BLOCK = re.compile(rb'"put","id":"[^"]*","kind":"block","key":"(\d+)"')
DIGITS_KEPT = 96
"""So much of the end of what came is looked at again: a message may be cut in two."""


class Listener(asyncio.Protocol):
    """Takes what comes as it comes."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.heard: dict[int, float] = {}
        self.bytes = 0
        self.is_open = asyncio.Event()
        self.is_lost = False
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.bytes += len(data)
        self.is_open.set()
        for number in BLOCK.findall(self._rest + data):
            self.heard.setdefault(int(number), now)
        self._rest = data[-DIGITS_KEPT:]

    def connection_lost(self, _: Exception | None) -> None:
        self.is_lost = True

    def close(self) -> None:
        self._transport.close()


async def connect(port: int, topics: str, count: int) -> list[Listener]:
    """As many readers, each of which has heard the first message."""
    request = f"GET /explorer/v1/live?topics={topics} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    turn = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def one() -> Listener:
        async with turn:
            _, listener = await asyncio.get_running_loop().create_connection(
                lambda: Listener(request), "127.0.0.1", port
            )
            await listener.is_open.wait()
            return listener

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def until(holds: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < deadline:  # noqa: ASYNC110  a look now and then is all that is wanted
        await asyncio.sleep(0.05)
    return holds()
