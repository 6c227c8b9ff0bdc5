"""A reader that keeps a copy by `put`, `retract` and `head` alone, and what the explorer's lists hold beside it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from api.explorer.words import account_out, block_out, job_out, node_out, receipt_out
from api.live.hub import Hub
from api.live.reading import Reader
from api.live.topics import topics_named, topics_of
from indexer.explorer import Page, Queries
from indexer.explorer.changes import NAMES
from indexer.explorer.rows import AccountRow, BlockRow, JobRow, NodeRow, ReceiptRow, Row

Place = tuple[str, str]
Rows = dict[Place, dict[str, Any]]

WORDS: dict[type[Row], tuple[str, Callable[[Any], Any]]] = {
    BlockRow: ("block", block_out),
    JobRow: ("job", job_out),
    ReceiptRow: ("receipt", receipt_out),
    NodeRow: ("node", node_out),
    AccountRow: ("account", account_out),
}


def block_of(kind: str, row: dict[str, Any]) -> int:
    return int(row["number" if kind == "block" else "block"])


class Mirror:
    """What a page would show that follows these topics."""

    def __init__(self, *topics: str) -> None:
        self.topics = topics_named(topics)
        self.rows: Rows = {}
        self.final = -1
        self.last_id: str | None = None
        self.wants_all = True
        self.heard: list[dict[str, Any]] = []
        self._reorged_at: dict[Place, int] = {}
        self._reorgs: list[int] = []

    def reorganised(self, dropped_from: int) -> None:
        """From now on, rows of these blocks may not be replaced before they were retracted. It must be up to date."""
        self._reorgs.append(dropped_from)

    def apply(self, message: dict[str, Any]) -> None:
        self.heard.append(message)
        self.last_id = message["id"]
        match message["type"]:
            case "put":
                place = message["kind"], message["key"]
                self._check_is_current(place)
                self.rows[place] = message["row"]
                self._reorged_at[place] = len(self._reorgs)
            case "retract":
                self.rows.pop((message["kind"], message["key"]), None)
            case "head":
                self.final = message["head"]["final"]
            case "reset":
                self.wants_all = True
            case other:
                raise AssertionError(f"unexpected {other}: {message}")

    def shown(self) -> Rows:
        """With the finality that follows from the head."""
        return {place: row | {"is_final": block_of(place[0], row) <= self.final} for place, row in self.rows.items()}

    def load(self, rows: Rows) -> None:
        self.rows = dict(rows)
        self._reorged_at = dict.fromkeys(rows, len(self._reorgs))
        self.wants_all = False

    def _check_is_current(self, place: Place) -> None:
        held = self.rows.get(place)
        for dropped_from in self._reorgs[self._reorged_at.get(place, 0) :] if held else []:
            assert block_of(place[0], held or {}) < dropped_from, f"{place} was replaced before it was retracted"


def listed(queries: Queries, mirror: Mirror) -> Rows:
    """The same rows as the explorer's lists have them now."""
    rows: Rows = {}
    pages = (queries.blocks, queries.jobs, queries.receipts, queries.nodes, queries.accounts)
    for row in (row for page in pages for row in _all(page)):
        if mirror.topics & topics_of(row):
            kind, shown = WORDS[type(row)]
            rows[kind, str(getattr(row, NAMES[type(row)]))] = msgspec.to_builtins(shown(row))
    return rows


async def follow(hub: Hub, mirror: Mirror, queries: Queries) -> None:
    """Reads until it is cancelled, beginning where the mirror was."""
    reader = Reader(hub, mirror.topics, mirror.last_id)
    try:
        while True:
            for frame in await reader.frames():
                for message in frame.messages:
                    mirror.apply(msgspec.json.decode(message.json))
            if mirror.wants_all:
                mirror.load(listed(queries, mirror))
    finally:
        reader.close()


async def agrees(mirror: Mirror, queries: Queries) -> None:
    """Returns when the mirror shows what the lists do."""
    for _ in range(400):
        if mirror.shown() == listed(queries, mirror):
            return
        await asyncio.sleep(0.01)
    shown, wanted = mirror.shown(), listed(queries, mirror)
    places = [place for place in shown | wanted if shown.get(place) != wanted.get(place)]
    raise AssertionError([(place, shown.get(place), wanted.get(place)) for place in places])


def _all(page: Callable[..., Page[Any]]) -> Iterator[Row]:
    after = None
    while True:
        found = page(after=after, limit=1000)
        yield from found.rows
        after = found.next
        if after is None:
            return
