"""The figures of the front page, counted from the tables at one moment."""

from typing import Any

import duckdb
from msgspec import Struct

from .progress import read_progress
from .rows import StatsRow

_COUNTS = """
SELECT count(*), count(*) FILTER (state = 'open'), count(*) FILTER (state = 'claimed'),
       count(*) FILTER (state = 'answered'), count(*) FILTER (state = 'settled'),
       count(*) FILTER (state = 'cancelled'), count(*) FILTER (state = 'expired'),
       (SELECT count(*) FROM nodes), (SELECT count(*) FROM models)
FROM jobs"""
_RECEIPTS = """
SELECT count(*), coalesce(sum(prompt_tokens), 0)::BIGINT, coalesce(sum(completion_tokens), 0)::BIGINT,
       coalesce(sum(amount), 0)::HUGEINT
FROM receipts WHERE state = 'verified'"""
_BOOKS = "SELECT open_escrow, credit, stakes FROM blocks ORDER BY number DESC LIMIT 1"


class Incidents(Struct, frozen=True):
    """What went wrong in the whole of the history: facts set aside unread, and reorganisations of the chain."""

    parked: int
    reorgs: int


def read_incidents(cursor: duckdb.DuckDBPyConnection) -> Incidents:
    return Incidents(*_first(cursor, "SELECT (SELECT count(*) FROM parked), (SELECT count(*) FROM reorgs)"))


def read_stats(cursor: duckdb.DuckDBPyConnection) -> StatsRow:
    """`cursor` must see one moment. Receipts and tokens are those of verified receipts."""
    head = read_progress(cursor).head()
    jobs, open_, claimed, answered, settled, cancelled, expired, nodes, models = _first(cursor, _COUNTS)
    receipts, tokens_prompt, tokens_completion, earned = _first(cursor, _RECEIPTS)
    open_escrow, credit, stakes = _first(cursor, _BOOKS) or (0, 0, 0)
    return StatsRow(
        head=head.number,
        final=head.final,
        head_hash=head.hash,
        head_at=head.at,
        jobs=jobs,
        open=open_,
        claimed=claimed,
        answered=answered,
        settled=settled,
        cancelled=cancelled,
        expired=expired,
        receipts=receipts,
        nodes=nodes,
        models=models,
        tokens_prompt=tokens_prompt,
        tokens_completion=tokens_completion,
        open_escrow=open_escrow,
        credit=credit,
        stakes=stakes,
        earned=earned,
    )


def _first(cursor: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    found = cursor.execute(sql).fetchall()
    return found[0] if found else ()
