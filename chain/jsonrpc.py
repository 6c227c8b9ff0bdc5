"""Calls go in as JSON-RPC text; out of the text that answers them come results of the promised types, or errors."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from chain.errors import Garbled, Retryable
from chain.refusals import RpcError, to_error
from chain.settings import ChainSettings

T = TypeVar("T")

KINDS_KEPT = 64


class Call(Struct, frozen=True):
    """One method with its parameters; `kind` is the type that its result is decoded to."""

    method: str
    params: Sequence[object] = ()
    kind: Any = Any


class Rpc(Protocol):
    """Whoever answers calls: a single provider, or all of them behind a node."""

    @property
    def place(self) -> str: ...
    @property
    def settings(self) -> ChainSettings: ...
    async def call(self, method: str, params: Sequence[object] = (), kind: Any = Any) -> Any: ...
    async def batch(self, calls: Sequence[Call]) -> list[Any]: ...
    async def answers(self, calls: Sequence[Call]) -> list[Any]: ...
    async def chain_id(self) -> int: ...
    async def check_chain_id(self) -> None: ...


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


def title(calls: Sequence[Call]) -> str:
    """What messages call these calls."""
    if len(calls) == 1:
        return calls[0].method
    return f"batch of {len(calls)} from {calls[0].method}" if calls else "empty batch"


def encode(calls: Sequence[Call]) -> bytes:
    """One request for all the calls: for a single one no batch, as some providers take none."""
    requests = [_Request(i, each.method, each.params) for i, each in enumerate(calls)]
    return _encode(requests[0] if len(requests) == 1 else requests)


def read(calls: Sequence[Call], body: bytes, is_strict: bool) -> list[Any]:
    """The results in the order of the calls. The first error is raised; unless strict, a Fatal stands in its place."""
    if len(calls) == 1:
        return [_result(calls[0], _parse(title(calls), _decode_answer, body), is_strict)]
    alike = _read_alike(calls, body)
    if alike is not None:
        return alike
    answers = _parse(title(calls), _decode_answers, body)
    whole = answers if isinstance(answers, _Answer) else next((each for each in answers if each.id is None), None)
    if whole is not None:  # the batch is refused as a whole
        raise to_error(title(calls), whole.error) if whole.error else Garbled("one answer for a batch")
    assert isinstance(answers, list)
    by_id = {answer.id: answer for answer in answers}
    if len(answers) != len(calls) or by_id.keys() != set(range(len(calls))):
        raise Garbled(f"{title(calls)}: {len(answers)} answers for {len(calls)} calls, or not theirs")
    return [_result(each, by_id[i], is_strict) for i, each in enumerate(calls)]


def _read_alike(calls: Sequence[Call], body: bytes) -> list[Any] | None:
    """The results of calls of one kind, decoded in one pass; None where any of them needs a closer look."""
    kind = calls[0].kind
    if any(each.kind is not kind for each in calls):
        return None
    try:
        answers = _decoder_of(kind)(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    by_id = {answer.id: answer.result for answer in answers}
    if len(answers) != len(calls) or len(by_id) != len(calls) or any(answer.error is not None for answer in answers):
        return None
    return [by_id[i] for i in range(len(calls))] if by_id.keys() == set(range(len(calls))) else None


@lru_cache(KINDS_KEPT)
def _decoder_of(kind: Any) -> Callable[[bytes], Any]:
    """Decodes a batch of answers whose results are of one kind."""
    fields: list[Any] = [("id", int), ("result", kind), ("error", RpcError | None, None)]
    answer: Any = msgspec.defstruct("_Alike", fields, gc=False)
    return msgspec.json.Decoder(list[answer]).decode


def refusal(body: bytes) -> RpcError | None:
    """The error that a body speaks of, whatever the call and the HTTP status were."""
    try:
        answers = _decode_answers(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    told = answers if isinstance(answers, list) else [answers]
    return next((each.error for each in told if each.error is not None), None)


def _result(asked: Call, answer: _Answer, is_strict: bool) -> Any:
    if answer.error is None:
        return _parse(asked.method, lambda body: msgspec.json.decode(body, type=asked.kind), answer.result)
    error = to_error(asked.method, answer.error)
    if is_strict or isinstance(error, Retryable):
        raise error
    return error


def _parse(what: str, decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled(f"{what}: {error} (in {len(body)} bytes)") from None
