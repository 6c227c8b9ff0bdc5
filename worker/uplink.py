"""What the worker has to tell goes in; numbered messages go out over a WebSocket to the API, until acknowledged.

The worker never waits for it: without an API, or while it is away, messages are kept up to a limit, then the oldest go.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec

from chain.outages import Outage
from domain.facts import TelemetrySampled

MESSAGES_MAX = 20_000
RECONNECT_S = 0.2
OFTEN_S = 20.0
"""So long after the start, or after the line broke, it is tried again at the shortest pause."""
RECONNECT_S_MAX = 10.0
HEARTBEAT_S = 20.0
HANDSHAKE_S_MAX = 10.0
MESSAGE_BYTES_MAX = 1 << 20
POST_S_MAX = 10.0

Sign = Callable[[bytes], bytes]

log = logging.getLogger(__name__)


class DocumentRefused(Exception):
    """The API will not take this receipt document, whenever it is sent."""


class UplinkDown(Exception):
    """The API cannot be reached, or is not well."""


class _FromServer(msgspec.Struct):
    challenge: str | None = None
    ack: int | None = None
    refused: str | None = None
    error: str | None = None


_decode = msgspec.json.Decoder(_FromServer).decode
_encode = msgspec.json.Encoder().encode


class Uplink:
    """The line to one API; an empty URL makes it a line that ends here."""

    def __init__(self, api_url: str, address: bytes, sign: Sign) -> None:
        self._url = api_url.rstrip("/")
        self._address = "0x" + address.hex()
        self._sign = sign
        self._unsent: deque[tuple[int, bytes]] = deque(maxlen=MESSAGES_MAX)
        self._unacknowledged: deque[tuple[int, bytes]] = deque(maxlen=MESSAGES_MAX)
        self._number = time.time_ns() // 1000  # so that numbers rise through restarts too
        self._fresh = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self.is_connected = False
        self._outage = Outage(log, f"the line to {self._url}")

    @property
    def is_configured(self) -> bool:
        return bool(self._url)

    @property
    def pending(self) -> int:
        """Messages that the API has not acknowledged yet."""
        return len(self._unsent) + len(self._unacknowledged)

    def progress(self, job_id: int, stage: str, **details: Any) -> None:
        """A job reached a stage of its way, now."""
        self._send({"type": "progress", "job": job_id, "stage": stage, "at": _now_ms(), **details})

    def tokens(self, job_id: int, sequence: int, text: str) -> None:
        """The `sequence`-th piece of an answer's text."""
        self._send({"type": "tokens", "job": job_id, "seq": sequence, "text": text})

    def sample(self, sample: TelemetrySampled) -> None:
        fields = {name: getattr(sample, name) for name in ("at", "cpu_percent", "memory_used", "memory_total")}
        gpus = [{name: getattr(gpu, name) for name in gpu.__struct_fields__} for gpu in sample.gpus]
        self._send({"type": "sample", **fields, "gpus": gpus})

    async def post_document(self, document: bytes) -> None:
        """Publishes a signed receipt document. Raises DocumentRefused or UplinkDown."""
        try:
            async with self._client().post(
                f"{self._url}/v1/receipts",
                data=document,
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=POST_S_MAX),
            ) as response:
                said = (await response.text(errors="replace"))[:300]
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            raise UplinkDown(f"{self._url}: {fault or type(fault).__name__}") from fault
        if response.status >= 500 or response.status in (403, 404, 408, 425, 429):  # 403, 404: its index lags
            raise UplinkDown(f"{self._url}/v1/receipts answers {response.status}: {said}")
        if response.status >= 400:
            raise DocumentRefused(f"{self._url}/v1/receipts answers {response.status}: {said}")

    async def run(self) -> None:
        """Keeps the line up until cancelled; an API away for moments is tried often, one that stays away less so."""
        pause_s, away_since = RECONNECT_S, time.monotonic()
        while self.is_configured:
            try:
                await self._serve()
            except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError, UplinkDown) as fault:
                self._outage.begin(fault)
            finally:
                if self.is_connected:
                    pause_s, away_since = RECONNECT_S, time.monotonic()
                self.is_connected = False
            await asyncio.sleep(pause_s)
            if time.monotonic() - away_since > OFTEN_S:
                pause_s = min(RECONNECT_S_MAX, pause_s * 2)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _send(self, message: dict[str, Any]) -> None:
        if not self.is_configured:
            return
        self._number += 1
        self._unsent.append((self._number, _encode({"n": self._number, **message})))
        self._fresh.set()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def _serve(self) -> None:
        """One connection: proves who we are, sends everything unacknowledged, then whatever comes."""
        async with self._client().ws_connect(
            f"{self._url}/v1/work", heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_BYTES_MAX
        ) as socket:
            await self._introduce(socket)
            self.is_connected = True
            self._outage.end()
            sending = asyncio.create_task(self._pump(socket))
            try:
                async for received in socket:
                    if received.type is aiohttp.WSMsgType.TEXT:
                        self._hear(_decode(received.data))
            finally:
                sending.cancel()
        raise UplinkDown("the API closed the line")

    async def _introduce(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        greeting = _decode(await socket.receive_str(timeout=HANDSHAKE_S_MAX))
        if greeting.challenge is None:
            raise UplinkDown(f"the API opened without a challenge: {greeting.error or 'is it the right address?'}")
        signature = "0x" + self._sign(greeting.challenge.encode()).hex()
        await socket.send_str(_encode({"address": self._address, "signature": signature}).decode())

    async def _pump(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        again = [*self._unacknowledged, *self._unsent]
        self._unacknowledged.clear()
        self._unsent = deque(again, MESSAGES_MAX)
        while True:
            while self._unsent:
                numbered = self._unsent.popleft()
                self._unacknowledged.append(numbered)
                await socket.send_str(numbered[1].decode())
            self._fresh.clear()
            await self._fresh.wait()

    def _hear(self, said: _FromServer) -> None:
        if said.refused is not None:
            log.debug("the API told nobody: %s", said.refused)
        while said.ack is not None and self._unacknowledged and self._unacknowledged[0][0] <= said.ack:
            self._unacknowledged.popleft()
        if said.error is not None:
            if self._unacknowledged:  # it is the oldest that it chokes on: sent again, it would choke again
                self._unacknowledged.popleft()
            raise UplinkDown(f"the API says: {said.error}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
