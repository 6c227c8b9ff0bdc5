"""A text comes in, the things that it may name go out: found by number, content, hash, address and model."""

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from ..rows import Head
from ..soundness import integrity_of
from .hits import EACH_MAX, Hit, HitField, Match, match_of, ranked
from .keys import says_enough
from .lookup import named
from .names import Names
from .terms import Terms, read

LIMIT = 20


def search(
    cursor: duckdb.DuckDBPyConnection, names: Names, text: str, head: Head, limit: int = LIMIT
) -> tuple[Hit, ...]:
    """The best hits. `cursor` must see one moment, at which `head` is the newest block."""
    terms = read(text)
    return ranked(_found(cursor, names, terms, head), limit) if terms.name else ()


def _found(cursor: duckdb.DuckDBPyConnection, names: Names, terms: Terms, head: Head) -> Iterator[Hit]:
    if terms.number is not None:
        yield from _jobs(cursor, terms.number)
        yield from _blocks(cursor, terms.number, head)
    if terms.hex is not None:
        yield from _addresses(cursor, terms.hex)
        yield from named(cursor, names, terms.hex, ("transaction", "block"))
    if terms.content is not None:
        yield from named(cursor, names, terms.content, ("prompt", "response", "model", "document"))
    yield from _models(cursor, terms.name)


def _jobs(cursor: duckdb.DuckDBPyConnection, number: int) -> Iterator[Hit]:
    """The job of that number, and those whose number has one digit more."""
    for job_id, state, is_final in _numbered(cursor, "jobs", "job_id", "state", number):
        yield Hit("job", str(job_id), "job_id", str(job_id), match_of(str(number), str(job_id)), state, is_final)


def _blocks(cursor: duckdb.DuckDBPyConnection, number: int, head: Head) -> Iterator[Hit]:
    found = list(_numbered(cursor, "blocks", "number", "hash", number))
    if number <= head.final and all(height != number for height, *_ in found) and integrity_of(cursor, number):
        found.append((number, "nothing of ours", True))
    for height, detail, is_final in found:
        yield Hit("block", str(height), "number", str(height), match_of(str(number), str(height)), detail, is_final)


def _numbered(
    cursor: duckdb.DuckDBPyConnection, table: str, column: str, detail: str, number: int
) -> Iterator[tuple[int, str, bool]]:
    for least, most in ((number, number), (10 * max(number, 1), 10 * number + 9)):
        yield from _both(cursor, table, f"{column}, {detail}", f"{column} BETWEEN ? AND ?", (least, most), column)


def _addresses(cursor: duckdb.DuckDBPyConnection, text: str) -> Iterator[Hit]:
    wanted = ("starts_with(address, ?)", (text,), "address")
    for address, state, is_final in _both(cursor, "nodes", "address, state", *wanted):
        yield Hit("node", address, "address", address, match_of(text, address), state, is_final)
    for address, ordered, earned, is_final in _both(cursor, "accounts", "address, ordered, earned", *wanted):
        detail = " and ".join(part for part, wei in (("ordered", ordered), ("earned", earned)) if wei)
        yield Hit("account", address, "address", address, match_of(text, address), detail, is_final)


def _models(cursor: duckdb.DuckDBPyConnection, text: str) -> Iterator[Hit]:
    """By id or name, whatever the case, or content; those asked most often first."""
    content = text if says_enough(text) else ""
    found = cursor.execute(
        "SELECT model_id, name, model_cid, is_final FROM models WHERE contains(lower(model_id), $lower) "
        "OR contains(lower(name), $lower) OR (starts_with(model_cid, $content) AND $content <> '') "
        "ORDER BY lower(model_id) = $lower DESC, starts_with(lower(model_id), $lower) DESC, jobs DESC LIMIT $most",
        {"content": content, "lower": text.lower(), "most": EACH_MAX},
    )
    for model_id, name, cid, is_final in found.fetchall():
        yield _model(text, model_id, name, cid, is_final)


def _model(asked: str, model_id: str, name: str, cid: str, is_final: bool) -> Hit:
    def told(field: HitField, text: str, match: Match) -> Hit:
        return Hit("model", model_id, field, text, match, name, is_final)

    if says_enough(asked) and cid.startswith(asked):
        return told("model_cid", cid, match_of(asked, cid))
    lower = asked.lower()
    by_id, by_name = (match_of(lower, text.lower()) for text in (model_id, name))
    return told("model_id", model_id, by_id) if lower in model_id.lower() else told("name", name, by_name)


def _both(
    cursor: duckdb.DuckDBPyConnection, table: str, columns: str, condition: str, values: Sequence[Any], key: str
) -> list[Any]:
    """Rows of the tip and of the final table that it hides none of, each with whether it is final."""
    tip = f"SELECT {columns}, false FROM tip.{table} WHERE {condition}"
    final = f"SELECT {columns}, true FROM final.{table} ANTI JOIN tip.{table} USING ({key}) WHERE {condition}"
    return cursor.execute(
        f"({tip} LIMIT {EACH_MAX}) UNION ALL ({final} LIMIT {EACH_MAX})", (*values, *values)
    ).fetchall()
