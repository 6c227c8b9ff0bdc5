"""A real HTTP server that speaks OpenAI's streaming chat completions, and answers every prompt with its own words."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

MODEL = "smollm2-135m-instruct"


class Upstream:
    """What the server does, for tests to change while it runs."""

    def __init__(self) -> None:
        self.url = ""
        self.is_vllm = True
        self.status = 200
        self.pause_s = 0.0
        self.breaks_after: int | None = None
        self.hides_usage = False
        self.requests: list[dict[str, Any]] = []
        self.running = 0
        self.aborted = 0
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def prompts(self) -> list[str]:
        """What was asked, in order."""
        return [body["messages"][-1]["content"] for body in self.requests]

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes(
            [
                web.get("/health", self._health),
                web.get("/version", self._version),
                web.get("/v1/models", self._models),
                web.post("/tokenize", self._tokenize),
                web.post("/v1/chat/completions", self._complete),
            ]
        )
        return application

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status)

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": "0.32.0"}) if self.is_vllm else web.Response(status=404)

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response({"count": len(prompt_words(body)), "max_model_len": 2048})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if self.status != 200:
            return web.json_response({"error": {"message": "the server is told to fail"}}, status=self.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.running += 1
        try:
            async for event in self._events(body):
                await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            await response.write(b"data: [DONE]\n\n")
        except (ConnectionResetError, asyncio.CancelledError):
            self.aborted += 1
            raise
        finally:
            self.running -= 1
        return response

    async def _events(self, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        words = prompt_words(body)
        said = words[: body["max_tokens"]]
        wants_ids = self.is_vllm and body.get("return_token_ids")
        yield {"choices": [{"delta": {"role": "assistant", "content": ""}}]} | (
            {"prompt_token_ids": [token_of(word) for word in words]} if wants_ids else {}
        )
        for place, word in enumerate(said):
            await self.gate.wait()
            await asyncio.sleep(self.pause_s)
            if place == self.breaks_after:
                raise ConnectionResetError("told to break off")
            yield {
                "choices": [{"delta": {"content": word + " "}} | ({"token_ids": [token_of(word)]} if wants_ids else {})]
            }
        yield {"choices": [{"delta": {}, "finish_reason": "length" if len(said) < len(words) else "stop"}]}
        if not self.hides_usage:
            yield {"choices": [], "usage": {"prompt_tokens": len(words), "completion_tokens": len(said)}}


def prompt_words(body: dict[str, Any]) -> list[str]:
    return [word for message in body["messages"] for word in message["content"].split()]


def token_of(word: str) -> int:
    return sum(word.encode())


@asynccontextmanager
async def serving(upstream: Upstream | None = None) -> AsyncIterator[Upstream]:
    upstream = upstream or Upstream()
    runner = web.AppRunner(upstream.application(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    upstream.url = f"http://{host}:{port}"
    try:
        yield upstream
    finally:
        upstream.gate.set()
        await runner.cleanup()
