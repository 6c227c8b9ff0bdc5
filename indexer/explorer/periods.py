"""What happened in each hour or day in which anything did: a unit and bounds come in, a page of figures goes out."""

from typing import Literal

import duckdb
import msgspec
from msgspec import Struct

from .aggregates import JOBS, RECEIPTS
from .errors import BadCursor
from .listing import At, Page
from .relations import relation
from .rows import Head, Row
from .tables import DOCUMENT, DOCUMENT_OF_RECEIPT
from .views import periods

Unit = Literal["hour", "day"]
SECONDS: dict[Unit, int] = {"hour": 3_600, "day": 86_400}
WINDOW_GROWTH = 16
LATEST_S = 2**43  # DuckDB knows no much later time


class PeriodRow(Row):
    """A period from `start` on, in Unix seconds, with what happened in it. Amounts are wei."""

    start: int
    requested: int
    answered: int
    settled: int
    returned: int
    earned: int
    prompt_tokens: int
    completion_tokens: int
    inference_s_median: float | None
    gas_used_median: int | None


class Span(Struct, frozen=True):
    """Periods that begin from `since` on and before `until`, the newest first or the oldest."""

    unit: Unit
    since: int | None = None
    until: int | None = None
    descending: bool = True


def read_periods(
    cursor: duckdb.DuckDBPyConnection, span: Span, after: str | None, limit: int, head: Head, at: At | None
) -> Page[PeriodRow]:
    """Up to `head`. `cursor` must see one moment. Raises BadCursor."""
    first, last = _ends(cursor, span, after, head)
    reach = limit + 1
    while True:
        window = _window(span, first, last, reach)
        rows = _read(cursor, span, window, limit + 1, at)
        if len(rows) > limit or window == (first, last):
            break
        reach *= WINDOW_GROWTH
    following = str(rows[limit - 1].start) if len(rows) > limit else None
    return Page(tuple(rows[:limit]), following)


def _ends(cursor: duckdb.DuckDBPyConnection, span: Span, after: str | None, head: Head) -> tuple[int, int]:
    """The begin of the first period that counts, and the end of the last. Nothing happened before the first order."""
    unit_s = SECONDS[span.unit]
    first, last = _first_order(cursor), head.at + 1
    first -= first % unit_s
    if span.since is not None:
        first = max(first, _up(span.since, unit_s))
    if span.until is not None:
        last = min(last, span.until)
    if after is not None:
        place = _up(_place(after), unit_s)
        first, last = (first, min(last, place)) if span.descending else (max(first, place + unit_s), last)
    return first, max(first, _up(last, unit_s))


def _first_order(cursor: duckdb.DuckDBPyConnection) -> int:
    found = [
        cursor.execute(f"SELECT epoch_us(min(requested_at)) // 1000000 FROM {schema}.jobs").fetchall()[0][0]
        for schema in ("tip", "final")
    ]
    return min((each for each in found if each is not None), default=0)


def _up(second: int, unit_s: int) -> int:
    return -(-second // unit_s) * unit_s


def _place(after: str) -> int:
    try:
        return msgspec.json.decode(after, type=int) % LATEST_S
    except msgspec.MsgspecError:
        raise BadCursor(f"cursor {after!r} is none of ours: take it from `next` of a page, unchanged") from None


def _window(span: Span, first: int, last: int, reach: int) -> tuple[int, int]:
    width = reach * SECONDS[span.unit]
    return (max(first, last - width), last) if span.descending else (first, min(last, first + width))


def _read(
    cursor: duckdb.DuckDBPyConnection, span: Span, window: tuple[int, int], limit: int, at: At | None
) -> list[PeriodRow]:
    begin, end = (f"make_timestamptz({second}::BIGINT * 1000000)" for second in window)
    receipts = f"(SELECT r.*, {DOCUMENT} FROM {relation(RECEIPTS, at)} r {DOCUMENT_OF_RECEIPT})"
    within = f"{{0}} >= {begin} AND {{0}} < {end}"
    found = cursor.execute(
        f"SELECT epoch_us({span.unit}) // 1000000, * EXCLUDE ({span.unit}) "
        f"FROM ({periods(span.unit, relation(JOBS, at), receipts, within)}) "
        f"ORDER BY 1 {'DESC' if span.descending else 'ASC'} LIMIT {limit}"
    ).fetchall()
    return [PeriodRow(*values) for values in found]
