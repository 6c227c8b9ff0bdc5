"""The history outside of the explorer: its database file comes in, Parquet by table and day or a DuckLake goes out.

A DuckLake is a catalogue beside Parquet files, in a folder or in a store that speaks S3. Each export is one snapshot in
it: whoever reads sees all tables of one moment, and the moments before.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from msgspec import Struct

from .database import escaped
from .exporting import Form, columns
from .extensions import load
from .progress import read_progress
from .rows import Head
from .table import Table
from .tables import TABLES

REMOTE = "s3://"
DAYS = {
    "blocks": '"timestamp"',
    "transactions": '"timestamp"',
    "events": '(SELECT b."timestamp" FROM source.main.blocks b WHERE b.number = events.block)',
    "jobs": "requested_at",
    "receipts": "answered_at",
    "documents": "completed_at",
    "node_samples": "sampled_at",
    "reorgs": "seen_at",
    "integrity": "checked_at",
}
"""What tells the day of a row; tables that are not here have no time of their own and are one file."""

Report = Callable[[str], None]


class Store(Struct, frozen=True):
    """Where a store that speaks S3 is, and who we are there; what is empty is the store's own default."""

    key_id: str = ""
    secret: str = ""
    region: str = ""
    endpoint: str = ""


class Exported(Struct, frozen=True):
    """What was written, and the head it was taken at."""

    head: Head
    rows: dict[str, int]


def to_parquet(source: Path, folder: str, store: Store, report: Report = lambda _: None) -> Exported:
    """`FOLDER/TABLE/day=2026-11-27/*.parquet`, or `FOLDER/TABLE.parquet` for tables without a time."""
    with _opened(source, folder, store) as connection:
        rows = {}
        for table in TABLES:
            report(table.name)
            day = DAYS.get(table.name)
            shown = _rows(table) if day is None else _rows(table, f", strftime({day}, '%Y-%m-%d') AS day")
            options = "FORMAT parquet, COMPRESSION zstd"
            place = f"{folder}/{table.name}.parquet"
            if day is not None:
                place, options = f"{folder}/{table.name}", f"{options}, PARTITION_BY (day), OVERWRITE_OR_IGNORE"
            rows[table.name] = _count(connection.execute(f"COPY ({shown}) TO {_quoted(place)} ({options})"))
        return Exported(_head(connection), rows)


def to_ducklake(source: Path, catalog: Path, data: str, store: Store, report: Report = lambda _: None) -> Exported:
    """All tables as the next snapshot of the lake at `catalog`, with their Parquet files below `data`."""
    with _opened(source, data, store) as connection:
        load(connection, "ducklake")
        connection.execute(f"ATTACH 'ducklake:{escaped(catalog)}' AS lake (DATA_PATH {_quoted(data)})")
        connection.begin()
        rows = {}
        for table in TABLES:
            report(table.name)
            made = connection.execute(f"CREATE OR REPLACE TABLE lake.{table.name} AS {_rows(table)}")
            rows[table.name] = _count(made)
            connection.execute(f"COMMENT ON TABLE lake.{table.name} IS {_quoted(table.comment)}")
        connection.commit()
        connection.execute("CALL ducklake_flush_inlined_data('lake')")
        return Exported(_head(connection), rows)


@contextmanager
def _opened(source: Path, place: str, store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{escaped(source)}' AS source (READ_ONLY)")
        if place.startswith(REMOTE):
            load(connection, "httpfs")
            connection.execute(f"CREATE SECRET (TYPE s3{_secret(store)})")
        else:
            Path(place).mkdir(parents=True, exist_ok=True)
        yield connection


def _secret(store: Store) -> str:
    given = {"KEY_ID": store.key_id, "SECRET": store.secret, "REGION": store.region}
    if store.endpoint:
        scheme, _, host = store.endpoint.rpartition("://")
        given |= {"ENDPOINT": host, "URL_STYLE": "path"}
        return "".join(f", {name} {_quoted(value)}" for name, value in given.items() if value) + (
            ", USE_SSL false" if scheme == "http" else ""
        )
    return "".join(f", {name} {_quoted(value)}" for name, value in given.items() if value)


def _rows(table: Table, more: str = "") -> str:
    return f"SELECT {', '.join(columns(table, Form.PARQUET))}{more} FROM source.main.{table.name}"


def _count(done: duckdb.DuckDBPyConnection) -> int:
    return int(done.fetchall()[0][0])


def _head(connection: duckdb.DuckDBPyConnection) -> Head:
    connection.execute("USE source")
    return read_progress(connection).head()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
