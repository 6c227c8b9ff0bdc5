"""The explorer's schema: `final` holds what can not change any more, `tip` what may, and `main` shows both as one.

A row of `tip` hides the row of `final` with the same key. Analysts depend on the names in `main`. What rows were like
before lies in `history`.
"""

from collections.abc import Iterator

import duckdb
from msgspec import Struct

from . import ranges
from .aggregates import ACCOUNTS, DOCUMENTS, JOBS, MODELS, NODES, RECEIPTS
from .records import BLOCKS, DROPPED, EVENTS, INTEGRITY, NODE_SAMPLES, PARKED, REORGS, TRANSACTIONS
from .rows import Row
from .table import Table
from .views import VIEWS

SCHEMA_VERSION = 3

OVERLAID = (BLOCKS, TRANSACTIONS, EVENTS, JOBS, RECEIPTS, NODES, MODELS, ACCOUNTS, PARKED)
"""Tables that follow from the chain alone: the same on every machine that indexed the same blocks."""

OFFCHAIN = (DOCUMENTS, NODE_SAMPLES, REORGS, INTEGRITY, DROPPED)
"""Tables of what no block holds; nothing in them is ever taken back."""

TABLES = (*OVERLAID, *OFFCHAIN)
TABLE_OF: dict[type[Row], Table] = {table.row: table for table in TABLES}

DOCUMENT_COLUMNS = tuple(
    column
    for column in DOCUMENTS.columns
    if column.name in ("receipt_cid", "prompt_tokens", "completion_tokens", "started_at", "completed_at")
)
DOCUMENT = ", ".join(f"d.{column.name}" for column in DOCUMENT_COLUMNS)
SHOWN_DOCUMENT = ", ".join(column.kind.value.shown.format(f"d.{column.name}") for column in DOCUMENT_COLUMNS)
DOCUMENT_OF_RECEIPT = (
    "LEFT JOIN final.documents d ON d.job_id = r.job_id AND d.worker = r.worker AND d.response_cid = r.response_cid "
    "AND d.commitment >= coalesce(r.commitment, '') AND d.commitment <= coalesce(r.commitment, '~')"
)
"""A document counts for the answer it is about: the job's number alone may mean another job after a reorg.

The commitment must be the receipt's, where that has one: said by comparisons, as DuckDB compares every row with every
other as soon as an OR is among the conditions of a LEFT JOIN.
"""

IS_FINAL = "False while the block that last changed the row may still be reorganised away"
PROGRESS = {
    "schema_version": "Version of these tables",
    "chain_id": "The chain they are about",
    "position": "How far the ledger was folded into them",
    "head_number": "Newest block shown, -1 before the first",
    "head_hash": "Its hash",
    "head_at": "Its time, as far as it is known",
    "final_number": "Newest block that can not change any more, -1 before the first",
    "final_hash": "Its hash",
}
DIGESTS = {
    "number": "Height of the block",
    "hash": "Its hash",
    "sums": "Rows and sums of their fingerprints, table by table (MessagePack)",
}


class Entry(Struct, frozen=True):
    """What can be asked for by one name in `main`: what it holds, and what each of its columns means."""

    name: str
    comment: str
    columns: dict[str, str]

    def comments(self) -> Iterator[str]:
        """Statements that note it in the database, on a view of this name in schema `main`."""
        yield f"COMMENT ON VIEW main.{self.name} IS {_quoted(self.comment)}"
        for name, comment in self.columns.items():
            yield f'COMMENT ON COLUMN main.{self.name}."{name}" IS {_quoted(comment)}'


def _entry(table: Table) -> Entry:
    columns = {column.name: column.comment for column in table.columns}
    if table in OVERLAID:
        columns["is_final"] = IS_FINAL
    if table is RECEIPTS:
        columns |= {column.name: column.comment for column in DOCUMENT_COLUMNS}
    return Entry(table.name, table.comment, columns)


def create(cursor: duckdb.DuckDBPyConnection, chain_id: int) -> None:
    """Everything an empty database needs."""
    cursor.execute(";\n".join((*_schemas(), *_comments(), *ranges.statements())))
    cursor.execute("INSERT INTO final.progress VALUES (?, ?, 0, -1, '', NULL, -1, '')", [SCHEMA_VERSION, chain_id])


def _schemas() -> Iterator[str]:
    yield "CREATE SCHEMA final"
    yield "CREATE SCHEMA tip"
    yield (
        "CREATE TABLE final.progress (schema_version BIGINT, chain_id BIGINT, position BIGINT, head_number BIGINT, "
        "head_hash VARCHAR, head_at TIMESTAMPTZ, final_number BIGINT, final_hash VARCHAR)"
    )
    yield "CREATE TABLE final.digests (number BIGINT, hash VARCHAR, sums BLOB)"
    for table in TABLES:
        yield f"CREATE TABLE final.{table.name} ({table.ddl})"
    for table in OVERLAID:
        yield f"CREATE TABLE tip.{table.name} ({table.ddl})"
        yield f"CREATE VIEW main.{table.name} AS {_overlaid(table)}"
    for table in OFFCHAIN:
        yield f"CREATE VIEW main.{table.name} AS FROM final.{table.name}"
    for view in VIEWS:
        yield f"CREATE VIEW main.{view.name} AS {view.sql}"


def _overlaid(table: Table) -> str:
    hidden = f" ANTI JOIN tip.{table.name} USING ({table.key})" if table.key else ""
    both = (
        f"SELECT *, false AS is_final FROM tip.{table.name} "
        f"UNION ALL SELECT *, true AS is_final FROM final.{table.name}{hidden}"
    )
    return f"SELECT r.*, {DOCUMENT} FROM ({both}) r {DOCUMENT_OF_RECEIPT}" if table is RECEIPTS else both


def settled(table: Table, catalog: str) -> str:
    """What the view of a table shows while no block is unfinal: the same rows, found in half the time."""
    rows = f"{catalog}.final.{table.name}"
    if table is RECEIPTS:
        joined = DOCUMENT_OF_RECEIPT.replace("final.", f"{catalog}.final.")
        return f"SELECT r.*, true AS is_final, {DOCUMENT} FROM {rows} r {joined}"
    return f"SELECT *, true AS is_final FROM {rows}"


def _comments() -> Iterator[str]:
    yield "COMMENT ON TABLE final.progress IS 'How far these tables have come; one row'"
    for name, comment in PROGRESS.items():
        yield f"COMMENT ON COLUMN final.progress.{name} IS {_quoted(comment)}"
    yield "COMMENT ON TABLE final.digests IS 'What all tables add up to after a block, from when it was followed on'"
    for name, comment in DIGESTS.items():
        yield f"COMMENT ON COLUMN final.digests.{name} IS {_quoted(comment)}"
    for table in OVERLAID:
        yield from _commented("TABLE", "final", table, f"{table.comment} (final blocks only)")
        yield from _commented("TABLE", "tip", table, f"{table.comment} (as changed by blocks that are not final)")
    for table in OFFCHAIN:
        yield from _commented("TABLE", "final", table, table.comment)
    for entry in DICTIONARY:
        yield from entry.comments()


def _commented(what: str, schema: str, table: Table, comment: str) -> Iterator[str]:
    yield f"COMMENT ON {what} {schema}.{table.name} IS {_quoted(comment)}"
    for column in table.columns:
        yield f'COMMENT ON COLUMN {schema}.{table.name}."{column.name}" IS {_quoted(column.comment)}'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


DICTIONARY = (*map(_entry, TABLES), *(Entry(view.name, view.comment, view.columns) for view in VIEWS))
"""Everything that analysts see, in the order of the tables: the one place that says what it means."""
