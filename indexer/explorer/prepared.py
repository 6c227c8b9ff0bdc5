"""Questions asked again and again: a statement and its values come in, each cursor plans it once, the rows go out."""

import weakref
from collections.abc import Sequence
from itertools import count
from typing import Any

import duckdb

STATEMENTS_MAX = 200  # of one cursor; what comes after is planned each time

SORTS = " ORDER BY "
"""A plan that sorts keeps its buffers, some megabytes, for as long as it is kept: a few lists that a few threads asked
for would fill all of DuckDB's memory. Such a statement is planned each time, which costs less than a millisecond."""

_planned: "weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, dict[str, str]]" = weakref.WeakKeyDictionary()
_names = count()


def ask(cursor: duckdb.DuckDBPyConnection, statement: str, values: Sequence[int | str | bool]) -> list[Any]:
    """The rows that `statement`, with a `?` for each value, finds. DuckDB binds values to a plan by literals only."""
    known = _planned.setdefault(cursor, {})
    if any(isinstance(value, str) and "\0" in value for value in values):
        return []  # no text of ours holds one, and a literal cannot
    if statement not in known:
        if len(known) >= STATEMENTS_MAX or SORTS in statement:
            return cursor.execute(statement, list(values)).fetchall()
        name = f"asked_{next(_names)}"
        cursor.execute(f"PREPARE {name} AS {statement}")
        known[statement] = name
    literals = f"({', '.join(map(_literal, values))})" if values else ""
    return cursor.execute(f"EXECUTE {known[statement]}{literals}").fetchall()


def _literal(value: int | str | bool) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool) else str(int(value))
