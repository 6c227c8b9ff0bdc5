"""Thousands of worlds, each with its own troubles: in all of them readers see nothing but the truth."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from tests.simulation.found import FOUND
from tests.simulation.plan import plan
from tests.simulation.running import live_all
from tests.simulation.world import Worlds

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
SEEDS = 2_000


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with Worlds() as worlds:
        yield worlds


@pytest.mark.parametrize("seed", range(12))
def test_a_world_is_lived_through(worlds: Worlds, seed: int) -> None:
    worlds.live(plan(seed))


@pytest.mark.parametrize("finding", FOUND)
def test_a_world_that_once_failed_is_lived_through(worlds: Worlds, finding: str) -> None:
    worlds.live(FOUND[finding])


def test_a_seed_lives_the_same_world_again(worlds: Worlds) -> None:
    first = worlds.live(plan(7))
    worlds.live(plan(8))
    assert worlds.live(plan(7)).lines == first.lines


def test_a_seed_lives_the_same_world_in_another_process_with_other_hashes(worlds: Worlds) -> None:
    ours = worlds.live(plan(3))
    command = [sys.executable, "-m", "tests.simulation", "--seed", "3"]
    environ = os.environ | {"PYTHONHASHSEED": "4711"}
    said = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout
    assert f"seed 3 passed: trace {ours.trace}, {ours.steps} steps" in said


def test_worlds_that_lose_their_tables_share_databases_too(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.disk.WORLDS_A_DATABASE", 1)
    for seed in (1189, 1190):
        worlds.live(structs.replace(plan(seed), disk="kept", ending="tables lost"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_worlds_are_lived_through() -> None:
    failed = [fate.fault for fate in live_all(range(SEEDS)) if fate.fault]
    assert not failed, f"{len(failed)} of {SEEDS} seeds failed, the first of them:\n{failed[0]}"
