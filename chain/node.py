"""JSON-RPC calls go in, typed answers come out: each within its deadline, repeated only where that may help."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from chain.errors import ChainError, Garbled, Overloaded, Refused, Retryable, TooSlow, Unreachable, WrongChain
from chain.refusals import RpcError, to_error
from chain.settings import ChainSettings
from chain.transport import HttpTransport, Reply, Socket, Transport

T = TypeVar("T")

REFUSED_STATUS = 400
BUSY_STATUSES = frozenset({408, 425, 429})
SERVER_FAULT = 500
RETRY_AFTER_MAX_S = 60.0

log = logging.getLogger(__name__)


class Call(Struct, frozen=True):
    """One method with its parameters; `kind` is the type that its result is decoded to."""

    method: str
    params: Sequence[object] = ()
    kind: Any = Any


class _Request(Struct, frozen=True):
    id: int
    method: str
    params: Sequence[object]
    jsonrpc: str = "2.0"


class _Answer(Struct, frozen=True):
    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: RpcError | None = None


_encode = msgspec.json.Encoder().encode
_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_answers = msgspec.json.Decoder(list[_Answer] | _Answer).decode


class Node:
    """One provider. Use as `async with Node(settings) as node`, or `close` it; it connects when first asked."""

    def __init__(self, settings: ChainSettings, transport: Transport | None = None) -> None:
        self.settings = settings
        self.place = _without_secrets(settings.rpc_url)
        self._transport = transport or HttpTransport(settings.answer_bytes_max, settings.request_timeout_s)

    async def call(self, method: str, params: Sequence[object] = (), kind: Any = Any) -> Any:
        """The result of one call as `kind`. Raises a Retryable once it gave up, or a Fatal."""
        asked = Call(method, params, kind)
        return await self._persist(method, lambda: self._ask(asked))

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The results in the order of the calls, from one request; the first that failed is raised."""
        return await self._persist(_title(calls), lambda: self._ask_all(calls, strict=True))

    async def answers(self, calls: Sequence[Call]) -> list[Any]:
        """Like `batch`, with the error in the place of each call that was refused."""
        return await self._persist(_title(calls), lambda: self._ask_all(calls, strict=False))

    async def chain_id(self) -> int:
        return _quantity("eth_chainId", await self.call("eth_chainId", kind=str))

    async def check_chain_id(self) -> None:
        """Raises WrongChain when the node serves another chain than the settings name."""
        expected = self.settings.chain_id
        found = await self.chain_id()
        if expected is not None and found != expected:
            raise WrongChain(f"{self.place} serves chain {found}, expected {expected}: correct rpc_url or chain_id")

    async def connect(self, ws_url: str) -> Socket:
        """The WebSocket beside this node."""
        async with asyncio.timeout(self.settings.request_timeout_s):
            return await self._transport.connect(ws_url)

    async def close(self) -> None:
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _persist(self, title: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks until it is answered or refused, the attempts are used up, or the deadline has come."""
        now = asyncio.get_running_loop().time
        deadline = now() + self.settings.deadline_s
        for attempt in range(1, self.settings.attempts + 1):
            left = deadline - now()
            timeout_s = min(self.settings.request_timeout_s, left)
            try:
                async with asyncio.timeout(timeout_s):
                    return await ask()
            except TimeoutError:
                trouble: Retryable = TooSlow(f"{title}: no answer from {self.place} in {timeout_s:.1f} s")
            except Retryable as error:
                trouble = error
            pause_s = pause_before(attempt, self.settings, trouble)
            if attempt == self.settings.attempts or now() + pause_s >= deadline:
                raise trouble
            log.debug("attempt %d: %s", attempt, trouble)
            await asyncio.sleep(pause_s)
        raise AssertionError("settings allow one attempt or more")

    async def _ask(self, asked: Call) -> Any:
        body = await self._post(_encode(_Request(1, asked.method, asked.params)))
        return _result(asked, _parse(asked.method, _decode_answer, body))

    async def _ask_all(self, calls: Sequence[Call], strict: bool) -> list[Any]:
        if not calls:
            return []
        body = await self._post(_encode([_Request(i, each.method, each.params) for i, each in enumerate(calls)]))
        answers = _parse(_title(calls), _decode_answers, body)
        if isinstance(answers, _Answer):  # the node refuses the batch as a whole
            raise to_error(_title(calls), answers.error) if answers.error else Garbled("one answer for a batch")
        by_id = {answer.id: answer for answer in answers}
        if len(answers) != len(calls) or by_id.keys() != set(range(len(calls))):
            raise Garbled(f"{_title(calls)}: {len(answers)} answers for {len(calls)} calls, or not theirs")
        results = [_result_or_error(each, by_id[i]) for i, each in enumerate(calls)]
        for result in results:
            if isinstance(result, Retryable) or (strict and isinstance(result, ChainError)):
                raise result
        return results

    async def _post(self, body: bytes) -> bytes:
        try:
            reply = await self._transport.post(self.settings.rpc_url, body, self.settings.request_timeout_s)
        except TimeoutError:
            raise
        except OSError as error:
            reason = error.strerror or error or type(error).__name__
            raise Unreachable(f"{self.place}: {reason}; start that node, or correct rpc_url") from None
        if reply.status >= REFUSED_STATUS:
            raise self._http_error(reply)
        return reply.body

    def _http_error(self, reply: Reply) -> ChainError:
        said = reply.body[:200].decode(errors="replace").strip()
        message = f"{self.place} answers with status {reply.status}: {said or 'no reason'}"
        if reply.status not in BUSY_STATUSES and reply.status < SERVER_FAULT:
            return Refused(f"{message}; check rpc_url and its key", reply.status)
        return Overloaded(message, _retry_after(reply.headers.get("retry-after")))


def pause_before(attempt: int, settings: ChainSettings, trouble: Retryable | None = None) -> float:
    """Seconds to wait after failed attempt number `attempt`: doubling, jittered, at least what the node asked for."""
    ceiling = min(settings.backoff_max_s, settings.backoff_s * 2 ** min(attempt - 1, 30))
    pause_s = random.uniform(ceiling / 2, ceiling)
    asked_s = trouble.retry_after_s if isinstance(trouble, Overloaded) else None
    return max(pause_s, asked_s or 0.0)


def _without_secrets(url: str) -> str:
    """Scheme, host and port: the rest of a provider's URL is often its key, which belongs in no message."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _title(calls: Sequence[Call]) -> str:
    return f"batch of {len(calls)} from {calls[0].method}" if calls else "empty batch"


def _result_or_error(asked: Call, answer: _Answer) -> Any:
    try:
        return _result(asked, answer)
    except ChainError as error:
        return error


def _result(asked: Call, answer: _Answer) -> Any:
    if answer.error is not None:
        raise to_error(asked.method, answer.error)
    try:
        return msgspec.json.decode(answer.result, type=asked.kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled(f"{asked.method}: {error}") from None


def _parse(title: str, decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled(f"{title}: the answer of {len(body)} bytes is not JSON-RPC: {error}") from None


def _retry_after(header: str | None) -> float | None:
    try:
        return min(max(float(header or ""), 0.0), RETRY_AFTER_MAX_S)
    except ValueError:
        return None


def _quantity(method: str, text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise Garbled(f"{method}: {text!r} is not a hex number") from None
