"""Who did most in a period that ends with the newest block: receipts and nodes come in, a ranking goes out."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import duckdb
import msgspec
from msgspec import Struct

from .aggregates import NODES, RECEIPTS
from .errors import BadCursor
from .listing import At, Page
from .relations import relation
from .rows import Head, NodeState, Row
from .tables import DOCUMENT, DOCUMENT_OF_RECEIPT

Period = Literal["24h", "7d", "30d", "all"]
SECONDS: dict[Period, int | None] = {"24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "all": None}
By = Literal["earned", "settled", "completed", "completion_tokens", "tokens_per_s", "settled_share"]

_FIGURES = """
WITH work AS (
    SELECT worker, count(*) FILTER (is_paid) AS settled, sum(amount) FILTER (is_paid) AS earned,
           sum(completion_tokens) FILTER (is_paid) AS completion_tokens,
           sum(epoch_us(completed_at) - epoch_us(started_at)) FILTER (is_paid) / 1e6 AS inference_s,
           count(*) FILTER (is_given) AS completed,
           count(*) FILTER (is_given AND state IN ('failed', 'unproven')) AS unproven,
           count(*) FILTER (is_given AND state = 'verified') AS proven
    FROM (SELECT *, state = 'verified' AND settled_at > {since} AS is_paid, answered_at > {since} AS is_given
          FROM {receipts} WHERE block >= {first})
    WHERE is_paid OR is_given GROUP BY worker
)
SELECT n.address, n.state, coalesce(w.earned, 0)::HUGEINT, coalesce(w.settled, 0), coalesce(w.completed, 0),
       coalesce(w.unproven, 0), w.proven / nullif(w.completed, 0), coalesce(w.completion_tokens, 0)::BIGINT,
       w.completion_tokens / nullif(w.inference_s, 0)
FROM {nodes} n {joined} JOIN work w ON w.worker = n.address"""


class LeaderRow(Row):
    """A node's work in a period: what was paid in it, and what became of the answers given in it. Amounts are wei.

    `place` is its rank by earnings, then by settled jobs. Work without a receipt is counted and raises nothing.
    """

    place: int
    address: str
    state: NodeState
    earned: int
    settled: int
    completed: int
    unproven: int
    settled_share: float | None
    completion_tokens: int
    tokens_per_s: float | None


class Leading(Struct, frozen=True):
    """A ranking that is asked for: over which period, by what, of nodes in which state."""

    period: Period = "all"
    by: By = "earned"
    state: NodeState | None = None


def read_leaders(cursor: duckdb.DuckDBPyConnection, period: Period, head: Head, at: At | None) -> tuple[LeaderRow, ...]:
    """By place, then by address. In a period, only nodes that did anything in it. `cursor` must see one moment."""
    length_s = SECONDS[period]
    since = "make_timestamptz(0)" if length_s is None else f"make_timestamptz({head.at - length_s}::BIGINT * 1000000)"
    first = 0 if length_s is None else _first_block(cursor, since, head)
    receipts = f"(SELECT r.*, {DOCUMENT} FROM {relation(RECEIPTS, at)} r {DOCUMENT_OF_RECEIPT})"
    joined = "LEFT" if length_s is None else "INNER"
    text = _FIGURES.format(receipts=receipts, nodes=relation(NODES, at), since=since, first=first, joined=joined)
    return _ranked([LeaderRow(0, *values) for values in cursor.execute(text).fetchall()])


def _first_block(cursor: duckdb.DuckDBPyConnection, since: str, head: Head) -> int:
    """What happened since lies in rows that this block or a later one changed last: DuckDB reads no others."""
    text = f"SELECT coalesce(min(number), {head.number}) FROM blocks WHERE timestamp > {since}"
    found: int = cursor.execute(text).fetchall()[0][0]
    return found


def page_of(leaders: Sequence[LeaderRow], asked: Leading, after: str | None, limit: int) -> Page[LeaderRow]:
    """Raises BadCursor."""
    rows = [row for row in leaders if asked.state in (None, row.state)]
    if asked.by != "earned":
        rows.sort(key=_by(asked.by))
    if after is not None:
        passed = _passed(asked, after)
        rows = [row for row in rows if _by(asked.by)(row) > passed]
    return Page(tuple(rows[:limit]), _cursor(asked, rows[limit - 1]) if len(rows) > limit else None)


def _ranked(rows: list[LeaderRow]) -> tuple[LeaderRow, ...]:
    rows.sort(key=lambda row: (-row.earned, -row.settled, row.address))
    for i, row in enumerate(rows):
        before = rows[i - 1] if i else None
        tied = before is not None and (before.earned, before.settled) == (row.earned, row.settled)
        row.place = before.place if before is not None and tied else i + 1
    return tuple(rows)


def _by(column: By) -> Callable[[LeaderRow], tuple[Any, ...]]:
    """The largest first, what is missing last; then by place and address."""
    if column == "earned":
        return lambda row: (row.place, row.address)
    return lambda row: (-(getattr(row, column) or 0), getattr(row, column) is None, row.place, row.address)


def _cursor(asked: Leading, row: LeaderRow) -> str:
    return msgspec.json.encode(_by(asked.by)(row)).decode()


def _passed(asked: Leading, after: str) -> tuple[Any, ...]:
    kind = tuple[int, str] if asked.by == "earned" else tuple[float, bool, int, str]
    try:
        place: tuple[Any, ...] = msgspec.json.decode(after, type=kind)
    except msgspec.MsgspecError:
        raise BadCursor(f"cursor {after!r} is none of ours: take it from `next` of a page, unchanged") from None
    return place
