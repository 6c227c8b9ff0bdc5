"""The data dictionary: tables, API and OpenAPI explain every column with the same words, which stand in one place."""

from typing import Any

import pytest

from api.explorer.dictionary import SHAPES, fields_of
from indexer.explorer.tables import DICTIONARY
from tests.api.conftest import Standing


@pytest.fixture(scope="module")
def told(standing: Standing) -> dict[str, dict[str, Any]]:
    return {table["name"]: table for table in standing.http.get("/explorer/v1/dictionary").json()["data"]}


def test_the_api_tells_what_the_comments_of_the_database_tell(standing: Standing, told: dict[str, Any]) -> None:
    with standing.house.explorer.database.reading() as cursor:
        views = cursor.execute(
            "SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
        ).fetchall()
        columns = cursor.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
            "WHERE schema_name = 'main' AND NOT internal"
        ).fetchall()
    assert {name: table["comment"] for name, table in told.items()} == dict(views)
    assert {
        (name, column["name"], column["type"], column["comment"])
        for name, table in told.items()
        for column in table["columns"]
    } == set(columns)


@pytest.mark.parametrize("entry", DICTIONARY, ids=lambda entry: entry.name)
def test_nothing_is_left_unsaid(entry: Any) -> None:
    assert entry.comment
    assert all(entry.columns.values())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shapes_of_the_api_are_described_by_the_same_words(
    standing: Standing, told: dict[str, Any], shape: type
) -> None:
    properties = fields_of(standing.http.get("/openapi.json").json(), shape)
    meant = {column["name"]: column["comment"] for column in told[SHAPES[shape]]["columns"]}
    for name, described in properties.items():
        if name in meant:
            assert meant[name] in described.get("description", ""), f"{shape.__name__}.{name}: {described}"
