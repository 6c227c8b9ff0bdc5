"""The figures of the front page, counted from the tables at one moment."""

from collections.abc import Mapping

import duckdb
from msgspec import Struct
from msgspec.structs import asdict

from .aggregates import JOBS, MODELS, NODES, RECEIPTS
from .listing import At, page
from .ordering import Order
from .records import BLOCKS
from .rows import Head, StatsRow
from .tables import DOCUMENT, DOCUMENT_OF_RECEIPT

_COUNTS = """
SELECT count(*), count(*) FILTER (state = 'open'), count(*) FILTER (state = 'claimed'),
       count(*) FILTER (state = 'answered'), count(*) FILTER (state = 'settled'),
       count(*) FILTER (state = 'cancelled'), count(*) FILTER (state = 'expired'),
       (SELECT count(*) FROM {nodes}), (SELECT count(*) FROM {models})
FROM {jobs}"""
_RECEIPTS = """
SELECT count(*), coalesce(sum(prompt_tokens), 0)::BIGINT, coalesce(sum(completion_tokens), 0)::BIGINT,
       coalesce(sum(amount), 0)::HUGEINT
FROM {receipts} WHERE state = 'verified'"""

_BOOKS = Order(BLOCKS, ("number",))
_COUNTED = (JOBS, RECEIPTS, NODES, MODELS)
_NOW = {table.name: table.name for table in _COUNTED}
_SINCE = {table.name: f"(SELECT * FROM {table.name} WHERE block > $number)" for table in _COUNTED}
_BEFORE = {
    table.name: f"(SELECT r.*{f', {DOCUMENT}' if table is RECEIPTS else ''} FROM history.{table.name} r "
    f"{DOCUMENT_OF_RECEIPT if table is RECEIPTS else ''} WHERE r.block <= $number AND r.until > $number)"
    for table in _COUNTED
}


class Counts(Struct, frozen=True):
    """What there is of each kind; sums of verified receipts."""

    jobs: int
    open: int
    claimed: int
    answered: int
    settled: int
    cancelled: int
    expired: int
    nodes: int
    models: int
    receipts: int
    tokens_prompt: int
    tokens_completion: int
    earned: int


class Incidents(Struct, frozen=True):
    """What went wrong in the whole of the history: facts set aside unread, and reorganisations of the chain."""

    parked: int
    reorgs: int


def read_incidents(cursor: duckdb.DuckDBPyConnection) -> Incidents:
    parked = "SELECT count(*) FROM parked ANTI JOIN dropped USING (block, log_index)"
    found = cursor.execute(f"SELECT ({parked}), (SELECT count(*) FROM reorgs)").fetchall()
    return Incidents(*found[0])


def read_stats(cursor: duckdb.DuckDBPyConnection, head: Head) -> StatsRow:
    """Of all that these tables hold, which is what they held at `head`. `cursor` must see one moment."""
    return _row(cursor, head, _counts(cursor, _NOW), None)


def read_stats_at(cursor: duckdb.DuckDBPyConnection, now: StatsRow, head: Head, at: At) -> StatsRow:
    """After an earlier block, from the figures of `now`: less what was changed since, and with what that replaced."""
    since, before = (asdict(_counts(cursor, rows, {"number": at.number})) for rows in (_SINCE, _BEFORE))
    figures = {name: getattr(now, name) - since[name] + before[name] for name in since}
    return _row(cursor, head, Counts(**figures), at)


def _counts(
    cursor: duckdb.DuckDBPyConnection, rows: Mapping[str, str], values: Mapping[str, int] | None = None
) -> Counts:
    counts = cursor.execute(_COUNTS.format(**rows), values).fetchall()[0]
    return Counts(*counts, *cursor.execute(_RECEIPTS.format(**rows), values).fetchall()[0])


def _row(cursor: duckdb.DuckDBPyConnection, head: Head, counts: Counts, at: At | None) -> StatsRow:
    newest = page(cursor, _BOOKS, (), None, 1, at).rows
    books = newest[0] if newest else None
    return StatsRow(
        head=head.number,
        final=head.final,
        head_hash=head.hash,
        head_at=head.at,
        open_escrow=books.open_escrow if books else 0,
        credit=books.credit if books else 0,
        stakes=books.stakes if books else 0,
        **asdict(counts),
    )
