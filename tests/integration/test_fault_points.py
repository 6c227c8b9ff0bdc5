"""Killed at every fault point there is, a store goes on where it was and ends as one that was never killed.

The points come from their list: a new one is swept by itself, if the life in `tests.indexer.lives` reaches it.
"""

import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from domain.faultpoints import POINTS
from indexer.explorer import DatabaseDamaged, LedgerBehind
from tests.indexer.lives import DIED, Life, Reaper, counted
from tests.network import ROOT

pytestmark = pytest.mark.slow

REAL_DEATHS = (
    ("ledger.created", 1),
    ("tip.settled", 1),
    ("ledger.before_commit", 6),
    ("explorer.before_commit", 2),
    ("rebuild.adopted", 1),
    ("upgrade.named", 1),
    ("indexer.reorg_shown", 1),
    ("explorer.committed", 2),
    ("restore.ledger_placed", 1),
)
"""In the order of a life: each process ends later in it than the one before."""

FULL_AT_KIB = (24, 300, 1_500)


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a life tells that nobody ended."""
    folder = tmp_path_factory.mktemp("straight")
    life = Life(folder, f"sqlite:///{folder}/ledger.db")
    assert set(counted(life)) == set(POINTS), "the life in tests.indexer.lives reaches every point"
    return life.told()


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """A ledger for each life."""
    if request.param == "sqlite":
        return lambda folder: f"sqlite:///{folder}/ledger.db"
    new: Callable[[], str] = request.getfixturevalue("new_postgres_url")
    return lambda _folder: new()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_every_point_it_ends_as_if_it_had_not_been(
    straight: dict[str, object], new_url: Callable[[Path], str], tmp_path: Path, seed: int
) -> None:
    source, left = random.Random(seed), set(POINTS)
    for number, chance in enumerate((0.3, 1.0)):
        reaper = Reaper(left, chance, source)
        life = Life(tmp_path / str(number), new_url(tmp_path / str(number)))
        reaper.lives(life.live)
        assert life.told() == straight, reaper.deaths
    assert not left


def test_processes_that_really_end_leave_what_the_next_goes_on_with(
    straight: dict[str, object], new_url: Callable[[Path], str], tmp_path: Path
) -> None:
    url = new_url(tmp_path)
    for point, count in REAL_DEATHS:
        ended = process(tmp_path, url, point, str(count))
        assert ended.returncode == DIED, (point, ended.stderr)
    assert process(tmp_path, url).returncode == 0
    assert Life(tmp_path, url).told() == straight


@pytest.mark.parametrize("keep", [0.0, 0.6, 0.99])
@pytest.mark.parametrize("torn", ["ledger.db-wal", "explorer.duckdb.wal"])
def test_a_log_that_was_torn_is_told_or_goes_unnoticed_but_changes_nothing(
    straight: dict[str, object], tmp_path: Path, torn: str, keep: float
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    assert process(tmp_path, url, "explorer.committed", "6").returncode == DIED
    log = tmp_path / torn
    content = log.read_bytes()
    assert content
    log.write_bytes(content[: int(len(content) * keep)])
    life = Life(tmp_path, url)
    try:
        life.live()
    except (LedgerBehind, DatabaseDamaged):  # either says that the file is to be moved away
        for file in tmp_path.glob("explorer.duckdb*"):
            file.rename(tmp_path / f"away-{file.name}")
        life.live()
    assert life.told() == straight


@pytest.mark.parametrize("kib", FULL_AT_KIB)
def test_files_that_can_not_grow_end_it_with_a_reason_and_the_next_goes_on(
    straight: dict[str, object], tmp_path: Path, kib: int
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib * 1024, kib * 1024))

    ended = process(tmp_path, url, before=limit)
    assert ended.returncode != 0
    assert "the disk is full or failing" in ended.stderr or "start again" in ended.stderr, ended.stderr
    shutil.rmtree(tmp_path / "kept.partial", ignore_errors=True)
    life = Life(tmp_path, url)
    life.live()
    assert life.told() == straight


def process(
    folder: Path, url: str, *death: str, before: Callable[[], None] | None = None
) -> "subprocess.CompletedProcess[str]":
    command: Sequence[str] = (sys.executable, "-m", "tests.indexer.lives", str(folder), url, *death)
    return subprocess.run(
        command, cwd=ROOT, preexec_fn=before, capture_output=True, text=True, timeout=120, check=False
    )
