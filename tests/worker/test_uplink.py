"""The uplink: a real WebSocket server that challenges, acknowledges, hangs up and comes back."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from eth_account import Account
from eth_account.messages import encode_defunct

from chain.signing import from_development_mnemonic
from tests.worker.lab import until
from worker.uplink import DocumentRefused, Uplink, UplinkDown

pytestmark = pytest.mark.thorough

SIGNER = from_development_mnemonic(3, 31337)


class Api:
    """The API's side of the line, for tests to change while it runs."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[dict[str, Any]] = []
        self.signers: list[str] = []
        self.acknowledges = True
        self.hangs_up_after: int | None = None
        self.chokes_on: str | None = None
        self.documents: list[bytes] = []
        self.document_status = 201
        self.sockets: set[web.WebSocketResponse] = set()

    async def work(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        await socket.send_json({"challenge": "prove it 42"})
        hello = await socket.receive_json()
        self.signers.append(
            Account.recover_message(encode_defunct(text="prove it 42"), signature=hello["signature"]).lower()
        )
        assert hello["address"] == self.signers[-1]
        async for message in socket:
            if message.type is not WSMsgType.TEXT or await self._hear(socket, json.loads(message.data)):
                break
        return socket

    async def _hear(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> bool:
        if said.get("stage") == self.chokes_on is not None:
            await socket.send_json({"error": "what is that?"})
            return True
        self.heard.append(said)
        if self.acknowledges:
            await socket.send_json({"ack": said["n"]})
        return len(self.heard) == self.hangs_up_after

    async def receipts(self, request: web.Request) -> web.Response:
        self.documents.append(await request.read())
        return web.Response(status=self.document_status, text="as told")


@asynccontextmanager
async def serving(api: Api) -> AsyncIterator[Api]:
    application = web.Application()
    application.add_routes([web.get("/v1/work", api.work), web.post("/v1/receipts", api.receipts)])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    api.url = f"http://{host}:{port}"
    try:
        yield api
    finally:
        await asyncio.gather(*[socket.close() for socket in api.sockets])
        await runner.cleanup()


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Uplink]:
    uplink = Uplink(url, SIGNER.address, SIGNER.sign_message)
    running = asyncio.create_task(uplink.run())
    try:
        yield uplink
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await uplink.close()


async def test_the_worker_proves_who_it_is_and_its_messages_arrive_in_order() -> None:
    async with serving(Api()) as api, linked(api.url) as uplink:
        uplink.progress(7, "started", prompt_tokens=3)
        uplink.tokens(7, 0, "Par")
        uplink.tokens(7, 1, "is")
        await until(lambda: len(api.heard) == 3, "three messages arrived", 5)
        assert api.signers == ["0x" + SIGNER.address.hex()]
        numbers = [said.pop("n") for said in api.heard]
        assert numbers == sorted(set(numbers))
        assert abs(api.heard[0].pop("at") - time.time() * 1000) < 60_000
        assert api.heard == [
            {"type": "progress", "job": 7, "stage": "started", "prompt_tokens": 3},
            {"type": "tokens", "job": 7, "seq": 0, "text": "Par"},
            {"type": "tokens", "job": 7, "seq": 1, "text": "is"},
        ]
        await until(lambda: uplink.pending == 0, "all was acknowledged", 5)


async def test_what_was_not_acknowledged_is_sent_again_on_a_new_line() -> None:
    api = Api()
    api.acknowledges, api.hangs_up_after = False, 2
    async with serving(api), linked(api.url) as uplink:
        for number in range(4):
            uplink.tokens(7, number, "x")
        await until(lambda: len(api.signers) == 2, "the line was opened again", 10)
        api.acknowledges = True
        await until(lambda: [said["seq"] for said in api.heard[-4:]] == [0, 1, 2, 3], "all came again, in order", 10)


async def test_without_an_api_nothing_is_kept() -> None:
    uplink = Uplink("", SIGNER.address, SIGNER.sign_message)
    uplink.progress(7, "started")
    assert uplink.pending == 0
    await asyncio.wait_for(uplink.run(), 1)


async def test_an_api_that_is_away_holds_nobody_up_and_gets_everything_when_it_is_back() -> None:
    api = Api()
    async with serving(api):
        url = api.url
    async with linked(url) as uplink:
        uplink.progress(7, "started")
        await until(lambda: uplink.pending == 1, "the message waits", 5)
    async with serving(api), linked(api.url) as uplink:
        uplink.progress(7, "started")
        await until(lambda: len(api.heard) == 1, "it arrived", 10)


async def test_an_api_that_is_not_up_yet_is_tried_often() -> None:
    tried = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with linked(f"http://127.0.0.1:{port}"):
            await until(lambda: tried >= 10, "ten times in a few seconds", 8)


async def test_a_line_that_breaks_again_and_again_is_opened_again_as_quickly_each_time() -> None:
    api = Api()
    async with serving(api), linked(api.url) as uplink:
        for count in range(1, 8):
            api.hangs_up_after = count
            uplink.progress(7, "started")
            await until(lambda heard=count: len(api.heard) >= heard, "it arrived", 1)  # type: ignore[misc]


async def test_a_message_that_the_api_refuses_is_not_sent_again() -> None:
    api = Api()
    api.chokes_on = "proving"
    async with serving(api), linked(api.url) as uplink:
        uplink.progress(7, "proving")
        await until(lambda: len(api.signers) >= 2, "the line was opened again", 10)
        uplink.progress(7, "proved", ms=50)
        await until(lambda: [said["stage"] for said in api.heard] == ["proved"], "what followed arrived", 10)


async def test_numbers_rise_through_restarts_of_the_worker() -> None:
    async with serving(Api()) as api:
        for stage in ("answered", "proved"):
            async with linked(api.url) as uplink:
                uplink.progress(7, stage)
                await until(lambda: uplink.pending == 0, "it arrived", 5)
        first, second = api.heard
        assert (first["stage"], second["stage"]) == ("answered", "proved")
        assert first["n"] < second["n"]


@pytest.mark.parametrize(
    ("status", "raised"),
    [(400, DocumentRefused), (409, DocumentRefused), (413, DocumentRefused), (403, UplinkDown), (404, UplinkDown),
     (429, UplinkDown), (503, UplinkDown)],
)  # fmt: skip
async def test_a_document_is_refused_for_good_or_may_come_again(status: int, raised: type[Exception]) -> None:
    async with serving(Api()) as api:
        uplink = Uplink(api.url, SIGNER.address, SIGNER.sign_message)
        await uplink.post_document(b"{}")
        api.document_status = status
        with pytest.raises(raised, match=f"answers {status}: as told"):
            await uplink.post_document(b"{}")
        await uplink.close()
        assert api.documents == [b"{}", b"{}"]


async def test_a_document_without_an_api_to_take_it_may_come_again() -> None:
    uplink = Uplink("http://127.0.0.1:9", SIGNER.address, SIGNER.sign_message)
    with pytest.raises(UplinkDown):
        await uplink.post_document(b"{}")
    await uplink.close()
