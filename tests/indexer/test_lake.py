"""Exports of everything: Parquet by table and day, and a DuckLake whose snapshots are the exports."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pytest

from domain.ledger import Ledger, Tip
from indexer.explorer import Explorer
from indexer.explorer.extensions import load
from indexer.explorer.lake import Store, to_ducklake, to_parquet
from indexer.explorer.tables import TABLES
from tests.indexer.world import World

pytestmark = pytest.mark.thorough

NOBODY = Store()
MOTO = Path(sys.executable).with_name("moto_server")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of some blocks, closed."""
    folder = tmp_path_factory.mktemp("source")
    ledger = Ledger(f"sqlite:///{folder}/ledger.db")
    tip, world = Tip(ledger, 1), World()
    explorer = Explorer(folder / "explorer.duckdb", ledger, tip)
    for block in (world.found(), *(world.mine(range(n, n + 9)) for n in range(40))):
        tip.extend(block)
        tip.finalise(block.number)
    explorer.refresh()
    explorer.snapshot(folder / "copy.duckdb")
    explorer.close()
    ledger.close()
    return folder / "copy.duckdb"


def counted(source: Path) -> dict[str, int]:
    with duckdb.connect(str(source), read_only=True) as connection:
        return {t.name: connection.execute(f"SELECT count(*) FROM {t.name}").fetchall()[0][0] for t in TABLES}


def test_parquet_by_table_and_day_holds_every_row(source: Path, tmp_path: Path) -> None:
    done = to_parquet(source, str(tmp_path / "out"), NOBODY)
    assert done.rows == counted(source)
    with duckdb.connect() as connection:
        jobs = f"read_parquet('{tmp_path}/out/jobs/*/*.parquet', hive_partitioning = true)"
        found = connection.execute(f"SELECT count(*), day::VARCHAR FROM {jobs} GROUP BY day").fetchall()
        escrow = connection.execute(f"SELECT typeof(escrow) FROM {jobs} LIMIT 1").fetchall()[0][0]
    assert found == [(done.rows["jobs"], "2023-11-14")]
    assert escrow == "DECIMAL(38,0)"
    assert (tmp_path / "out/nodes.parquet").exists()


def test_a_second_export_replaces_the_first(source: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = to_parquet(source, str(tmp_path), NOBODY)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT count(*) FROM '{tmp_path}/events/*/*.parquet'").fetchall()
    assert found == [(done.rows["events"],)]


def test_a_lake_holds_every_row_and_each_export_is_a_snapshot(source: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = to_ducklake(source, tmp_path / "lake.ducklake", f"{tmp_path}/files/", NOBODY)
    assert done.rows == counted(source)
    assert list((tmp_path / "files").rglob("*.parquet"))
    with _lake(tmp_path / "lake.ducklake") as connection:
        assert connection.execute("SELECT count(*) FROM lake.jobs").fetchall() == [(done.rows["jobs"],)]
        snapshots = connection.execute("SELECT count(*) FROM ducklake_snapshots('lake')").fetchall()[0][0]
    assert snapshots > 2


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """A store that speaks S3, on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([str(MOTO), "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert httpx.put(f"{url}/lake").is_success
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the store does not answer"
                time.sleep(0.05)
        yield Store("key", "secret", "us-east-1", url)
    finally:
        server.kill()
        server.wait()


@pytest.mark.slow
@pytest.mark.skipif(not MOTO.exists(), reason="moto_server is not installed: pip install -e .[dev]")
def test_a_lake_and_parquet_may_lie_in_a_store_that_speaks_s3(source: Path, store: Store, tmp_path: Path) -> None:
    done = to_ducklake(source, tmp_path / "lake.ducklake", "s3://lake/files/", store)
    flat = to_parquet(source, "s3://lake/flat", store)
    assert done.rows == flat.rows == counted(source)
    with _lake(tmp_path / "lake.ducklake", store) as connection:
        assert connection.execute("SELECT count(*) FROM lake.receipts").fetchall() == [(done.rows["receipts"],)]
        found = connection.execute("SELECT count(*) FROM 's3://lake/flat/jobs/*/*.parquet'").fetchall()
    assert found == [(flat.rows["jobs"],)]


def _lake(catalog: Path, store: Store | None = None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    load(connection, "httpfs", "ducklake")
    if store:
        host = store.endpoint.removeprefix("http://")
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID 'key', SECRET 'secret', REGION 'us-east-1', ENDPOINT '{host}', "
            "URL_STYLE 'path', USE_SSL false)"
        )
    connection.execute(f"ATTACH 'ducklake:{catalog}' AS lake")
    return connection
