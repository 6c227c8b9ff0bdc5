"""What the worker asks of whatever generates text: a request in, a stream of chunks with their token ids out."""

from asyncio import Event
from collections.abc import AsyncIterator
from typing import Literal, Protocol

from msgspec import Struct

from receipts.document import Engine as Description
from receipts.document import Sampling
from receipts.request import Message

__all__ = [
    "Chunk",
    "Description",
    "End",
    "Engine",
    "EngineError",
    "EngineUnavailable",
    "FinishReason",
    "Generation",
    "Message",
    "RequestRefused",
    "Sampling",
]

FinishReason = Literal["stop", "length", "cancelled"]


class EngineError(Exception):
    """Root of what an engine may raise."""


class EngineUnavailable(EngineError):
    """The engine died or cannot be reached; the same request may succeed later."""


class RequestRefused(EngineError):
    """The engine will never answer this request, whoever asks again."""


class Generation(Struct, frozen=True):
    """One request: a chat, put through the model's template by the engine."""

    request_id: str
    messages: tuple[Message, ...]
    sampling: Sampling


class Chunk(Struct, frozen=True):
    """Text and tokens since the chunk before; `end` comes with the last one only."""

    text: str = ""
    token_ids: tuple[int, ...] = ()
    end: "End | None" = None


class End(Struct, frozen=True):
    """How a generation ended and what it counts. `prompt_ids` is empty where the engine does not tell them."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    prompt_ids: tuple[int, ...] = ()


class Engine(Protocol):
    """One model, ready to generate."""

    @property
    def description(self) -> Description:
        """Which engine answers, as it stands in receipts."""

    async def start(self) -> None:
        """Returns when the engine can answer. Raises EngineUnavailable."""

    def generate(self, request: Generation, cancel: Event) -> AsyncIterator[Chunk]:
        """Yields chunks, the last with an `end`; `cancel` stops it early. Raises EngineError."""

    async def count_prompt(self, messages: tuple[Message, ...]) -> int:
        """Tokens of the templated prompt: exact where the engine can tell, else an upper bound."""

    async def health(self) -> str | None:
        """None when well, else why not."""

    async def close(self) -> None: ...
