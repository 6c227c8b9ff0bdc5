"""Bugs are planted, and found: each within the few seeds that a quick run has time for."""

from collections.abc import Iterator

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, hunt
from tests.simulation.world import Worlds

SEEDS = 60


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with Worlds() as worlds:
        yield worlds


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.name))
def test_a_planted_bug_is_found(worlds: Worlds, mutant: Mutant) -> None:
    assert hunt(worlds, mutant, range(SEEDS)), f"{mutant.name} ({mutant.like}) was not found in {SEEDS} seeds"
