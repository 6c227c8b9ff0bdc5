"""DuckDB's own protocol over the replica: tokens and the rule of statements come in, an attachable address goes out."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

import duckdb

from api.sql.asking import Known
from api.sql.settings import SqlSettings
from api.sql.statements import as_macro

AUTHENTIC, ALLOWED = "authentic", "allowed"
ATTACHING = (
    "SELECT catalog_name, schema_name FROM information_schema.schemata "
    "WHERE catalog_name NOT IN ('system', 'temp') ORDER BY ALL",
    "SELECT schema_name, sql, 'table' FROM duckdb_tables() UNION ALL "
    "SELECT schema_name, view_name, 'view' FROM duckdb_views()",
)
"""What a client asks when it attaches us: nothing else about the catalog is answered."""


def serve(cursor: duckdb.DuckDBPyConnection, known: Known, settings: SqlSettings, hashes: Iterable[str]) -> None:
    """Opens the door to who has a token, for statements that keep the rule."""
    admit(cursor, hashes)
    rule = as_macro(ALLOWED, known.tables, known.taken, _is_attaching(), settings.text_bytes_max)
    cursor.execute(rule)
    cursor.execute(f"SET GLOBAL quack_authentication_function = '{AUTHENTIC}'")
    cursor.execute(f"SET GLOBAL quack_authorization_function = '{ALLOWED}'")
    uri, nobody = f"quack:{settings.quack_host}:{settings.quack_port}", secrets.token_hex(32)
    cursor.execute(f"CALL quack_serve('{uri}', token = '{nobody}', allow_other_hostname = true)")


def admit(cursor: duckdb.DuckDBPyConnection, hashes: Iterable[str]) -> None:
    """From now on whoever has one of the tokens with these SHA-256 sums."""
    known = ", ".join(f"'{each}'" for each in sorted(hashes) if each.isalnum())
    condition = f"list_contains([{known}]::VARCHAR[], sha256(given::VARCHAR))"
    cursor.execute(f"CREATE OR REPLACE MACRO {AUTHENTIC}(session, given, ours) AS {condition}")


def _is_attaching() -> str:
    texts = ", ".join("'" + text.replace("'", "''") + "'" for text in ATTACHING)
    return f"trim(regexp_replace(query::VARCHAR, '\\s+', ' ', 'g')) IN ({texts})"


def longest_s(cursor: duckdb.DuckDBPyConnection) -> float:
    """Since when the oldest query runs, or waits for its client to fetch more."""
    found = cursor.execute("SELECT min(query_started_at) FROM quack_active_connections() WHERE state = 'active'")
    since: datetime | None = found.fetchall()[0][0]
    return (datetime.now(UTC) - since.replace(tzinfo=UTC)).total_seconds() if since else 0.0
