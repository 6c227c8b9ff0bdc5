"""What an answer stands on: a route and its question come in, the rows go out whose change makes the answer old."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from indexer.explorer import Touched
from indexer.explorer.rows import AccountRow, DocumentRow, JobRow, ModelRow, NodeRow, ReceiptRow, Row

Ground = tuple[Any, ...]
"""A kind of rows, one row of it by key, or those of one address: (kind,), (kind, key) or (kind, HELD, address)."""

ANYTHING: Ground = ()
HELD = "held"
HOLDERS = ("controller", "worker")

PREFIX = "/explorer/v1"
ITEMS: Mapping[str, type[Row]] = {
    f"{PREFIX}/jobs/{{job_id}}": JobRow,
    f"{PREFIX}/receipts/{{job_id}}": ReceiptRow,
    f"{PREFIX}/nodes/{{address}}": NodeRow,
    f"{PREFIX}/models/{{model_id}}": ModelRow,
    f"{PREFIX}/accounts/{{address}}": AccountRow,
}
LISTS: Mapping[str, type[Row]] = {
    f"{PREFIX}/jobs": JobRow,
    f"{PREFIX}/receipts": ReceiptRow,
    f"{PREFIX}/nodes": NodeRow,
    f"{PREFIX}/models": ModelRow,
    f"{PREFIX}/accounts": AccountRow,
}
FIGURES = frozenset(f"{PREFIX}/{name}" for name in ("stats", "stats/hourly", "stats/daily", "leaderboard"))
"""What is counted from all rows, and moves with every block."""

WIDENING = frozenset(("as_of", "include"))
"""What asks a list for more than its own rows as they are now."""


class Question(Struct, frozen=True):
    """A route by its template, with what its path and its query name."""

    template: str
    named: Mapping[str, Any]
    query: bytes


def grounds_of(question: Question) -> tuple[Ground, ...]:
    """Where nothing finer is known, an answer stands on everything: on the head."""
    if kind := ITEMS.get(question.template):
        return ((kind, _key(*question.named.values())),) if not question.query else (ANYTHING,)
    if kind := LISTS.get(question.template):
        asked = _asked(question.query)
        return tuple(_of_list(kind, asked)) if asked.keys().isdisjoint(WIDENING) else (ANYTHING,)
    return (ANYTHING,)


def names_moment(query: bytes) -> bool:
    """Whether the head of the answer is part of the question."""
    return "as_of" in _asked(query)


def moved(touched: Touched) -> Iterator[Ground]:
    """The grounds that a commit moved. When everything moved, the head did at least."""
    yield ANYTHING
    for kind, keys in touched.keys.items():
        yield (kind,)
        for key in keys:
            yield (kind, key)
    for kind, holders in touched.holders.items():
        for holder in holders:
            yield (kind, HELD, holder)


def _of_list(kind: type[Row], asked: Mapping[str, str]) -> Iterator[Ground]:
    holder = next((asked[name] for name in HOLDERS if name in asked), None)
    if holder is None or kind not in (JobRow, ReceiptRow):
        yield (kind,)
    else:
        yield (kind, HELD, holder.lower())
    if kind is ReceiptRow:
        yield (DocumentRow,)


def _asked(query: bytes) -> dict[str, str]:
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def _key(value: Any) -> Any:
    return value.lower() if isinstance(value, str) and value.startswith("0x") else value
