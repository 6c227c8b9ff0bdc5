"""/explorer/v1/dictionary: every table that can be asked with SQL, and what each of its columns means."""

import asyncio
from typing import Any

from litestar import Router, get
from msgspec import Struct

from api.explorer.shapes import (
    AccountOut,
    BlockOut,
    EventOut,
    JobOut,
    ModelOut,
    NodeOut,
    ReceiptOut,
    SampleOut,
    TransactionOut,
)
from api.given import Given
from api.problems import documented
from indexer.explorer.explorer import Explorer
from indexer.explorer.tables import DICTIONARY

SHAPES: dict[type[Struct], str] = {
    AccountOut: "accounts",
    BlockOut: "blocks",
    EventOut: "events",
    JobOut: "jobs",
    ModelOut: "models",
    NodeOut: "nodes",
    ReceiptOut: "receipts",
    SampleOut: "node_samples",
    TransactionOut: "transactions",
}
"""Whose fields bear the names of columns, and mean the same."""


class DictionaryColumnOut(Struct, frozen=True):
    """A column: its type in DuckDB, and what it means."""

    name: str
    type: str
    comment: str


class DictionaryTableOut(Struct, frozen=True):
    """A table or view: what its rows are."""

    name: str
    comment: str
    columns: list[DictionaryColumnOut]


class DictionaryOut(Struct, frozen=True):
    """All tables, in the order in which they are best read."""

    data: list[DictionaryTableOut]


@get(
    "/dictionary",
    operation_id="getDictionary",
    summary="Tables and columns, and what they mean",
    description="What SQL, exports and snapshots hold. The same words stand in the database as COMMENTs.",
    responses=documented(s400="A parameter is named: it takes none"),
)
async def dictionary(explorer: Given[Explorer]) -> DictionaryOut:
    return DictionaryOut(await asyncio.to_thread(tables_of, explorer))


def tables_of(explorer: Explorer) -> list[DictionaryTableOut]:
    types = _types(explorer)
    return [
        DictionaryTableOut(
            entry.name,
            entry.comment,
            [DictionaryColumnOut(name, types[entry.name, name], text) for name, text in entry.columns.items()],
        )
        for entry in DICTIONARY
    ]


def _types(explorer: Explorer) -> dict[tuple[str, str], str]:
    with explorer.database.reading() as cursor:
        found = cursor.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE schema_name = 'main' AND database_name = current_database()"
        ).fetchall()
    return {(table, column): kind for table, column, kind in found}


def explain(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document whose shapes say of their fields what the dictionary says of the columns."""
    meant = {entry.name: entry.columns for entry in DICTIONARY}
    for shape, table in SHAPES.items():
        for name, schema in fields_of(document, shape).items():
            if comment := meant[table].get(name):
                form = schema.get("description")
                schema["description"] = f"{comment} ({form})" if form else comment
    return document


def fields_of(document: dict[str, Any], shape: type[Struct]) -> dict[str, Any]:
    """The fields of a shape, whose name is longer where another room has one of the same name."""
    schemas = document["components"]["schemas"]
    named = schemas.get(shape.__name__) or schemas[f"explorer_shapes_{shape.__name__}"]
    fields: dict[str, Any] = named["properties"]
    return fields


router = Router("/explorer/v1", route_handlers=[dictionary], tags=["explorer"])
