"""What others may ask of any contract's tables: filters and a place come in, a page of events goes out."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
from msgspec import Struct

from indexer.explorer.database import Database
from indexer.explorer.progress import read_progress
from indexer.explorer.rows import Head
from indexer.explorer.stats import Incidents

from .layout import Field, Layout
from .schema import RAW, arguments_of, quoted

LIMIT, LIMIT_MAX = 50, 1_000
ORDER = "ORDER BY block DESC, log_index DESC"


class UnknownEvent(Exception):
    """A question about an event or an argument that the ABI does not have; the message names those it has."""


class EventFilter(Struct, frozen=True):
    """Events that meet everything given; `arguments` are by column name, as text."""

    name: str | None = None
    contract: str | None = None
    tx_hash: str | None = None
    block: int | None = None
    from_block: int | None = None
    to_block: int | None = None
    arguments: Mapping[str, str] = {}


class FoundEvent(Struct, frozen=True):
    """`args` is JSON text; it is None for a log that the ABI does not describe, which has `topics` and `data`."""

    block: int
    log_index: int
    tx_hash: str
    contract: str
    name: str | None
    args: str | None
    topics: list[str] | None
    data: str | None
    is_final: bool


class EventPage(Struct, frozen=True):
    """Newest first. `next` is the place of the last, for the page after this; None at the end."""

    events: tuple[FoundEvent, ...]
    next: tuple[int, int] | None = None


class EventQueries:
    """Each call at one moment."""

    def __init__(self, database: Database, layouts: Sequence[Layout]) -> None:
        self._database = database
        self.layouts = tuple(layouts)

    def head(self) -> Head:
        with self._database.reading() as cursor:
            return read_progress(cursor).head()

    def count(self) -> int:
        with self._database.reading() as cursor:
            return int(cursor.execute("SELECT count(*) FROM events").fetchall()[0][0])

    def incidents(self) -> Incidents:
        """Nothing is ever parked here: no rule can break, and what does not fit the ABI is kept raw."""
        with self._database.reading() as cursor:
            return Incidents(0, int(cursor.execute("SELECT count(*) FROM reorgs").fetchall()[0][0]))

    def integrity(self, limit: int = LIMIT_MAX) -> list[dict[str, Any]]:
        """Newest range first, as the table has them."""
        with self._database.reading() as cursor:
            found = cursor.execute(f"SELECT * FROM integrity ORDER BY first DESC LIMIT {limit}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def events(self, where: EventFilter, after: tuple[int, int] | None = None, limit: int = LIMIT) -> EventPage:
        """Each kind of event is asked apart, newest first, and the pages are merged. Raises UnknownEvent."""
        limit = max(1, min(limit, LIMIT_MAX))
        asked = [_question(layout, where, after, limit + 1) for layout in self._asked(where)]
        if where.name is None and not where.arguments:
            asked.append(_raw_question(where, after, limit + 1))
        with self._database.reading() as cursor:
            cursor.begin()
            try:
                found = [event for sql, parameters in asked for event in _ask(cursor, sql, parameters)]
            finally:
                cursor.rollback()
        found.sort(key=lambda event: (event.block, event.log_index), reverse=True)
        page = tuple(found[:limit])
        more = len(found) > limit
        return EventPage(page, (page[-1].block, page[-1].log_index) if more else None)

    def _asked(self, where: EventFilter) -> list[Layout]:
        named = [each for each in self.layouts if where.name in (None, each.event, each.table)]
        if not named and where.name is not None:
            names = ", ".join(sorted({layout.event for layout in self.layouts}))
            raise UnknownEvent(f"no event {where.name!r} in the ABI: there are {names}")
        wanted = set(where.arguments)
        fitting = [each for each in named if wanted <= {field.name for field in each.fields}]
        if not fitting and wanted:
            known = ", ".join(sorted({field.name for each in named for field in each.fields})) or "none"
            raise UnknownEvent(f"no event has all of the arguments {', '.join(sorted(wanted))}: there are {known}")
        return fitting


def _question(layout: Layout, where: EventFilter, after: tuple[int, int] | None, limit: int) -> tuple[str, list[Any]]:
    conditions, parameters = _conditions(where, after)
    for field in layout.fields:
        if field.name in where.arguments:
            conditions.append(f"{quoted(field.name)} = TRY_CAST(? AS {field.kind.sql})")
            parameters.append(_spelt(field, where.arguments[field.name]))
    shown = f"block, log_index, tx_hash, contract, ?, {arguments_of(layout)}, NULL, NULL, is_final"
    source = f"SELECT * FROM main.{quoted(layout.table)} WHERE {' AND '.join(conditions)} {ORDER} LIMIT {limit}"
    return f"SELECT {shown} FROM ({source})", [layout.event, *parameters]


def _raw_question(where: EventFilter, after: tuple[int, int] | None, limit: int) -> tuple[str, list[Any]]:
    conditions, parameters = _conditions(where, after)
    shown = "block, log_index, tx_hash, contract, name, NULL, topics, data, is_final"
    return f"SELECT {shown} FROM main.{RAW} WHERE {' AND '.join(conditions)} {ORDER} LIMIT {limit}", parameters


def _conditions(where: EventFilter, after: tuple[int, int] | None) -> tuple[list[str], list[Any]]:
    given = (
        ("contract = ?", where.contract and where.contract.lower()),
        ("tx_hash = ?", where.tx_hash and where.tx_hash.lower()),
        ("block = ?", where.block),
        ("block >= ?", where.from_block),
        ("block <= ?", where.to_block),
    )
    conditions = ["true", *[condition for condition, value in given if value is not None]]
    parameters: list[Any] = [value for _, value in given if value is not None]
    if after:
        conditions.append("(block < ? OR block = ? AND log_index < ?)")
        parameters += [after[0], after[0], after[1]]
    return conditions, parameters


def _spelt(field: Field, value: str) -> str:
    """Hex in the case that the tables keep."""
    return value.lower() if value[:2] in ("0x", "0X") and field.kind.sql == "VARCHAR" else value


def _ask(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any]) -> list[FoundEvent]:
    return [FoundEvent(*row) for row in cursor.execute(sql, parameters).fetchall()]
