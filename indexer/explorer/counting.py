"""How many rows a list has: its filter comes in, the count goes out, exact up to a limit and estimated above it."""

from collections.abc import Sequence

import duckdb
from msgspec import Struct

from .filters import Where
from .listing import At, Source, all_of, columns_named, hiding, matching, relation, sources
from .prepared import ask
from .table import Table

UNLIMITED = 2**62
SAMPLE = "TABLESAMPLE system(10%) REPEATABLE (1)"


class Count(Struct, frozen=True):
    """`is_exact` is false for an estimate from a sample of the rows."""

    rows: int
    is_exact: bool


def count(cursor: duckdb.DuckDBPyConnection, table: Table, where: Where, exact_max: int, at: At | None = None) -> Count:
    """`cursor` must see one moment."""
    counted = 0
    for source in sources(table, at, where):
        counted += _up_to(cursor, table, where, source, exact_max + 1 - counted)
        if counted > exact_max:
            return _beyond(cursor, table, where, counted, at)
    return Count(counted, True)


def _up_to(cursor: duckdb.DuckDBPyConnection, table: Table, where: Where, source: Source, most: int) -> int:
    texts, values = matching(table, where)
    rows = relation(table, source.schema, columns_named(where)) + hiding(table, source.schema)
    text = f"SELECT count(*) FROM (SELECT 1 FROM {rows}{all_of(texts + source.conditions)} LIMIT ?)"
    found: int = ask(cursor, text, (*values, *source.values, most))[0][0]
    return found


def _beyond(cursor: duckdb.DuckDBPyConnection, table: Table, where: Where, counted: int, at: At | None) -> Count:
    """All rows are counted as fast as some of them, and the share of those that match is told by a sample."""
    held = sources(table, at)
    total = sum(_up_to(cursor, table, (), source, UNLIMITED) for source in held)
    hits, sampled = _sampled(cursor, table, where, held) if where else (1, 1)
    if not sampled:
        return Count(sum(_up_to(cursor, table, where, source, UNLIMITED) for source in held), True)
    return Count(max(counted, round(total * hits / sampled)), not where)


def _sampled(cursor: duckdb.DuckDBPyConnection, table: Table, where: Where, held: Sequence[Source]) -> tuple[int, int]:
    final = next(source for source in held if source.schema == "final")
    texts, values = matching(table, where)
    rows = f"{relation(table, 'final', columns_named(where))} {SAMPLE}{all_of(final.conditions)}"
    text = f"SELECT count(*) FILTER ({' AND '.join(texts) or 'true'}), count(*) FROM {rows}"
    hits, sampled = ask(cursor, text, (*values, *final.values))[0]
    return hits, sampled
