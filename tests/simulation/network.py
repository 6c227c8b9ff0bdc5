"""Requests of the process under test come in; after a while answers, half answers, refusals or nothing come out.

It is the `Transport` of the production code: everything above it is real.
"""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from chain.transport import Reply
from tests.simulation.blocks import encoded
from tests.simulation.chain import Block
from tests.simulation.provider import Provider

HANG_S = 10_000.0


class Weather(Struct, kw_only=True):
    """How likely each trouble is, for one request to one provider; `latency_s` is a median, `away` a total outage."""

    latency_s: float = 0.02
    slow: float = 0.0
    hang: float = 0.0
    reset: float = 0.0
    refused: float = 0.0
    no_name: float = 0.0
    bad_certificate: float = 0.0
    busy: float = 0.0
    broken: float = 0.0
    limited: float = 0.0
    cut: float = 0.0
    garbage: float = 0.0
    silent_socket: float = 0.0
    closing_socket: float = 0.0
    away: bool = False


TROUBLES = tuple(name for name in Weather.__struct_fields__ if name not in ("latency_s", "away"))


class Network:
    """Weather by provider's name; `tell` hears of every trouble."""

    def __init__(self, providers: list[Provider], chance: random.Random, tell: Callable[[str], None]) -> None:
        self.providers = {each.url: each for each in providers} | {each.ws_url: each for each in providers}
        self.weather = {each.name: Weather() for each in providers}
        self.chance = chance
        self.requests = 0
        self.troubles: dict[str, int] = {}
        self._tell = tell

    def door(self) -> "Door":
        """The way of one process to the network."""
        return Door(self)

    def strikes(self, provider: Provider, trouble: str) -> bool:
        if self.chance.random() >= getattr(self.weather[provider.name], trouble):
            return False
        self.troubles[trouble] = self.troubles.get(trouble, 0) + 1
        self._tell(f"{provider.name}: {trouble}")
        return True


class Door:
    """A process's transport; once closed it lets nothing through."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._is_closed = False

    async def post(self, url: str, body: bytes, timeout_s: float) -> Reply:
        network, provider = self._network, self._provider(url)
        network.requests += 1
        async with asyncio.timeout(timeout_s):
            await self._travel(provider)
            reply = self._reply(provider, body)
            await asyncio.sleep(network.chance.random() * network.weather[provider.name].latency_s)
        return reply

    async def connect(self, url: str) -> "Wire":
        provider = self._provider(url)
        await self._travel(provider)
        return Wire(self._network, provider)

    async def close(self) -> None:
        self._is_closed = True

    def _provider(self, url: str) -> Provider:
        if self._is_closed:
            raise ConnectionAbortedError("this process is gone")
        return self._network.providers[url]

    async def _travel(self, provider: Provider) -> None:
        """The way there: what goes wrong before anybody has heard the request."""
        network, weather = self._network, self._network.weather[provider.name]
        slow = network.strikes(provider, "slow")
        await asyncio.sleep(weather.latency_s * (0.5 + network.chance.random()) * (100 if slow else 1))
        if weather.away:
            raise network.chance.choice((ConnectionRefusedError, ConnectionResetError, TimeoutError))("away")
        if network.strikes(provider, "hang"):
            await asyncio.sleep(HANG_S)
        if network.strikes(provider, "reset"):
            raise ConnectionResetError(104, "Connection reset by peer")
        if network.strikes(provider, "refused"):
            raise ConnectionRefusedError(111, "Connection refused")
        if network.strikes(provider, "no_name"):
            raise socket.gaierror(-2, f"no such host: {provider.name}.test")
        if network.strikes(provider, "bad_certificate"):
            raise ssl.SSLCertVerificationError(1, "certificate has expired")

    def _reply(self, provider: Provider, body: bytes) -> Reply:
        network, chance = self._network, self._network.chance
        if network.strikes(provider, "busy"):
            headers = chance.choice(({}, {"retry-after": "1"}, {"retry-after": "7"}, {"retry-after": "soon"}))
            return Reply(429, headers, b'{"error": "Too Many Requests"}')
        if network.strikes(provider, "broken"):
            return Reply(chance.choice((500, 502, 503, 504)), {}, b"<html>Bad Gateway</html>")
        if network.strikes(provider, "limited"):
            return Reply(200, {}, _limited(chance))
        answer = provider.answer(body)
        if network.strikes(provider, "cut"):
            answer = answer[: chance.randrange(len(answer))]
        if network.strikes(provider, "garbage"):
            answer = chance.choice((b"", b"null", b"[]", b"{}", b"\xff\xfe", b'"ok"', b'[{"id":7}]'))
        return Reply(200, {}, answer)


class Wire:
    """One WebSocket with a subscription to new heads."""

    def __init__(self, network: Network, provider: Provider) -> None:
        self._network = network
        self._provider = provider
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        self._is_silent = network.strikes(provider, "silent_socket")

    async def send(self, text: str) -> None:
        del text  # there is one thing to ask for
        self._texts.put_nowait('{"jsonrpc":"2.0","id":1,"result":"0xcd0c3e8af590364c09d0fa6a1210faf5"}')
        self._provider.listeners.append(self._push)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (text := await self._texts.get()) is not None:
            yield text

    async def close(self) -> None:
        if self._push in self._provider.listeners:
            self._provider.listeners.remove(self._push)

    def _push(self, head: Block) -> None:
        weather = self._network.weather[self._provider.name]
        if self._is_silent or weather.away:
            return
        if self._network.strikes(self._provider, "closing_socket"):
            self._texts.put_nowait(None)
            return
        header = {name: value for name, value in head.sealed.header.items() if name != "transactions"}
        told = {"jsonrpc": "2.0", "method": "eth_subscription", "params": {"subscription": "0x1", "result": header}}
        self._texts.put_nowait(encoded(told).decode())


def _limited(chance: random.Random) -> bytes:
    """Refusals inside a good answer, in the words of nodes and public providers."""
    code, message = chance.choice(
        (
            (-32005, "limit exceeded"),
            (429, "Your app has exceeded its compute units per second capacity"),
            (-32603, "Internal error"),
            (-32000, "header not found"),
            (-32000, "request timed out"),
        )
    )
    return encoded({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}})
