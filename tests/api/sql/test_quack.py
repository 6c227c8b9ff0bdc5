"""Quack: whoever has a token attaches the live tables with a DuckDB of their own, and can read, and nothing else."""

import time
from collections.abc import Iterator

import duckdb
import pytest

from api.sql import tokens
from indexer.explorer.extensions import load
from tests.api.chain import until
from tests.api.sql.attacks import EXHAUSTING, REFUSED
from tests.api.sql.conftest import Asked

pytestmark = pytest.mark.thorough

NOT_SENT = {"a parameter", "an unknown column", "empty", "a comment alone"}
"""Refused by another hand, or no statement at all."""


@pytest.fixture(scope="module")
def token(analyst: Asked) -> str:
    return tokens.create(analyst.settings.tokens, "ada")


@pytest.fixture(scope="module")
def client(analyst: Asked, token: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        load(connection, "httpfs", "quack")
        until(lambda: _attached(connection, analyst, token))
        yield connection


def _attached(connection: duckdb.DuckDBPyConnection, analyst: Asked, token: str) -> bool:
    try:
        connection.execute(f"ATTACH 'quack:localhost:{analyst.settings.quack_port}' AS tally (TOKEN '{token}')")
    except duckdb.Error:
        return False
    return True


def _asked(client: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    """Sent as it stands, for the server to run."""
    return client.execute("FROM tally.query($1)", [query]).fetchall()


def test_tables_are_there_under_their_names_and_hold_what_the_explorer_shows(
    client: duckdb.DuckDBPyConnection, analyst: Asked
) -> None:
    wanted = [tuple(row) for row in analyst.rows("SELECT job_id, state FROM jobs ORDER BY 1")]
    assert client.execute("SELECT job_id, state FROM tally.jobs ORDER BY 1").fetchall() == wanted
    assert _asked(client, "SELECT jobs.state, count(*) FROM jobs JOIN receipts USING (job_id) GROUP BY 1")[0][1] == 1
    assert client.execute("SELECT count(*) FROM tally.leaderboard").fetchall() == [(len(analyst.rows("FROM nodes")),)]


def test_new_rows_are_seen_by_who_is_attached(client: duckdb.DuckDBPyConnection, analyst: Asked) -> None:
    head = analyst.house.explorer.head().number
    assert client.execute("SELECT max(number) FROM tally.blocks").fetchall() == [(head,)]


@pytest.mark.parametrize("guess", ["", "tall", "tally_sql_x", "' OR true --", "x" * 10_000])
def test_nobody_gets_in_without_a_token(analyst: Asked, guess: str) -> None:
    with duckdb.connect() as connection:
        load(connection, "httpfs", "quack")
        assert not _attached(connection, analyst, guess.replace("'", "''"))


def test_a_token_that_was_revoked_lets_nobody_in(analyst: Asked, client: duckdb.DuckDBPyConnection) -> None:  # noqa: ARG001
    short = tokens.create(analyst.settings.tokens, "bob")
    with duckdb.connect() as connection:
        load(connection, "httpfs", "quack")
        until(lambda: _attached(connection, analyst, short))
        tokens.revoke(analyst.settings.tokens, "bob")

        def refused() -> bool:
            connection.execute("DETACH DATABASE IF EXISTS tally")
            return not _attached(connection, analyst, short)

        until(refused)


@pytest.mark.parametrize("attack", [name for name in REFUSED if name not in NOT_SENT])
def test_what_http_refuses_quack_refuses(client: duckdb.DuckDBPyConnection, attack: str) -> None:
    with pytest.raises(duckdb.Error):
        _asked(client, REFUSED[attack])


WRITES = (
    "INSERT INTO tally.jobs (job_id) VALUES (9)",
    "INSERT INTO tally.main.jobs (job_id) VALUES (9)",
    "INSERT INTO tally.progress VALUES (1, 1, 1, 1, 'x', now(), 1, 'x')",
    "INSERT INTO tally.final.progress VALUES (1, 1, 1, 1, 'x', now(), 1, 'x')",
    "INSERT INTO tally.explorer.progress VALUES (1, 1, 1, 1, 'x', now(), 1, 'x')",
    "CREATE TABLE tally.x (a INT)",
    "CREATE TABLE tally.x AS SELECT 1",
    "CREATE VIEW tally.x AS SELECT 1",
    "CREATE OR REPLACE VIEW tally.jobs AS SELECT 1",
    "DROP VIEW tally.jobs",
    "DELETE FROM tally.jobs",
    "UPDATE tally.jobs SET state = 'settled'",
)


@pytest.mark.parametrize("write", WRITES)
def test_nothing_can_be_written(client: duckdb.DuckDBPyConnection, analyst: Asked, write: str) -> None:
    before = analyst.rows("SELECT count(*), sum(hash(t)::HUGEINT)::VARCHAR FROM jobs t")
    with pytest.raises(duckdb.Error):
        client.execute(write)
    assert analyst.rows("SELECT count(*), sum(hash(t)::HUGEINT)::VARCHAR FROM jobs t") == before


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["endless recursion", "giant sort"])
def test_a_query_that_does_not_end_is_ended_and_the_door_opens_again(
    client: duckdb.DuckDBPyConnection, analyst: Asked, token: str, attack: str
) -> None:
    began = time.monotonic()
    with pytest.raises(duckdb.Error):
        _asked(client, EXHAUSTING[attack])
    assert time.monotonic() - began < analyst.settings.seconds_max + 3
    until(lambda: analyst.sql("SELECT 1").status_code == 200)

    def back() -> bool:
        client.execute("DETACH DATABASE IF EXISTS tally")
        return _attached(client, analyst, token)

    until(back)
    assert time.monotonic() - began < analyst.settings.seconds_max + 5
