"""`tallystick parked`: what an operator is told of poison, and what becomes of what is decided."""

from pathlib import Path
from subprocess import CompletedProcess

import msgspec
import pytest

from tests.indexer.place import Place
from tests.indexer.test_parked import poisoned
from tests.integration.harness import tallystick
from tests.simulation.logs import SAMPLE

pytestmark = pytest.mark.slow


@pytest.fixture
def ill(tmp_path: Path) -> Path:
    """The folder of a store in which one fact is parked."""
    with Place(tmp_path) as place:
        place.finalise(*poisoned())
        place.explorer.refresh()
    return tmp_path


def parked(folder: Path, *words: str) -> "CompletedProcess[str]":
    store = ("--ledger-url", f"sqlite:///{folder}/ledger.db", "--database", f"{folder}/explorer.duckdb")
    return tallystick("parked", *words, *store, "--deployment", str(SAMPLE))


def place_of(folder: Path) -> tuple[str, str]:
    (fact,) = msgspec.json.decode(parked(folder, "list", "--json").stdout)
    return str(fact["block"]), str(fact["log_index"])


def test_what_is_parked_is_listed_retried_and_dropped_for_good(ill: Path) -> None:
    listed = parked(ill, "list")
    assert listed.returncode == 0
    assert "JobClaimed" in listed.stdout
    assert "999" in listed.stdout
    retried = parked(ill, "retry")
    assert (retried.returncode, "0 facts are parked no more" in retried.stdout) == (1, True), "the rules are the same"
    place = place_of(ill)
    assert "999" in parked(ill, "drop", *place).stdout
    assert "nothing is parked" in parked(ill, "list").stdout
    assert "dropped" in parked(ill, "list", "--all").stdout
    assert parked(ill, "retry").returncode == 0
    assert "was dropped before" in parked(ill, "drop", *place).stderr


def test_what_is_not_parked_can_not_be_dropped(ill: Path) -> None:
    refused = parked(ill, "drop", "5", "0")
    assert refused.returncode == 1
    assert "nothing is parked at block 5, log 0: `tallystick parked list` tells what is" in refused.stderr


def test_while_another_process_has_the_tables_the_ledger_tells(ill: Path) -> None:
    with Place(ill) as place:
        assert "JobClaimed" in parked(ill, "list").stdout
        assert parked(ill, "drop", *place_of(ill)).returncode == 0
        place.explorer.refresh()
        assert place.explorer.queries.incidents().parked == 0
