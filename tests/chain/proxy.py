"""A node's provider that can be told to lie, lag, hang, limit, break off or leave, and to lose its WebSockets."""

import asyncio
import json
import random
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

Lie = Callable[[str, list[Any], Any], Any]


class Proxy:
    """Stands before a node: `lie` may change each result, `spoil` each body, the other members the manners."""

    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        self.upstream = upstream
        self.tls = tls
        self._sockets: set[web.WebSocketResponse] = set()
        self.lie: Lie = lambda _method, _params, result: result
        self.spoil: Callable[[bytes], bytes] = lambda body: body
        self.status = 200
        self.headers: dict[str, str] = {}
        self.awake = asyncio.Event()
        self.awake.set()
        self.shuffles = False
        self.breaks = ""
        """`reset` breaks the connection off before the answer, `half` in the middle of it."""
        self.calls_max: int | None = None
        """Calls that it takes in one request."""
        self.batches: list[int] = []
        self.at_once = 0
        self.at_once_max = 0
        self._port = 0
        self.refuses_sockets = False
        self.is_silent = False
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def socket_count(self) -> int:
        return len(self._sockets)

    async def cut_sockets(self) -> None:
        for socket in list(self._sockets):
            await socket.close()

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        await self.come()
        return self

    async def come(self) -> None:
        """Serves, at the port it had before."""
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/", self._answer)
        app.router.add_get("/", self._socket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self.tls).start()
        self._port = self._runner.addresses[0][1]

    async def leave(self) -> None:
        await self.cut_sockets()
        await self._runner.cleanup()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.awake.set()
        await self.leave()
        await self._http.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        try:
            return await self._answer_one(request)
        finally:
            self.at_once -= 1

    async def _answer_one(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        calls = asked if isinstance(asked, list) else [asked]
        self.asked += [call["method"] for call in calls]
        self.batches.append(len(calls))
        await self.awake.wait()
        if self.status != 200:
            return web.Response(status=self.status, headers=self.headers, text="not now")
        if self.calls_max is not None and len(calls) > self.calls_max:
            said = f"batch limit {self.calls_max} exceeded: {len(calls)} requests given"
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": said}})
        async with self._http.post(self.upstream, json=asked) as response:
            told = await response.json()
        by_id = {answer["id"]: answer for answer in (told if isinstance(told, list) else [told])}
        for call in calls:
            answer = by_id[call["id"]]
            if "result" in answer:
                answer["result"] = self.lie(call["method"], call["params"], answer["result"])
        if self.shuffles and isinstance(told, list):
            random.shuffle(told)
        body = self.spoil(json.dumps(told).encode())
        if self.breaks:
            return await self._break_off(request, body)
        return web.Response(body=body, content_type="application/json")

    async def _break_off(self, request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": str(len(body))})
        if self.breaks == "half":
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.abort()
        return response

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_sockets:
            raise web.HTTPServiceUnavailable
        below = web.WebSocketResponse()
        await below.prepare(request)
        self._sockets.add(below)
        try:
            async with self._http.ws_connect(self.upstream.replace("http", "ws", 1), max_msg_size=0) as above:
                pumps = [asyncio.create_task(self._pump(below, above)), asyncio.create_task(self._pump(above, below))]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
        finally:
            self._sockets.discard(below)
        return below

    async def _pump(self, source: Any, target: Any) -> None:
        async for message in source:
            if not self.is_silent:
                await target.send_str(message.data)
