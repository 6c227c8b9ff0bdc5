"""Batches on their way: folded in order, written one behind, and none lost or written twice when a step fails."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.explorer.batches import Batch
from indexer.explorer.feeding import feed
from indexer.explorer.folds import Books, Totals
from indexer.explorer.projecting import Folded
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history


def numbered(count: int) -> Iterator[Batch]:
    return (Batch(position, (), ()) for position in range(1, count + 1))


def folded(batch: Batch) -> Folded:
    return Folded(batch, Books(Totals()), False)


def test_one_batch_alone_is_returned_untouched_and_none_is_none() -> None:
    def never(_: object) -> Folded:
        raise AssertionError("one batch needs no feeding")

    one = feed(numbered(1), never, never)
    assert one is not None
    assert one.position == 1
    assert feed(numbered(0), never, never) is None


def test_several_are_folded_and_written_in_order_and_at_most_one_is_ahead() -> None:
    told: list[tuple[str, int]] = []

    def fold(batch: Batch) -> Folded:
        told.append(("fold", batch.position))
        return folded(batch)

    def commit(done: Folded) -> None:
        assert threading.current_thread() is not threading.main_thread()
        told.append(("commit", done.batch.position))

    assert feed(numbered(6), fold, commit) is None
    assert [position for step, position in told if step == "fold"] == [1, 2, 3, 4, 5, 6]
    assert [position for step, position in told if step == "commit"] == [1, 2, 3, 4, 5, 6]
    for position in range(3, 7):
        assert told.index(("commit", position - 2)) < told.index(("fold", position))


@pytest.mark.parametrize("step", ["read", "fold", "commit"])
def test_whichever_step_fails_the_fault_comes_out_and_nothing_after_it_is_written(step: str) -> None:
    written: list[int] = []

    def read() -> Iterator[Batch]:
        for batch in numbered(9):
            if step == "read" and batch.position == 4:
                raise OSError("no space left")
            yield batch

    def fold(batch: Batch) -> Folded:
        if step == "fold" and batch.position == 4:
            raise OSError("no space left")
        return folded(batch)

    def commit(done: Folded) -> None:
        if step == "commit" and done.batch.position == 4:
            raise OSError("no space left")
        written.append(done.batch.position)

    with pytest.raises(OSError, match="no space"):
        feed(read(), fold, commit)
    assert written == [1, 2, 3]


def test_a_backfill_that_fails_in_the_middle_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = random_history(81, 60)
    with Place(tmp_path / "straight") as straight:
        straight.finalise(*blocks)
        straight.explorer.refresh()
        wanted = straight.chain_digest()
    with Place(tmp_path / "failing", batch_events=20) as place:
        place.finalise(*blocks)
        writing, left = place.explorer.database.writing, [5]

        def full() -> object:
            left[0] -= 1
            if left[0] == 0:
                raise OSError("no space left")
            return writing()

        monkeypatch.setattr(place.explorer.database, "writing", full)
        with pytest.raises(OSError, match="no space"):
            place.explorer.refresh()
        assert 0 < place.explorer.position < place.ledger.position()
        place.explorer.refresh()
        assert place.chain_digest() == wanted
