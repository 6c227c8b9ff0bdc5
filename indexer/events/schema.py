"""Layouts come in; what an empty database needs comes out: `final`, `tip` over it, and `main`, which shows both as one.

People depend on the names in `main`: `events` with every log, `blocks`, `integrity`, `reorgs`, and a table per event.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa  # type: ignore[import-untyped]
from msgspec import Struct

from indexer.explorer.rows import IntegrityRow, ReorgRow
from indexer.explorer.tables import TABLE_OF

from .layout import Layout
from .types import NUMBER, TEXT, Kind

SCHEMA_VERSION = 1
RAW, BLOCKS = "raw_logs", "blocks"
OFFCHAIN = tuple(TABLE_OF[kind] for kind in (IntegrityRow, ReorgRow))

IS_FINAL = "False while the block may still be reorganised away"
SECONDS = Kind("TIMESTAMPTZ", pa.timestamp("s", tz="UTC"))
WORDS = Kind("VARCHAR[]", pa.list_(pa.string()))


class Column(Struct, frozen=True):
    name: str
    kind: Kind
    comment: str


class Table(Struct, frozen=True):
    """Rows that are only ever added, each by a block."""

    name: str
    comment: str
    columns: tuple[Column, ...]

    @property
    def block(self) -> str:
        return self.columns[0].name


PLACE = (
    Column("block", NUMBER, "Block that holds it"),
    Column("log_index", NUMBER, "Place within the block"),
    Column("tx_hash", TEXT, "Transaction that emitted it"),
    Column("contract", TEXT, "Contract that emitted it"),
)
RAW_LOGS = Table(
    RAW,
    "Logs that the ABI does not describe, as they came",
    (
        *PLACE,
        Column("name", TEXT, "The event's name, where its first topic is in the ABI"),
        Column("topics", WORDS, "Its topics"),
        Column("data", TEXT, "Its data"),
        Column("reason", TEXT, "Why it is not in a table of its own"),
    ),
)
BLOCKS_SEEN = Table(
    BLOCKS,
    "Blocks that hold events, and every block that is not final yet",
    (
        Column("number", NUMBER, "Height"),
        Column("hash", TEXT, "Hash of the header"),
        Column("parent", TEXT, "Hash of the block before"),
        Column("timestamp", SECONDS, "Time by the header"),
        Column("events", NUMBER, "Events in it"),
    ),
)
EVENTS_COMMENTS = {
    **{column.name: column.comment for column in PLACE},
    "name": "The event's name in the ABI",
    "args": "Its arguments by column name; wide integers are decimal text",
    "topics": "Topics of a log that the ABI does not describe",
    "data": "Data of a log that the ABI does not describe",
    "is_final": IS_FINAL,
}


def table_of(layout: Layout) -> Table:
    arguments = tuple(Column(field.name, field.kind, field.comment) for field in layout.fields)
    return Table(layout.table, f"Every {layout.signature}", (*PLACE, *arguments))


def statements(layouts: Sequence[Layout]) -> Iterator[str]:
    """Everything but the row of progress, which must name the chain."""
    tables = (BLOCKS_SEEN, RAW_LOGS, *map(table_of, layouts))
    yield from ("CREATE SCHEMA final", "CREATE SCHEMA tip")
    yield (
        "CREATE TABLE final.progress (schema_version BIGINT, chain_id BIGINT, position BIGINT, head_number BIGINT, "
        "head_hash VARCHAR, head_at TIMESTAMPTZ, final_number BIGINT, final_hash VARCHAR, layout VARCHAR)"
    )
    for table in tables:
        columns = ", ".join(f"{_name(column.name)} {column.kind.sql}" for column in table.columns)
        for schema in ("final", "tip"):
            yield f"CREATE TABLE {schema}.{_name(table.name)} ({columns})"
            yield from _comments("TABLE", schema, table)
        yield (
            f"CREATE VIEW main.{_name(table.name)} AS SELECT *, false AS is_final FROM tip.{_name(table.name)} "
            f"UNION ALL SELECT *, true AS is_final FROM final.{_name(table.name)}"
        )
        yield from _comments("VIEW", "main", table)
        yield f"COMMENT ON COLUMN main.{_name(table.name)}.is_final IS {_text(IS_FINAL)}"
    yield f"CREATE VIEW main.events AS {' UNION ALL '.join((*map(_as_event, layouts), _RAW_AS_EVENT))}"
    yield "COMMENT ON VIEW main.events IS 'Every log of the contracts'"
    for name, comment in EVENTS_COMMENTS.items():
        yield f"COMMENT ON COLUMN main.events.{name} IS {_text(comment)}"
    for kept in OFFCHAIN:
        yield f"CREATE TABLE final.{kept.name} ({kept.ddl})"
        yield f"CREATE VIEW main.{kept.name} AS FROM final.{kept.name}"
        for what, schema in (("TABLE", "final"), ("VIEW", "main")):
            yield f"COMMENT ON {what} {schema}.{kept.name} IS {_text(kept.comment)}"
            for each in kept.columns:
                yield f"COMMENT ON COLUMN {schema}.{kept.name}.{_name(each.name)} IS {_text(each.comment)}"


def arguments_of(layout: Layout) -> str:
    """The SQL expression of an event's arguments as one JSON object."""
    parts = []
    for field in layout.fields:
        value = f"{_name(field.name)}::VARCHAR" if field.kind.is_wide else _name(field.name)
        parts += [_text(field.name), value]
    return f"json_object({', '.join(parts)})"


def _as_event(layout: Layout) -> str:
    return (
        f"SELECT block, log_index, tx_hash, contract, {_text(layout.event)} AS name, {arguments_of(layout)} AS args, "
        f"NULL::VARCHAR[] AS topics, NULL::VARCHAR AS data, is_final FROM main.{_name(layout.table)}"
    )


_RAW_AS_EVENT = (
    "SELECT block, log_index, tx_hash, contract, name, NULL::JSON AS args, topics, data, is_final FROM main.raw_logs"
)


def _comments(what: str, schema: str, table: Table) -> Iterator[str]:
    yield f"COMMENT ON {what} {schema}.{_name(table.name)} IS {_text(table.comment)}"
    for column in table.columns:
        yield f"COMMENT ON COLUMN {schema}.{_name(table.name)}.{_name(column.name)} IS {_text(column.comment)}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_name = quoted


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
