"""Facts to stored bytes and back: MessagePack under the fact's tag, old tags lifted to today's on the way in.

A block of many facts is deflated: its fields' names, addresses and models repeat. The first byte tells, as no fact's
MessagePack begins like a deflated stream.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from domain.facts import AnyFact, Fact, Wei

from .errors import UnreadableFact

TAG = "fact"
DEFLATED = b"\x78"  # the first byte of zlib's, in MessagePack the number 120
DEFLATED_FROM_BYTES = 512
FASTEST = 1  # higher levels save 1 % more

Old = dict[str, Any]
Upcast = Callable[[Old], Old]

UPCASTS: Mapping[str, Upcast] = {}
"""Retired tag -> pure function from the old fact's fields to a newer one's, tag included; steps may be chained."""


class Recorded(msgspec.Struct, frozen=True):
    """A fact at its place: the `originator_version`-th of the stream `originator_id`."""

    originator_id: str
    originator_version: int
    fact: Fact


class FactMapper(Mapper[str]):
    """The eventsourcing library's mapper for facts of the union `kinds`."""

    def __init__(self, kinds: Any = AnyFact, upcasts: Mapping[str, Upcast] = UPCASTS) -> None:
        super().__init__(JSONTranscoder())  # the base class insists on one; nothing here calls it
        self._kinds = kinds
        self._upcasts = upcasts
        self._encode = msgspec.msgpack.Encoder(enc_hook=_wei_to_bytes).encode
        self._decode = msgspec.msgpack.Decoder(kinds, dec_hook=_wei_from_bytes).decode

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        fact: Fact = domain_event.fact  # type: ignore[attr-defined]
        tag = str(fact.__struct_config__.tag)
        return StoredEvent(domain_event.originator_id, domain_event.originator_version, tag, self.encode(fact))

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        stream, version = str(stored_event.originator_id), stored_event.originator_version
        try:
            return Recorded(stream, version, self.decode(stored_event.state))
        except (msgspec.MsgspecError, zlib.error) as fault:
            place = f"{stream} version {version} ({stored_event.topic})"
            raise UnreadableFact(f"{place}: {fault}; run the release that recorded it, or a newer one") from fault

    def encode(self, fact: Fact) -> bytes:
        state = self._encode(fact)
        return state if len(state) < DEFLATED_FROM_BYTES else zlib.compress(state, FASTEST)

    def decode(self, state: bytes) -> Fact:
        """Retired tags are no part of the union, so only what fails the quick way is walked for them."""
        state = inflated(state)
        try:
            fact: Fact = self._decode(state)
        except msgspec.ValidationError:
            lifted = lift(msgspec.msgpack.decode(state), self._upcasts)
            fact = msgspec.convert(lifted, self._kinds, dec_hook=_wei_from_bytes)
        return fact


def inflated(state: bytes) -> bytes:
    """The MessagePack of a stored fact."""
    return zlib.decompress(state) if state[:1] == DEFLATED else state


def lift(value: Any, upcasts: Mapping[str, Upcast]) -> Any:
    """Brings every fact within `value` up to date: facts of the chain are stored inside their block."""
    if isinstance(value, list):
        return [lift(item, upcasts) for item in value]
    if not isinstance(value, dict):
        return value
    while upcast := upcasts.get(value.get(TAG, "")):
        value = upcast(value)
    return {name: lift(item, upcasts) for name, item in value.items()}


def _wei_to_bytes(value: Any) -> bytes:
    """MessagePack integers end at 64 bits: wei are big-endian bytes, as short as they go."""
    if isinstance(value, Wei):
        return value.to_bytes((value.bit_length() + 7) // 8, "big")
    raise TypeError(f"{type(value).__name__} {value!r} can not be stored in a fact")


def _wei_from_bytes(kind: type, value: Any) -> Wei:
    if kind is Wei:
        return Wei.from_bytes(value, "big") if isinstance(value, bytes) else Wei(value)
    raise TypeError(f"{kind.__name__} is no part of a stored fact")
