"""What an earlier version stored is opened by this one: facts stay, tables are built anew, no node is asked."""

import tarfile
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from domain.faultpoints import POINTS, listening
from domain.ledger import Ledger, Tip
from indexer.explorer import Explorer, OlderDatabase, digest_of_chain, rebuild, upgrade
from indexer.explorer.tables import SCHEMA_VERSION, TABLES
from tests.indexer.place import CHAIN_ID

pytestmark = pytest.mark.thorough

STORED = sorted((Path(__file__).parent / "stored").glob("version-*.tar.xz"))
UPGRADE_POINTS = [point for point in POINTS if point.startswith("upgrade.")]


class Old:
    """A folder as an earlier version left it, and what that version told about it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "explorer.duckdb"
        self.told: dict[str, Any] = msgspec.json.decode((folder / "told.json").read_bytes())
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
        self.tip = Tip(self.ledger, CHAIN_ID)

    def open(self, path: Path) -> Explorer:
        return Explorer(path, self.ledger, self.tip)

    def upgraded(self) -> Explorer:
        with pytest.raises(OlderDatabase, match="schema version"):
            self.open(self.path)
        upgrade(self.path, self.open)
        explorer = self.open(self.path)
        explorer.refresh()
        return explorer


@pytest.fixture(params=STORED, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    return Old(folder)


def test_an_older_store_shows_the_same_rows_after_the_upgrade(old: Old) -> None:
    explorer = old.upgraded()
    with explorer.database.reading() as cursor:
        for schema, rows in (("final", old.told["rows"]), ("main", old.told["shown"])):
            found = {
                table.name: cursor.execute(f"SELECT count(*) FROM {schema}.{table.name}").fetchall()[0][0]
                for table in TABLES
                if table.name in rows
            }
            assert found == rows
        newest = cursor.execute("SELECT open_escrow FROM final.blocks ORDER BY number DESC LIMIT 1").fetchall()
        assert str(newest[0][0]) == old.told["open_escrow"]
        assert cursor.execute("SELECT schema_version FROM final.progress").fetchall() == [(SCHEMA_VERSION,)]
    head = explorer.head()
    assert (head.number, head.final) == (old.told["head"], old.told["final"])
    assert rebuild(explorer).differences == ()
    explorer.close()


def test_the_older_file_is_gone_and_the_next_start_needs_no_upgrade(old: Old) -> None:
    old.upgraded().close()
    files = sorted(path.name for path in old.path.parent.glob("explorer*"))
    assert files == ["explorer-1.duckdb", "explorer.duckdb"]
    old.open(old.path).close()


@pytest.mark.parametrize("point", [*UPGRADE_POINTS, "explorer.committed", "explorer.created", "explorer.before_commit"])
def test_an_upgrade_that_is_killed_is_taken_up_by_the_next_start(old: Old, point: str) -> None:
    def end(reached: str) -> None:
        if reached == point:
            raise KeyboardInterrupt

    with listening(end), pytest.raises(KeyboardInterrupt):
        upgrade(old.path, old.open)
    try:
        explorer = old.open(old.path)
        explorer.refresh()
    except OlderDatabase:
        explorer = old.upgraded()
    with explorer.database.reading() as cursor:
        interrupted = digest_of_chain(cursor)
    fresh = old.open(old.path.with_name("fresh.duckdb"))
    fresh.refresh()
    with fresh.database.reading() as cursor:
        assert digest_of_chain(cursor) == interrupted
    explorer.close()
    fresh.close()


def test_a_file_of_a_newer_version_is_refused_and_kept(old: Old) -> None:
    old.upgraded().close()
    with duckdb.connect(str(old.path.resolve())) as connection:
        connection.execute("UPDATE final.progress SET schema_version = schema_version + 1")
    with pytest.raises(Exception, match=f"schema version {SCHEMA_VERSION + 1}, wanted {SCHEMA_VERSION}") as refused:
        old.open(old.path)
    assert not isinstance(refused.value, OlderDatabase)
    assert old.path.exists()


def test_an_upgrade_in_a_folder_behind_a_link_keeps_what_it_built(old: Old) -> None:
    link = old.path.parent.parent / "behind"
    link.symlink_to(old.path.parent, target_is_directory=True)
    old.path = link / "explorer.duckdb"
    old.upgraded().close()
    again = old.open(old.path)
    rebuild(again)
    again.close()
    again = old.open(old.path)
    assert again.position == old.told["position"]
    again.close()
