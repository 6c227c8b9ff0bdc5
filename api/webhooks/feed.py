"""What happens in the index becomes deliveries: changes come in, messages for each endpoint go out, none is left out.

With them is recorded up to where was told, and of which unfinal blocks with which rows: after a crash, or when more
changed than was told row by row, what happened since is found in the tables, and what a reorganisation took back
meanwhile is retracted.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from api.live.messages import KINDS, Draft, Kind, Put, Retract, drafts_of, puts_of
from api.live.topics import topics_of
from api.rendering import iso_of_ms
from api.webhooks.records import Endpoint, Told
from api.webhooks.store import Store
from domain.facts import ReceiptPublished
from domain.ledger import Ledger
from indexer.explorer import Changes
from indexer.explorer.changes import block_of, key_of
from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import BlockRow, Head, Row

PIECE_BLOCKS = 2_000
RECORD_EVERY_MS = 5_000
"""How far was told is recorded with what is told, and this often while nothing is."""

FACTS_AT_ONCE = 1_000

Clock = Callable[[], int]

_encode = msgspec.json.Encoder().encode


class Unfinal(Struct):
    """A block that may still be dropped: its hash, and the rows it changed, by kind and key with whom they concern."""

    hash: str
    rows: dict[str, list[str]]


class Cursor(Struct):
    """Up to where was told: final block, head, position of the ledger, and the blocks between."""

    final: int
    head: int
    position: int
    unfinal: dict[int, Unfinal]


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


class Feed:
    """One chain's feed; its methods are called one after the other."""

    def __init__(self, explorer: Explorer, ledger: Ledger, store: Store, clock: Clock = unix_ms) -> None:
        self._explorer, self._ledger, self._store, self._clock = explorer, ledger, store, clock
        self._cursor: Cursor | None = None
        self._recorded_at = 0

    def resume(self) -> None:
        """Goes on where the feed was, whichever process ran it."""
        self._cursor = self._store.cursor(Cursor)
        self.catch_up()

    def take(self, commits: list[Changes]) -> None:
        """Tells of commits, in their order."""
        if self._cursor is None or not all(changes.is_whole for changes in commits):
            self.catch_up()
            return
        endpoints = self._enabled()
        told: list[Told] = []
        for changes in commits:
            told += self._told(endpoints, "instant", drafts_of(changes))
            told += self._told(endpoints, "finalized", puts_of(changes.settled))
            self._note(self._cursor, changes)
            self._cursor.position = changes.position
        if told or (endpoints and self._clock() - self._recorded_at > RECORD_EVERY_MS):
            self._record(told, self._cursor)

    def catch_up(self) -> None:
        """Tells what happened since the cursor, from the tables; without one, the feed begins now."""
        queries = self._explorer.queries
        position, head = queries.position(), queries.head()
        cursor = self._cursor
        if cursor is None or not self._enabled():
            cursor = Cursor(head.final, head.number, position, {})
            self._note_rows(cursor, self._explorer.changed_between(head.final, head.number))
        else:
            self._tell_missed(cursor, head, position)
        self._cursor = cursor
        self._record((), cursor)

    def _tell_missed(self, cursor: Cursor, head: Head, position: int) -> None:
        """In pieces, each recorded with how far it goes; the documents of receipts come last."""
        endpoints = self._enabled()
        dropped = self._dropped(cursor)
        after = min([cursor.head, *(number - 1 for number in dropped)])
        told = list(self._retracted(endpoints, cursor, dropped, after))
        for number in dropped:
            del cursor.unfinal[number]
        for first in range(min(after, cursor.final), head.number, PIECE_BLOCKS):
            upto = min(first + PIECE_BLOCKS, head.number)
            rows = self._explorer.changed_between(first, upto)
            told += self._told(endpoints, "instant", puts_of(row for row in rows if block_of(row) > after))
            settled = self._explorer.settled_between(max(first, cursor.final), min(upto, head.final))
            told += self._told(endpoints, "finalized", puts_of(settled))
            self._note_rows(cursor, (row for row in rows if block_of(row) > head.final))
            cursor.final, cursor.head = max(cursor.final, min(upto, head.final)), max(after, upto)
            self._record(told, cursor)
            told = []
        told += self._documents(endpoints, cursor.position, position)
        self._settle(cursor, head)
        cursor.position = position
        self._record(told, cursor)

    def _record(self, told: Sequence[Told], cursor: Cursor) -> None:
        self._store.tell(told, cursor)
        self._recorded_at = self._clock()

    def _dropped(self, cursor: Cursor) -> list[int]:
        """The unfinal blocks told of that are not the chain's any more; one that is final and empty is not kept."""
        now = {number: self._explorer.queries.block(number) for number in cursor.unfinal}
        return [
            number
            for number, unfinal in cursor.unfinal.items()
            if (block := now[number]) is None or block.hash != unfinal.hash
        ]

    def _retracted(
        self, endpoints: list[Endpoint], cursor: Cursor, dropped: Iterable[int], after: int
    ) -> Iterator[Told]:
        """Rows of dropped blocks, and what stands there now if blocks up to `after` left it; the rest is told later."""
        for number in dropped:
            for place, topics in cursor.unfinal[number].rows.items():
                kind, key = place.split(" ")
                yield from self._told(endpoints, "instant", [_retract(kind, key, number, topics)])
                row = self._row(kind, key)
                if row is not None and block_of(row) <= after:
                    yield from self._told(endpoints, "instant", puts_of([row]))

    def _row(self, kind: str, key: str) -> Row | None:
        queries = self._explorer.queries
        match kind:
            case "block":
                return queries.block(int(key))
            case "job":
                return queries.job(int(key))
            case "receipt":
                return queries.receipt(int(key))
            case "node":
                return queries.node(key)
            case _:
                return queries.account(key)

    def _documents(self, endpoints: list[Endpoint], after: int, upto: int) -> Iterator[Told]:
        """Receipts whose documents were published meanwhile."""
        while after < upto:
            stored = self._ledger.after(after, min(FACTS_AT_ONCE, upto - after))
            if not stored:
                return
            jobs = {each.fact.job_id for _, each in stored if isinstance(each.fact, ReceiptPublished)}
            rows = [row for job_id in sorted(jobs) if (row := self._explorer.queries.receipt(job_id))]
            yield from self._told(endpoints, "instant", puts_of(rows))
            yield from self._told(endpoints, "finalized", puts_of(row for row in rows if row.is_final))
            after = stored[-1][0]

    def _enabled(self) -> list[Endpoint]:
        return [endpoint for endpoint in self._store.endpoints() if endpoint.is_enabled]

    def _told(self, endpoints: list[Endpoint], finality: str, drafts: Iterable[Draft]) -> list[Told]:
        wanting = [(each.id, frozenset(each.topics)) for each in endpoints if each.finality == finality]
        if not wanting:
            return []
        return [
            message_of(endpoint, draft, self._clock())
            for draft in drafts
            for endpoint, topics in wanting
            if draft.concerns(topics)
        ]

    def _note(self, cursor: Cursor, changes: Changes) -> None:
        for changed in changes.rows:
            if changed.is_dropped and isinstance(changed.before, BlockRow):
                cursor.unfinal.pop(changed.before.number, None)
        self._note_rows(cursor, (each.after for each in changes.rows if each.after is not None))
        self._settle(cursor, changes.head)

    def _note_rows(self, cursor: Cursor, rows: Iterable[Row]) -> None:
        for row in rows:
            if type(row) not in KINDS:
                continue
            block = cursor.unfinal.setdefault(block_of(row), Unfinal("", {}))
            block.rows[f"{KINDS[type(row)]} {key_of(row)}"] = sorted(topics_of(row))
            if isinstance(row, BlockRow):
                block.hash = row.hash

    def _settle(self, cursor: Cursor, head: Head) -> None:
        cursor.final, cursor.head = max(cursor.final, head.final), head.number
        cursor.unfinal = {number: block for number, block in cursor.unfinal.items() if number > head.final}


def message_of(endpoint: str, draft: Draft, now: int) -> Told:
    """A message with an id of its own, in the envelope of standardwebhooks.com."""
    message_id = f"msg_{secrets.token_hex(12)}"
    said = draft.say(message_id)
    assert isinstance(said, Put | Retract)
    kind = f"{said.kind}.{said.__struct_config__.tag}"
    body = _encode({"type": kind, "timestamp": iso_of_ms(now), "data": said})
    return Told(endpoint, message_id, kind, body, now)


def _retract(kind: str, key: str, block: int, topics: Iterable[str]) -> Draft:
    said = msgspec.convert(kind, Kind)
    return Draft(lambda message_id: Retract(message_id, said, key, block, "reorganised"), frozenset(topics))
