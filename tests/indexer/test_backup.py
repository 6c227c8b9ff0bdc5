"""A backup is a whole store of one moment, taken while others write; a restore puts it where nothing is, or nowhere."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.faultpoints import POINTS, listening
from domain.ledger import Ledger, LedgerError, Tip
from domain.ledger.copying import LedgerOccupied
from indexer.backup import Damaged, Occupied, backup, check, restore
from indexer.explorer import Explorer, digest_of_ledger
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_projecting import random_history

pytestmark = pytest.mark.thorough

BLOCKS = random_history(91, 14)
BACKUP_POINTS = [point for point in POINTS if point.startswith("backup.")]
RESTORE_POINTS = [point for point in POINTS if point.startswith("restore.")]


@pytest.fixture
def used(place: Place) -> Place:
    """A store with final blocks and a tip."""
    place.finalise(*BLOCKS[:10])
    for block in BLOCKS[10:]:
        place.tip.extend(block)
    place.explorer.refresh()
    return place


@pytest.fixture
def opened() -> Iterator[Callable[[str, Path], Explorer]]:
    """Opens a store that was restored, and closes it again."""
    ledgers, explorers = [], []

    def open_store(url: str, database: Path) -> Explorer:
        ledgers.append(Ledger(url))
        explorers.append(Explorer(database, ledgers[-1], Tip(ledgers[-1], CHAIN_ID)))
        explorers[-1].refresh()
        return explorers[-1]

    yield open_store
    for each in (*explorers, *ledgers):
        each.close()


def digest(explorer: Explorer) -> str:
    with explorer.database.reading() as cursor:
        return digest_of_ledger(cursor).text


def test_a_restored_store_holds_the_same_and_goes_on(
    used: Place, tmp_path: Path, url: str, opened: Callable[[str, Path], Explorer]
) -> None:
    manifest = backup(used.ledger, CHAIN_ID, tmp_path / "kept")
    assert check(tmp_path / "kept") == manifest
    assert (manifest.final, manifest.head, manifest.digest) == (10, 15, used.ledger_digest().text)
    target = url.replace("ledger.db", "new.db")
    assert restore(tmp_path / "kept", target, tmp_path / "new" / "explorer.duckdb") == manifest
    explorer = opened(target, tmp_path / "new" / "explorer.duckdb")
    assert digest(explorer) == manifest.digest
    assert explorer.head() == used.explorer.head()
    Tip(explorer.ledger, CHAIN_ID).finalise(12)
    explorer.refresh()
    used.tip.finalise(12)
    used.explorer.refresh()
    assert digest(explorer) == used.ledger_digest().text


def test_a_ledger_on_a_server_is_backed_up_into_a_file(
    postgres_url: str, tmp_path: Path, opened: Callable[[str, Path], Explorer]
) -> None:
    ledger = Ledger(postgres_url)
    tip = Tip(ledger, CHAIN_ID)
    for block in BLOCKS:
        tip.extend(block)
    tip.finalise(8)
    manifest = backup(ledger, CHAIN_ID, tmp_path / "kept")
    ledger.close()
    restore(tmp_path / "kept", f"sqlite:///{tmp_path}/new.db", tmp_path / "new.duckdb")
    explorer = opened(f"sqlite:///{tmp_path}/new.db", tmp_path / "new.duckdb")
    assert digest(explorer) == manifest.digest
    assert (explorer.head().number, explorer.head().final) == (15, 8)


def test_a_backup_is_of_one_moment_while_blocks_come_in(place: Place, tmp_path: Path) -> None:
    blocks = random_history(92, 60)

    def write() -> None:
        for block in blocks:
            place.finalise(block)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(3):
            manifest = backup(place.ledger, CHAIN_ID, tmp_path / f"kept-{n}")
            with Place(tmp_path / f"straight-{n}") as straight:
                straight.finalise(*(block for block in blocks if block.number <= manifest.final))
                straight.explorer.refresh()
                assert straight.ledger_digest().text == manifest.digest
    finally:
        writer.join()


def test_a_backup_of_what_is_there_already_is_refused(used: Place, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(Occupied, match="name a folder that does not"):
        backup(used.ledger, CHAIN_ID, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_restore_overwrites_nothing(used: Place, tmp_path: Path, url: str) -> None:
    backup(used.ledger, CHAIN_ID, tmp_path / "kept")
    before = (tmp_path / "explorer.duckdb").read_bytes()
    with pytest.raises(Occupied, match="a restore overwrites nothing"):
        restore(tmp_path / "kept", f"sqlite:///{tmp_path}/new.db", tmp_path / "explorer.duckdb")
    assert (tmp_path / "explorer.duckdb").read_bytes() == before
    assert not (tmp_path / "new.db").exists()
    target = url.replace("ledger.db", "taken.db")
    taken = Ledger(target)
    Tip(taken, CHAIN_ID).extend(BLOCKS[0])
    with pytest.raises((Occupied, LedgerOccupied), match=r"overwrites nothing|name an empty database"):
        restore(tmp_path / "kept", target, tmp_path / "other.duckdb")
    assert Tip(taken, CHAIN_ID).blocks() == [BLOCKS[0]]
    assert not (tmp_path / "other.duckdb").exists()
    taken.close()


@pytest.mark.parametrize("name", ["ledger.db", "explorer.duckdb", "backup.json"])
@pytest.mark.parametrize("harm", ["flipped", "cut", "gone"])
def test_a_damaged_backup_is_refused_and_changes_nothing(used: Place, tmp_path: Path, name: str, harm: str) -> None:
    backup(used.ledger, CHAIN_ID, tmp_path / "kept")
    file = tmp_path / "kept" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x80
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(content if harm == "flipped" else content[: len(content) // 2])
    with pytest.raises(Damaged, match=r"take another backup|is no backup"):
        restore(tmp_path / "kept", f"sqlite:///{tmp_path}/new.db", tmp_path / "new.duckdb")
    assert not list(tmp_path.glob("new*"))


@pytest.mark.parametrize("point", [*BACKUP_POINTS, "ledger.copied", "explorer.before_commit"])
def test_a_backup_that_is_killed_leaves_none_and_the_next_is_whole(used: Place, tmp_path: Path, point: str) -> None:
    with listening(killer(point)), pytest.raises(KeyboardInterrupt):
        backup(used.ledger, CHAIN_ID, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    assert backup(used.ledger, CHAIN_ID, tmp_path / "kept") == check(tmp_path / "kept")
    assert not (tmp_path / "kept.partial").exists()


@pytest.mark.parametrize("point", RESTORE_POINTS)
def test_a_restore_that_is_killed_leaves_nothing_or_a_whole_ledger(
    used: Place, tmp_path: Path, point: str, opened: Callable[[str, Path], Explorer]
) -> None:
    manifest = backup(used.ledger, CHAIN_ID, tmp_path / "kept")
    target, database = f"sqlite:///{tmp_path}/new.db", tmp_path / "new.duckdb"
    with listening(killer(point)), pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "kept", target, database)
    assert not database.exists()
    if not (tmp_path / "new.db").exists():
        restore(tmp_path / "kept", target, database)
    assert digest(opened(target, database)) == manifest.digest


def test_a_restore_into_a_server_that_does_not_answer_places_nothing(used: Place, tmp_path: Path) -> None:
    backup(used.ledger, CHAIN_ID, tmp_path / "kept")
    with pytest.raises(LedgerError, match="check host, port"):
        restore(tmp_path / "kept", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2", tmp_path / "new.duckdb")
    assert not (tmp_path / "new.duckdb").exists()


def killer(point: str) -> Callable[[str], None]:
    def end(reached: str) -> None:
        if reached == point:
            raise KeyboardInterrupt

    return end
