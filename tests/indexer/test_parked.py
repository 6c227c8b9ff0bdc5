"""Poison: a fact that no rule can take is parked with its reason, the rest goes on, and what is decided of it stays."""

from pathlib import Path

import pytest

from domain.facts import BlockFinalised, JobClaimed
from indexer.explorer import rebuild
from indexer.explorer.decisions import NotParked, Parked, drop, read_parked
from indexer.explorer.folds import blocks as rules
from indexer.explorer.recomputing import digest_after, folded
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.world import COORDINATOR, WORKERS, World

CLAIM = JobClaimed(999, WORKERS[0], 1_700_001_000)


def poisoned() -> list[BlockFinalised]:
    """Block 3 claims a job that nobody ordered; everything else is well."""
    world = World()
    blocks = [world.found()]
    for number in range(2, 7):
        world.order(number)
        if number == 3:
            world.emit(WORKERS[0], COORDINATOR, CLAIM)
        blocks.append(world.mine())
    return blocks


def parked(place: Place) -> list[Parked]:
    with place.explorer.database.reading() as cursor:
        return read_parked(cursor)


@pytest.fixture
def ill(place: Place) -> Place:
    place.finalise(*poisoned())
    place.explorer.refresh()
    return place


def test_poison_is_parked_with_its_reason_and_the_rest_goes_on(ill: Place) -> None:
    (fact,) = parked(ill)
    assert (fact.block, fact.name, fact.is_dropped) == (3, "JobClaimed", False)
    assert "999" in fact.reason
    assert ill.explorer.queries.stats().jobs == 5
    assert ill.explorer.queries.parked().rows[0].reason == fact.reason


def test_a_rule_that_breaks_down_parks_its_fact_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = rules.consequences

    def broken(books: object, moment: object, fact: object) -> None:
        if fact == CLAIM:
            raise ZeroDivisionError("of a rule")
        sound(books, moment, fact)  # type: ignore[arg-type]

    monkeypatch.setattr(rules, "consequences", broken)
    place.finalise(*poisoned())
    place.explorer.refresh()
    (fact,) = parked(place)
    assert fact.reason == "ZeroDivisionError: of a rule"
    assert place.explorer.queries.stats().jobs == 5


def test_a_rebuild_by_better_rules_gives_a_parked_fact_its_consequences(
    ill: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = rules.consequences
    monkeypatch.setattr(
        rules, "consequences", lambda books, moment, fact: None if fact == CLAIM else sound(books, moment, fact)
    )
    differing = {each.table for each in rebuild(ill.explorer).differences}
    assert differing == {"parked"}
    assert parked(ill) == []


def test_what_was_dropped_stays_so_whatever_the_rules_become(
    ill: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fact,) = parked(ill)
    before = ill.chain_digest()
    drop(ill.ledger, CHAIN_ID, (fact.block, fact.log_index), fact.reason, clock=lambda: 1_700_000_000.0)
    ill.explorer.refresh()
    (after,) = parked(ill)
    assert after.is_dropped
    assert ill.chain_digest() == before, "other indexes of the chain hold the same"
    assert ill.explorer.queries.incidents().parked == 0
    sound = rules.consequences
    monkeypatch.setattr(
        rules, "consequences", lambda books, moment, fact: None if fact == CLAIM else sound(books, moment, fact)
    )
    assert rebuild(ill.explorer).differences == ()
    assert parked(ill) == [after]
    assert digest_after(ill.ledger, CHAIN_ID, 6, tmp_path / "anew.duckdb").digest == before
    with folded(ill.ledger, CHAIN_ID, 6, tmp_path / "again.duckdb") as cursor:
        assert read_parked(cursor) == [after]


def test_what_was_dropped_can_not_be_dropped_again(ill: Place) -> None:
    (fact,) = parked(ill)
    drop(ill.ledger, CHAIN_ID, (fact.block, fact.log_index), fact.reason)
    position = ill.ledger.position()
    with pytest.raises(NotParked, match="was dropped before"):
        drop(ill.ledger, CHAIN_ID, (fact.block, fact.log_index), fact.reason)
    assert ill.ledger.position() == position
