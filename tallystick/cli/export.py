"""`tallystick export`: the explorer's tables, out of its database and into Parquet files or a DuckLake."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import duckdb
import httpx

from indexer.explorer.lake import Store, to_ducklake, to_parquet
from indexer.explorer.tables import SCHEMA_VERSION
from indexer.settings import IndexerSettings
from tallystick.cli.serving import database_option
from tallystick.cli.session import Session, pass_session

TIMEOUT_S = 600.0


class BadTarget(Exception):
    """What --to says is no place to export to."""


class NoTables(Exception):
    """There are no tables to export."""


@click.command()
@click.option("--to", required=True, help="parquet:FOLDER, parquet:s3://BUCKET/PREFIX or ducklake:FILE.")
@click.option("--data", help="For ducklake: folder or s3://BUCKET/PREFIX of its Parquet files [default: FILE.files].")
@click.option("--api-url", help="Take the tables from this API, while its process has them open.")
@database_option
@pass_session
def export(session: Session, to: str, data: str | None, api_url: str | None, database: str | None) -> None:
    """Writes all tables, as of one moment: Parquet by table and day, or the next snapshot of a DuckLake.

    For a store that speaks S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL are read.

    \b
    Example:  tallystick export --to ducklake:lake.ducklake --api-url http://127.0.0.1:8001
    """
    kind, _, place = to.partition(":")
    if kind not in ("parquet", "ducklake") or not place:
        raise BadTarget(f"--to is {to!r}: give parquet:FOLDER, parquet:s3://BUCKET/PREFIX or ducklake:FILE")
    began = time.monotonic()
    with session.console.status("taking a copy") as status, _tables(session, database, api_url) as source:
        if kind == "parquet":
            done = to_parquet(source, place, _store(), status.update)
        else:
            done = to_ducklake(source, Path(place), data or f"{place}.files/", _store(), status.update)
    rows = sum(done.rows.values())
    session.console.print(f"{rows} rows of {len(done.rows)} tables, as of block {done.head.number} ({done.head.hash}), "
                          f"in {time.monotonic() - began:.1f} s", soft_wrap=True)  # fmt: skip


@contextmanager
def _tables(session: Session, database: str | None, api_url: str | None) -> Iterator[Path]:
    """A database file that nobody writes to. Raises NoTables."""
    if api_url is not None:
        with tempfile.TemporaryDirectory() as folder:
            yield _fetched(api_url, Path(folder) / "snapshot.duckdb")
        return
    path = session.settings(IndexerSettings, database=database).database
    if not path.exists():
        raise NoTables(f"{path}: there is no such database; name it with --database, or an API with --api-url")
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            found = connection.execute("SELECT schema_version FROM final.progress").fetchall()[0][0]
    except duckdb.CatalogException:
        found = None
    except duckdb.IOException as fault:
        raise NoTables(f"{path} is open in another process: name its API with --api-url ({fault})") from None
    if found != SCHEMA_VERSION:
        raise NoTables(f"{path} holds no tables of this release: `tallystick serve` or `rebuild` makes them")
    yield path


def _fetched(api_url: str, to: Path) -> Path:
    with (
        httpx.stream("GET", f"{api_url}/explorer/v1/snapshot.duckdb", timeout=TIMEOUT_S) as answer,
        to.open("wb") as file,
    ):
        if not answer.is_success:
            raise NoTables(f"{api_url} gives no snapshot: {answer.status_code}; is it a node's API?")
        for piece in answer.iter_bytes():
            file.write(piece)
    return to


def _store() -> Store:
    environ = os.environ
    return Store(
        environ.get("AWS_ACCESS_KEY_ID", ""),
        environ.get("AWS_SECRET_ACCESS_KEY", ""),
        environ.get("AWS_REGION", ""),
        environ.get("AWS_ENDPOINT_URL", ""),
    )
