"""Digests: of each final block, by adding up changes, the same that a reading of all rows gives."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.facts import BlockFinalised, ModelRegistered, OfferPosted, Wei
from domain.ledger import Position
from indexer.explorer import Explorer
from indexer.explorer.digest import sum_of
from indexer.explorer.digests import BlockDigest, digest_at
from indexer.explorer.fingerprints import sum_of_rows
from indexer.explorer.storing import read, shown
from indexer.explorer.tables import OVERLAID
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history
from tests.indexer.world import MODELS, NODES, USERS, WORKERS, World

pytestmark = pytest.mark.thorough

AWKWARD = "a\"'\\\x01\x1f\x7f\\u001f é \U0001f600 [1, null]"


def at(place: Place, number: int | None = None) -> BlockDigest | None:
    with place.explorer.database.reading() as cursor:
        return digest_at(cursor, number)


def fresh(folder: Path, blocks: list[BlockFinalised]) -> str:
    """The digest of an index that ends with the last of these blocks."""
    with Place(folder) as place:
        place.finalise(*blocks)
        place.explorer.refresh()
        return place.chain_digest().text


def awkward_world() -> list[BlockFinalised]:
    world = World("awkward")
    blocks = [world.found()]
    world.emit(USERS[0], MODELS, ModelRegistered(AWKWARD, AWKWARD, AWKWARD, AWKWARD))
    world.emit(WORKERS[0], NODES, OfferPosted(WORKERS[0], AWKWARD, Wei(0), Wei(2**96 - 1)))
    source = random.Random(3)
    return [*blocks, *(world.mine([source.randrange(2**20) for _ in range(6)]) for _ in range(20))]


def test_rows_in_memory_and_rows_in_tables_add_up_to_the_same(place: Place) -> None:
    place.finalise(*awkward_world())
    place.explorer.refresh()
    with place.explorer.database.reading() as cursor:
        for table in OVERLAID:
            rows = read(table, cursor.execute(f"SELECT {shown(table)} FROM final.{table.name}").fetchall())
            assert sum_of_rows(rows) == sum_of(cursor, table), table.name


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), steps=st.lists(st.integers(1, 5), min_size=8, max_size=8), start=st.integers(0, 2))
def test_the_digest_of_a_block_is_that_of_an_index_that_ends_with_it_in_whatever_batches(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[int], start: int
) -> None:
    blocks = random_history(seed, 12)
    with Place(tmp_path_factory.mktemp("kept")) as place:
        done = 0
        for turn, step in enumerate(steps):
            if turn == start:
                place.explorer.keep_digests()
            place.finalise(*blocks[done : done + step])
            done += step
            place.explorer.refresh()
        kept = {block.number: at(place, block.number) for block in blocks[sum(steps[:start]) : done]}
        for block in blocks[sum(steps[:start]) : done : 3]:
            found = kept[block.number]
            assert found
            wanted = fresh(tmp_path_factory.mktemp("fresh"), [each for each in blocks if each.number <= block.number])
            assert found.digest.text == wanted
            assert (found.number, found.hash) == (block.number, "0x" + block.hash.hex()) or not block.transactions


def test_a_block_without_anything_of_ours_has_the_digest_of_the_one_before(place: Place) -> None:
    world = World()
    blocks = [world.found()]
    for number in range(2, 6):
        if number in (2, 5):
            world.order(number)
        blocks.append(world.mine())
    place.explorer.keep_digests()
    for block in blocks:
        place.finalise(block)
        place.explorer.refresh()
    found = at(place, 4)
    assert found
    assert (found.number, found.upto) == (2, 4)
    newest = at(place)
    assert newest
    assert (newest.number, newest.upto, newest.digest) == (5, 5, place.chain_digest())
    place.tip.advance((), Position(9, b"\x09" * 32))
    place.explorer.refresh()
    newest = at(place)
    assert newest
    assert (newest.number, newest.upto) == (5, 9)


def test_digests_go_on_after_a_restart_and_after_blocks_that_passed_through_the_tip(tmp_path: Path) -> None:
    blocks = random_history(77, 14)
    with Place(tmp_path) as place:
        place.finalise(*blocks[:5])
        place.explorer.refresh()
        place.explorer.keep_digests()
    with Place(tmp_path) as place:
        assert place.explorer.keeps_digests
        for block in blocks[5:]:
            place.tip.extend(block)
            place.explorer.refresh()
        place.tip.finalise(blocks[-4].number)
        place.explorer.refresh()
        found = at(place)
        assert found
        assert found.digest == place.chain_digest()


def test_what_was_indexed_without_adding_up_is_noticed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = random_history(78, 10)
    place.explorer.keep_digests()
    place.finalise(*blocks[:3])
    place.explorer.refresh()
    monkeypatch.setattr("indexer.explorer.explorer.SMALL_EVENTS", 1)
    place.finalise(*blocks[3:6])
    place.explorer.refresh()
    assert not place.explorer.keeps_digests, "a backfill is not added up row by row"
    monkeypatch.undo()
    again = Explorer(place.folder / "again.duckdb", place.ledger, place.tip)
    again.close()
    place.explorer.keep_digests()
    place.finalise(*blocks[6:])
    place.explorer.refresh()
    found = at(place)
    assert found
    assert found.digest == place.chain_digest()


def test_of_blocks_long_past_one_in_many_keeps_its_digest(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.explorer.digests.KEPT_BLOCKS", 5)
    monkeypatch.setattr("indexer.explorer.digests.THINNED", 4)
    world = World()
    blocks = [world.found()]
    for number in range(2, 21):
        world.order(number)
        blocks.append(world.mine())
    place.explorer.keep_digests()
    for block in blocks:
        place.finalise(block)
        place.explorer.refresh()
    with place.explorer.database.reading() as cursor:
        kept = [number for (number,) in cursor.execute("SELECT number FROM final.digests ORDER BY number").fetchall()]
    assert kept == [4, 8, 12, *range(15, 21)]
    old = at(place, 10)
    assert old
    assert (old.number, old.upto) == (8, 8)
