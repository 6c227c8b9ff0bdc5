"""The bytes behind a prompt CID in, what is asked out: plain text is one user message, our JSON says more.

A JSON object whose `schema` begins with `tallystick/` is a request document; anything else is text, and so is JSON that
is nested deeper than any request: whoever reads it must find the same, whatever their parser can take.
"""

import json
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta, Struct

from .canonical import encode

SCHEMA: Literal["tallystick/request/1"] = "tallystick/request/1"
REQUEST_BYTES_MAX = 1 << 20
STOPS_MAX = 16
DEPTH_MAX = 64

Role = Literal["system", "user", "assistant"]


class BadRequest(ValueError):
    """A prompt that cannot be answered, with what is wrong in it."""


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: Role
    content: str


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One question: either `messages` or `prompt`, and how to answer where it is said."""

    schema: Literal["tallystick/request/1"]
    messages: tuple[Message, ...] | None = None
    prompt: str | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=2**32 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    stop: Annotated[tuple[str, ...], Meta(max_length=STOPS_MAX)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The messages for the model's chat template; a prompt is one message of the user."""
        return self.messages or (Message(role="user", content=self.prompt or ""),)


def encode_request(request: Request) -> bytes:
    """The bytes to address: plain text where nothing but a prompt is asked, a document otherwise."""
    check(request)
    text = (request.prompt or "").encode()
    return text if request == Request(schema=SCHEMA, prompt=request.prompt) and not _document(text) else encode(request)


def parse(content: bytes, bytes_max: int = REQUEST_BYTES_MAX) -> Request:
    """Reads what a prompt CID resolves to; raises BadRequest."""
    if len(content) > bytes_max:
        raise BadRequest(f"the prompt has {len(content)} bytes, the limit is {bytes_max}: shorten it")
    fields = _document(content)
    try:
        if fields is None:
            request = Request(schema=SCHEMA, prompt=content.decode())
        else:
            request = msgspec.convert(fields, Request)
    except UnicodeDecodeError as fault:
        raise BadRequest(f"the prompt is not UTF-8 text: {fault.reason} at byte {fault.start}") from None
    except msgspec.ValidationError as fault:
        raise BadRequest(f"the request document is refused: {fault}") from None
    check(request)
    return request


def check(request: Request) -> None:
    """The rules beyond the types: exactly one question, and not an empty one."""
    if (request.messages is None) == (request.prompt is None):
        raise BadRequest("a request has either `messages` or `prompt`, and not both")
    if not any(message.content.strip() for message in request.conversation):
        raise BadRequest("the prompt is empty: write a question")
    if request.stop and not all(request.stop):
        raise BadRequest("a stop sequence is empty: leave it out")
    try:
        "".join([*(message.content for message in request.conversation), *(request.stop or ())]).encode()
    except UnicodeEncodeError:
        raise BadRequest("the request escapes half a character (a lone surrogate): write it whole") from None


def _document(content: bytes) -> dict[str, Any] | None:
    """The fields of a request document, None where the content is text."""
    if content.lstrip()[:1] != b"{":
        return None
    try:
        fields: _Pairs = json.loads(content.decode(), object_pairs_hook=_Pairs, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    schema = fields.get("schema")
    if not isinstance(schema, str) or not schema.startswith("tallystick/") or _is_deeper(fields, DEPTH_MAX):
        return None
    return fields.plain()


class _Pairs(dict[str, Any]):
    """A JSON object that remembers whether a name was given twice, which leaves open what was meant."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = len(pairs) != len(self)

    def plain(self) -> dict[str, Any]:
        if self.twice:
            raise BadRequest("the request document names a field twice")
        return {name: _plain(value) for name, value in self.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return value.plain()
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether anything stands more than `levels` levels below `value`."""
    if levels < 0:
        return True
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_is_deeper(part, levels - 1) for part in parts)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")
