"""The DuckDB file: one process, one chain, one version, copies for everybody else."""

import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from domain.ledger import Tip
from indexer.explorer import DatabaseDamaged, DatabaseInUse, Explorer, OtherDatabase, digest_of_ledger
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history

pytestmark = pytest.mark.thorough

HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"

FILE_HEADERS_BYTES = 3 * 4096


def test_a_file_that_another_process_holds_is_refused_with_the_remedy(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "explorer.duckdb")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        with pytest.raises(DatabaseInUse, match="read a snapshot"):
            Place(tmp_path)
    finally:
        process.communicate("\n")


def test_a_file_that_is_no_database_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "explorer.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(DatabaseDamaged, match="move it away"):
        Place(tmp_path)


def test_a_file_with_a_damaged_block_is_not_taken_for_one_in_use(place: Place) -> None:
    place.explorer.close()
    damaged = bytearray(place.explorer.path.read_bytes())
    blocks = slice(FILE_HEADERS_BYTES + 100, None, 4096)
    damaged[blocks] = b"x" * len(damaged[blocks])
    place.explorer.path.write_bytes(damaged)
    with pytest.raises(DatabaseDamaged, match="move it away"):
        Place(place.folder)


def test_a_file_of_another_chain_is_refused_and_kept(place: Place) -> None:
    place.finalise(*random_history(41, 2))
    place.explorer.refresh()
    place.explorer.close()
    with pytest.raises(OtherDatabase, match=r"of chain 31337, wanted 5"):
        Explorer(place.explorer.path, place.ledger, Tip(place.ledger, 5))
    again = Explorer(place.explorer.path, place.ledger, place.tip)
    assert again.position == place.ledger.position()
    again.close()


def test_a_file_of_another_version_is_refused(place: Place) -> None:
    place.explorer.close()
    with duckdb.connect(str(place.explorer.path)) as connection:
        connection.execute("UPDATE final.progress SET schema_version = 0")
    with pytest.raises(OtherDatabase, match="schema version 0"):
        Explorer(place.explorer.path, place.ledger, place.tip)


def test_a_snapshot_holds_the_same_rows_and_opens_elsewhere(place: Place, tmp_path: Path) -> None:
    place.finalise(*random_history(42, 10))
    place.explorer.refresh()
    copy = tmp_path / "it's a copy.duckdb"
    place.explorer.snapshot(copy)
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert digest_of_ledger(connection) == place.ledger_digest()
        jobs = connection.execute("SELECT count(*) FROM jobs").fetchall()[0][0]
    assert jobs == place.explorer.queries.stats().jobs


def test_snapshots_are_whole_while_blocks_come_in(place: Place, tmp_path: Path) -> None:
    blocks = random_history(43, 30)

    def write() -> None:
        for block in blocks:
            place.finalise(block)
            place.explorer.refresh()

    writer = threading.Thread(target=write)
    writer.start()
    for n in range(3):
        copy = tmp_path / f"{n}.duckdb"
        place.explorer.snapshot(copy)
        with duckdb.connect(str(copy), read_only=True) as connection:
            newest = connection.execute("SELECT max(number) FROM blocks").fetchall()
            assert newest == connection.execute("SELECT nullif(head_number, -1) FROM final.progress").fetchall()
    writer.join()


def test_rows_that_were_deleted_hide_no_others_from_a_first_page(tmp_path: Path) -> None:
    with Place(tmp_path) as place, place.explorer.database.writing() as cursor:
        cursor.execute("CREATE TABLE final.numbers AS SELECT i AS n FROM range(1, 36) numbers(i)")
    with Place(tmp_path) as place:  # DuckDB appends to another row group after a restart
        with place.explorer.database.writing() as cursor:
            cursor.execute("DELETE FROM final.numbers WHERE n > 5")
            cursor.execute("INSERT INTO final.numbers SELECT i FROM range(6, 11) numbers(i)")
        with place.explorer.database.reading() as cursor:
            assert cursor.execute("SELECT n FROM final.numbers ORDER BY n DESC LIMIT 1").fetchone() == (10,)
