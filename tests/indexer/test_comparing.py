"""Where two indexes part: found from digests by block, whichever of them the other has kept."""

import random
from pathlib import Path

import pytest

from indexer.comparing import Found, Seen, first_difference
from indexer.explorer.digests import digest_at
from indexer.explorer.recomputing import digest_after, digests_of_all
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_projecting import random_history


def seen(number: int, side: str) -> Seen:
    return Seen(number, f"{side} {number}", {"jobs": f"{side} {number}", "nodes": "same"})


def other(kept: set[int], parts_at: int, last: int) -> list[Seen]:
    """What the other side keeps, when it holds the same before block `parts_at`."""
    return [seen(n, "ours" if n < parts_at else "theirs") for n in range(last + 1) if n in kept]


def search(ours: list[Seen], theirs: list[Seen]) -> tuple[Found, int]:
    """What is found, and how often the other was asked."""
    asked = 0

    def look(number: int) -> Seen | None:
        nonlocal asked
        asked += 1
        return max((each for each in theirs if each.number <= number), key=lambda each: each.number, default=None)

    return first_difference(ours, look, theirs[-1]), asked


def test_the_first_block_that_differs_is_named_after_few_questions() -> None:
    ours = [seen(n, "ours") for n in range(1, 5_001)]
    found, asked = search(ours, other(set(range(1, 5_001)), 4_321, 5_000))
    assert found == Found(4_321, 4_320, ("jobs",), True)
    assert asked <= 14


def test_a_difference_from_the_beginning_is_told() -> None:
    ours = [seen(n, "ours") for n in range(1, 101)]
    found, _ = search(ours, other(set(range(1, 101)), 0, 100))
    assert (found.differs, found.agrees, found.is_exact) == (1, None, True)


def test_where_the_other_kept_no_digests_the_blocks_between_are_told() -> None:
    ours = [seen(n, "ours") for n in range(1, 101)]
    found, _ = search(ours, other({20, 60, 90, 100}, 50, 100))
    assert found == Found(60, 20, ("jobs",), False)
    found, _ = search(ours, other({90, 100}, 50, 100))
    assert found == Found(90, None, ("jobs",), False)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_was_kept_the_difference_lies_where_it_is_said_to(seed: int) -> None:
    source = random.Random(seed)
    blocks = sorted(source.sample(range(1, 400), 60))
    parts_at = source.choice(blocks)
    kept = set(source.sample(blocks, 20)) | {blocks[-1]}
    found, _ = search([seen(n, "ours") for n in blocks], other(kept, parts_at, 400))
    assert found.differs >= parts_at
    assert found.agrees is None or found.agrees < parts_at
    assert found.differs == min(n for n in kept if n >= parts_at)
    if found.is_exact:
        assert found.differs == parts_at


def test_the_ledger_alone_tells_the_digest_of_every_block(tmp_path: Path) -> None:
    blocks = random_history(95, 15)
    with Place(tmp_path / "kept") as place:
        place.explorer.keep_digests()
        for block in blocks:
            place.finalise(block)
            place.explorer.refresh()
        every = list(digests_of_all(place.ledger, CHAIN_ID, 12, tmp_path / "each.duckdb"))
        assert [each.number for each in every] == [b.number for b in blocks if b.transactions and b.number <= 12]
        with place.explorer.database.reading() as cursor:
            for each in every:
                kept = digest_at(cursor, each.number)
                assert kept
                assert (kept.number, kept.hash, kept.digest) == (each.number, each.hash, each.digest)
        one = digest_after(place.ledger, CHAIN_ID, 12, tmp_path / "one.duckdb")
        assert one.digest == every[-1].digest
