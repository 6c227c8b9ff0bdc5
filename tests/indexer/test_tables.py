"""The schema that analysts depend on: stable names, every one explained, rows and columns in step."""

from functools import lru_cache

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from indexer.explorer.rows import AccountRow, NodeRow, OfferRow
from indexer.explorer.storing import FEW_ROWS, load, store
from indexer.explorer.tables import OVERLAID, TABLES, create
from indexer.explorer.views import VIEWS
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history

PROMISED = {
    *("blocks", "transactions", "events", "jobs", "receipts", "nodes", "models", "accounts", "node_samples"),
    *("reorgs", "integrity", "hourly_stats", "daily_stats", "leaderboard"),
}


def test_every_promised_table_is_there_under_its_name(place: Place) -> None:
    with place.explorer.database.reading() as cursor:
        views = {
            name for (name,) in cursor.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
    assert views >= PROMISED


def test_every_table_view_and_column_has_a_comment(place: Place) -> None:
    with place.explorer.database.reading() as cursor:
        silent = cursor.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL "
            "UNION ALL SELECT schema_name, table_name, NULL FROM duckdb_tables() WHERE comment IS NULL "
            "UNION ALL SELECT schema_name, view_name, NULL FROM duckdb_views() WHERE NOT internal AND comment IS NULL"
        ).fetchall()
    assert silent == []


def test_columns_are_the_fields_of_the_row_in_their_order() -> None:
    for table in TABLES:
        names = tuple(column.name for column in table.columns)
        rest = table.row.__struct_fields__[len(names) :]
        assert table.row.__struct_fields__[: len(names)] == names
        assert (rest[:1] == ("is_final",)) is (table in OVERLAID), table.name


def test_columns_may_be_empty_where_the_field_may() -> None:
    for table in TABLES:
        required = {field.name for field in fields(table.row) if field.required}
        assert table.key is None or table.key in required


def test_wei_are_hugeint_times_have_a_zone_and_hashes_are_text(place: Place) -> None:
    place.finalise(*random_history(21, 10))
    place.explorer.refresh()
    with place.explorer.database.reading() as cursor:
        types = dict(
            cursor.execute(
                "SELECT table_name || '.' || column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main'"
            ).fetchall()
        )
        hashes = cursor.execute("SELECT DISTINCT regexp_full_match(hash, '0x[0-9a-f]{64}') FROM blocks").fetchall()
    assert types["jobs.escrow"] == types["accounts.credit"] == types["daily_stats.earned"] == "HUGEINT"
    assert (
        types["blocks.timestamp"] == types["jobs.closed_at"] == types["hourly_stats.hour"] == "TIMESTAMP WITH TIME ZONE"
    )
    assert types["events.args"] == "JSON"
    assert hashes == [(True,)]


def test_views_answer_over_data(place: Place) -> None:
    place.finalise(*random_history(22, 40))
    place.explorer.refresh()
    stats = place.explorer.queries.stats()
    with place.explorer.database.reading() as cursor:
        for view in VIEWS:
            assert [d[0] for d in cursor.execute(f"FROM {view.name}").description or ()] == list(view.columns)
        requested, settled, earned = cursor.execute(
            "SELECT sum(requested), sum(settled), sum(earned) FROM daily_stats"
        ).fetchall()[0]
        places = cursor.execute("SELECT place, earned FROM leaderboard ORDER BY place").fetchall()
    assert (requested, settled, earned) == (stats.jobs, stats.settled, stats.earned)
    assert [earned for _, earned in places] == sorted((earned for _, earned in places), reverse=True)


@settings(max_examples=40, deadline=None)
@given(few=st.booleans(), text=st.text(max_size=20), wei=st.integers(0, 10**38 - 1))
def test_rows_come_back_as_they_went_in_few_or_many(few: bool, text: str, wei: int) -> None:
    place = _memory()
    count = 2 if few else FEW_ROWS + 1
    offers = (OfferRow(text, wei, 0), OfferRow("b'\"", 0, wei))
    nodes = [
        NodeRow(
            f"0x{i}", "active", 1, 2, 3, wei, 0, 1, 2, 3, 4, 5, wei, offers if i else (), i, i, withdrawable_at=None
        )
        for i in range(count)
    ]
    accounts = [AccountRow(f"{text}{i}", wei, 0, 0, 0, 0, 0, 0, i) for i in range(count)]
    place.begin()
    store(place, "final", {NodeRow: [*nodes], AccountRow: [*accounts]})
    store(place, "final", {NodeRow: [*nodes]})
    found = load(place, "final", NodeRow, [node.address for node in nodes])
    money = load(place, "final", AccountRow, [account.address for account in accounts])
    place.rollback()
    assert sorted(found, key=repr) == sorted(nodes, key=repr)
    assert sorted(money, key=repr) == sorted(accounts, key=repr)


@lru_cache
def _memory() -> duckdb.DuckDBPyConnection:
    """Tables without a file, made once."""
    connection = duckdb.connect()
    create(connection, 1)
    return connection


def test_receipts_meet_their_documents_by_hash_however_many_there_are(place: Place) -> None:
    place.finalise(*random_history(23, 40))
    place.explorer.refresh()
    with place.explorer.database.reading() as cursor:
        cursor.execute("SET explain_output = 'all'")
        for asked in ("sum(completion_tokens) FROM receipts", "* FROM leaderboard", "* FROM daily_stats"):
            plans = cursor.execute(f"EXPLAIN SELECT {asked}").fetchall()
            assert not [plan for _, plan in plans if "BLOCKWISE" in plan or "NESTED" in plan], asked
