"""What readers are told: changes of the index come in, messages go out, each encoded once however many hear it.

A message is one JSON object with an `id` and a `type`:

`put`      the row of this kind and key is now as `row` says, in the shape that REST gives it
`retract`  the row of this kind and key is not in the list any more; after a reorganisation it comes before any
           replacement
`head`     everything up to this id was told: rows up to block `head.final` are final from now on
`reset`    what changed since the reader's last id can not be told one by one: load everything anew
`dropped`  the connection ends, and why

On a WebSocket also `subscribed` (what is followed from now on), `heartbeat`, and `refused` (a message of the client's
could not be taken).

A row is final when the block that last changed it (`number` of a block, else `block`) is at most `head.final`: that
alone is not told again by a `put`.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, Literal

import msgspec
from msgspec import Struct

from api.explorer.shapes import HeadOut, StatsOut
from api.explorer.words import account_out, block_out, head_out, job_out, node_out, receipt_out
from api.live.topics import Topics, topics_of
from indexer.explorer import Changed, Changes
from indexer.explorer.changes import block_of, key_of
from indexer.explorer.rows import AccountRow, BlockRow, Head, JobRow, NodeRow, ReceiptRow, Row

Kind = Literal["block", "job", "receipt", "node", "account", "stats"]
Reason = Literal["reorganised", "reassigned", "empty"]

_WORDS: dict[type, tuple[Kind, Callable[[Any], Struct]]] = {
    BlockRow: ("block", block_out),
    JobRow: ("job", job_out),
    ReceiptRow: ("receipt", receipt_out),
    NodeRow: ("node", node_out),
    AccountRow: ("account", account_out),
}
KINDS: dict[type, Kind] = {row: kind for row, (kind, _) in _WORDS.items()}

_encode = msgspec.json.Encoder().encode


class Put(Struct, frozen=True, tag="put"):
    """A row as it is now. Of `stats` there is one, with the key `now`."""

    id: str
    kind: Kind
    key: str
    is_final: bool
    row: Any


class Retract(Struct, frozen=True, tag="retract"):
    """A row that is gone from what the reader follows, as block `block` had left it.

    `reorganised`: the chain dropped that block. `reassigned`: another address has the job now. `empty`: the block
    became final and has nothing of ours, such are not kept.
    """

    id: str
    kind: Kind
    key: str
    block: int
    reason: Reason


class HeadNow(Struct, frozen=True, tag="head"):
    id: str
    head: HeadOut


class Reset(Struct, frozen=True, tag="reset"):
    id: str
    reason: str


class Dropped(Struct, frozen=True, tag="dropped"):
    id: str
    reason: str


class Subscribed(Struct, frozen=True, tag="subscribed"):
    id: str
    topics: list[str]


class Heartbeat(Struct, frozen=True, tag="heartbeat"):
    id: str


class Refused(Struct, frozen=True, tag="refused"):
    detail: str
    remedy: str


class Draft(Struct, frozen=True):
    """A message before it has its id. Who follows one of `unless` hears of the same row otherwise."""

    say: Callable[[str], Struct]
    topics: Topics = frozenset()
    unless: Topics = frozenset()

    def concerns(self, topics: Topics) -> bool:
        return not topics.isdisjoint(self.topics) and topics.isdisjoint(self.unless)


class Message:
    """One message on its way. It is encoded when the first reader wants it."""

    def __init__(self, event_id: str, draft: Draft) -> None:
        self.id, self.draft = event_id, draft

    @cached_property
    def _said(self) -> Struct:
        return self.draft.say(self.id)

    @cached_property
    def json(self) -> bytes:
        return _encode(self._said)

    @cached_property
    def sse(self) -> bytes:
        """As a server-sent event."""
        return f"id: {self.id}\nevent: {self._said.__struct_config__.tag}\ndata: ".encode() + self.json + b"\n\n"


def drafts_of(changes: Changes) -> Iterator[Draft]:
    """What is taken back, then what stands instead."""
    for changed in changes.rows:
        yield from _retracts(changed)
    yield from puts_of(changed.after for changed in changes.rows if changed.after is not None)


def puts_of(rows: Iterable[Row]) -> Iterator[Draft]:
    """Rows that someone may follow, as they are."""
    for row in rows:
        if type(row) in KINDS:
            yield Draft(_put(row), topics_of(row))


def stats_draft(stats: StatsOut, is_final: bool) -> Draft:
    return Draft(lambda event_id: Put(event_id, "stats", "now", is_final, stats), frozenset(("stats",)))


def head_message(event_id: str, head: Head) -> Message:
    return Message(event_id, Draft(lambda _: HeadNow(event_id, head_out(head))))


def reset_message(event_id: str, reason: str) -> Message:
    return Message(event_id, Draft(lambda _: Reset(event_id, reason)))


def dropped_message(event_id: str, reason: str) -> Message:
    return Message(event_id, Draft(lambda _: Dropped(event_id, reason)))


def subscribed_message(event_id: str, topics: Topics) -> Message:
    return Message(event_id, Draft(lambda _: Subscribed(event_id, sorted(topics))))


def _retracts(changed: Changed) -> Iterator[Draft]:
    before = topics_of(changed.before)
    if changed.before is None or not before:
        return
    after = topics_of(changed.after)
    if changed.is_dropped:
        yield Draft(_retract(changed.before, "reorganised"), before)
    elif changed.after is None:
        yield Draft(_retract(changed.before, "empty"), before)
    elif left := before - after:
        yield Draft(_retract(changed.before, "reassigned"), left, after)


def _put(row: Row) -> Callable[[str], Struct]:
    kind, shown = _WORDS[type(row)]
    is_final: bool = row.is_final  # type: ignore[attr-defined]
    return lambda event_id: Put(event_id, kind, str(key_of(row)), is_final, shown(row))


def _retract(row: Row, reason: Reason) -> Callable[[str], Struct]:
    kind = _WORDS[type(row)][0]
    return lambda event_id: Retract(event_id, kind, str(key_of(row)), block_of(row), reason)
