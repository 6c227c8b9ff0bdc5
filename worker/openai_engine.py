"""Any OpenAI-compatible server by URL: streaming chat completions in, chunks with token ids (where offered) out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from .engine import Chunk, Description, End, EngineUnavailable, FinishReason, Generation, Message, RequestRefused
from .settings import Settings

DATA = b"data:"
DONE = b"[DONE]"
LINE_BYTES_MAX = 1 << 20
SILENCE_S_MAX = 120
PROBE_S_MAX = 10
TEMPLATE_TOKENS_MAX = 64
"""What a chat template adds around one message, at most, where the server does not count for us."""


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None
    token_ids: list[int] | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    prompt_token_ids: list[int] | None = None
    error: Any = None


_EVENT = msgspec.json.Decoder(_Event)


class OpenAIEngine:
    """One model of one upstream server, which may come and go."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.engine_url.rstrip("/").removesuffix("/v1")
        self._model = settings.engine_model or settings.model_id
        self._headers = {"Authorization": f"Bearer {settings.engine_key}"} if settings.engine_key else {}
        self._session: aiohttp.ClientSession | None = None
        self._vllm_version = ""

    @property
    def description(self) -> Description:
        """What the server says of itself; a server that is not vLLM says no version."""
        name = "vllm" if self._vllm_version else "openai-compatible"
        return Description(name=name, version=self._vllm_version or "unknown", dtype="unknown", device="upstream")

    async def start(self) -> None:
        models = await self._ask("GET", "/v1/models")
        names = [str(model.get("id")) for model in models.get("data", [])]
        if self._model not in names:
            raise EngineUnavailable(
                f"{self._url} has no model {self._model!r}; it has {', '.join(names) or 'none'}: set engine_model"
            )
        with contextlib.suppress(EngineUnavailable, RequestRefused):
            self._vllm_version = str((await self._ask("GET", "/version")).get("version", ""))

    async def generate(self, request: Generation, cancel: asyncio.Event) -> AsyncIterator[Chunk]:
        reading = _Reading()
        async with self._translated(), self._stream(request) as response:
            events = _events(response)
            while not reading.is_complete:
                event = await _next_unless(cancel, events)
                if event is None:
                    break
                chunk = reading.take(event)
                if chunk is not None:
                    yield chunk
        yield Chunk(end=reading.end(cancelled=cancel.is_set(), server=self._url))

    async def count_prompt(self, messages: tuple[Message, ...]) -> int:
        chat = [msgspec.to_builtins(message) for message in messages]
        if self._vllm_version:
            with contextlib.suppress(RequestRefused):
                return int((await self._ask("POST", "/tokenize", {"model": self._model, "messages": chat}))["count"])
        return sum(len(message.content.encode()) + TEMPLATE_TOKENS_MAX for message in messages)

    async def health(self) -> str | None:
        try:
            async with self._client().get(f"{self._url}/health", timeout=_probe_timeout()) as response:
                if response.status == 404:  # not every server has the route
                    await self._ask("GET", "/v1/models")
                elif response.status >= 400:
                    return f"{self._url}/health answers {response.status}"
        except (aiohttp.ClientError, TimeoutError, EngineUnavailable, RequestRefused) as fault:
            return f"{self._url} is not well: {fault or type(fault).__name__}"
        return None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=PROBE_S_MAX, sock_read=SILENCE_S_MAX)
            self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers, read_bufsize=LINE_BYTES_MAX)
        return self._session

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        async with (
            self._translated(),
            self._client().request(method, self._url + path, json=body, timeout=_probe_timeout()) as response,
        ):
            await _refuse_error(response)
            return msgspec.json.decode(await response.read(), type=dict[str, Any])

    @contextlib.asynccontextmanager
    async def _stream(self, request: Generation) -> AsyncIterator[aiohttp.ClientResponse]:
        sampling = msgspec.to_builtins(request.sampling)
        body = {name: value for name, value in sampling.items() if value not in (None, [], ())} | {
            "model": self._model,
            "messages": [msgspec.to_builtins(message) for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._vllm_version:
            body["return_token_ids"] = True
        async with self._client().post(f"{self._url}/v1/chat/completions", json=body) as response:
            await _refuse_error(response)
            yield response

    @contextlib.asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as fault:
            raise EngineUnavailable(f"{self._url}: {fault or type(fault).__name__}") from fault


class _Reading:
    """What one stream has said so far."""

    def __init__(self) -> None:
        self._finish: FinishReason | None = None
        self._usage: _Usage | None = None
        self._prompt_ids: tuple[int, ...] = ()
        self._completion_tokens = 0

    @property
    def is_complete(self) -> bool:
        return self._finish is not None and self._usage is not None

    def take(self, event: _Event) -> Chunk | None:
        if event.error is not None:
            raise EngineUnavailable(f"the server broke off: {event.error}")
        self._usage = event.usage or self._usage
        self._prompt_ids = tuple(event.prompt_token_ids or ()) or self._prompt_ids
        if not event.choices:
            return None
        choice = event.choices[0]
        if choice.finish_reason is not None:
            self._finish = "length" if choice.finish_reason == "length" else "stop"
        token_ids = tuple(choice.token_ids or ())
        self._completion_tokens += len(token_ids)
        return Chunk(choice.delta.content or "", token_ids) if choice.delta.content or token_ids else None

    def end(self, *, cancelled: bool, server: str) -> End:
        if self._finish is not None and self._usage is not None:
            return End(self._finish, self._usage.prompt_tokens, self._usage.completion_tokens, self._prompt_ids)
        if cancelled:
            return End("cancelled", len(self._prompt_ids), self._completion_tokens, self._prompt_ids)
        raise EngineUnavailable(f"{server} ended its stream without a finish reason and token counts")


async def _next_unless(cancel: asyncio.Event, events: AsyncIterator[_Event]) -> _Event | None:
    """The next event, or None when the stream ended or `cancel` came first."""
    if cancel.is_set():
        return None
    coming = asyncio.ensure_future(anext(events, None))
    cancelling = asyncio.ensure_future(cancel.wait())
    try:
        await asyncio.wait({coming, cancelling}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        cancelling.cancel()
        if not coming.done():
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await coming


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[_Event]:
    async for line in response.content:
        if line.startswith(DATA):
            data = line[len(DATA) :].strip()
            if data == DONE:
                return
            yield _EVENT.decode(data)


async def _refuse_error(response: aiohttp.ClientResponse) -> None:
    if response.status < 400:
        return
    said = (await response.text(errors="replace"))[:500]
    message = f"{response.url} answers {response.status}: {said}"
    if response.status in (401, 403):
        raise EngineUnavailable(f"{message}; check engine_key")
    if response.status in (408, 425, 429) or response.status >= 500:
        raise EngineUnavailable(message)
    raise RequestRefused(message)


def _probe_timeout() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=PROBE_S_MAX)
