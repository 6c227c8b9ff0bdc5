"""Which ranges are on record: linked from the first block on, split where the level changes, doubts and all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.news import Evidence
from domain.facts import BlockFinalised as Block
from domain.facts import BlocksChecked
from domain.ledger import Ledger, Position
from indexer.explorer.sources import checks
from indexer.integrity import Checks
from tests.indexer.place import CHAIN_ID, Place

ROOT = Evidence("root", "one", ("receipts root",))
BLOOM = Evidence("bloom", "one", ("logs bloom",))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Place(tmp_path / "place") as place:
        yield place.ledger


def opened(ledger: Ledger, blocks_max: int = 1_000) -> Checks:
    return Checks(ledger, CHAIN_ID, "http://node", blocks_max=blocks_max, open_max_s=3600)


def block(number: int, fork: int = 0) -> Block:
    return Block(number, name(number, fork), name(number - 1, fork), number)


def name(number: int, fork: int = 0) -> bytes:
    return bytes((fork, number)) * 16


def at(number: int, fork: int = 0) -> Position:
    return Position(number, name(number, fork))


def ranges(ledger: Ledger) -> list[BlocksChecked]:
    return [each.fact for each in ledger.stream(checks(CHAIN_ID)) if isinstance(each.fact, BlocksChecked)]


def test_a_range_ends_where_the_level_changes(ledger: Ledger) -> None:
    kept = opened(ledger)
    for numbers, evidence in ((range(1, 5), ROOT), (range(5, 9), BLOOM), (range(9, 12), ROOT)):
        kept.saw([block(number) for number in numbers], evidence, is_final=True)
        kept.finalised(at(numbers[-1]))
    kept.close()
    found = ranges(ledger)
    assert [(each.first, each.last, each.level) for each in found] == [(1, 4, "root"), (5, 8, "bloom"), (9, 11, "root")]
    assert [each.parent_hash for each in found] == [name(0), name(4), name(8)]
    assert found[1].checks == ("logs bloom",)


def test_blocks_of_the_tip_bear_the_level_at_which_they_were_read(ledger: Ledger) -> None:
    kept = opened(ledger)
    for number in range(1, 9):
        kept.saw([block(number)], ROOT if number < 4 else BLOOM)
    kept.finalised(at(6))
    kept.close()
    assert [(each.first, each.last, each.level) for each in ranges(ledger)] == [(1, 3, "root"), (4, 6, "bloom")]


def test_a_range_names_all_providers_and_all_doubts(ledger: Ledger) -> None:
    kept = opened(ledger)
    doubtful = Evidence("root", "two", ROOT.checks, ("one: a gap",))
    for number, evidence in ((1, ROOT), (2, ROOT), (3, doubtful), (4, ROOT), (5, doubtful)):
        kept.saw([block(number)], evidence, is_final=True)
        kept.finalised(at(number))
    kept.close()
    first, second = ranges(ledger)
    assert (first.last, first.provider, first.doubts) == (1, "one", ())
    assert (second.last, second.provider, second.doubts) == (5, "one, two", ("one: a gap",))


def test_a_block_that_was_reorganised_away_leaves_no_hash_behind(ledger: Ledger) -> None:
    kept = opened(ledger)
    kept.saw([block(1), block(2)], ROOT)
    kept.saw([block(3, fork=1)], BLOOM)
    kept.dropped(3)
    kept.saw([block(3)], ROOT)
    kept.finalised(at(3))
    kept.close()
    (found,) = ranges(ledger)
    assert (found.first, found.last, found.last_hash, found.level) == (1, 3, name(3), "root")


def test_a_restart_before_anything_was_final_begins_at_the_first_block_of_the_tip(ledger: Ledger) -> None:
    kept = opened(ledger)
    kept.recover(None, [block(1), block(2)])
    kept.saw([block(3)], BLOOM)
    kept.finalised(at(2))
    kept.finalised(at(3))
    kept.close()
    found = ranges(ledger)
    assert [(each.first, each.last) for each in found] == [(1, 2), (3, 3)]
    assert found[0].parent_hash == name(0)


def test_what_was_final_before_the_end_is_recorded_after_a_restart(ledger: Ledger) -> None:
    kept = opened(ledger)
    kept.saw([block(1)], ROOT, is_final=True)
    kept.finalised(at(1))
    assert kept.has_begun
    again = opened(ledger)
    again.recover(at(5))
    assert [(each.first, each.last, each.provider) for each in ranges(ledger)] == [(1, 1, "one"), (2, 5, "http://node")]
