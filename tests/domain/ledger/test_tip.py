"""The unfinal end of the chain: it grows, is taken back, becomes final, and never loses or doubles a block by it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from domain.facts import BlockFinalised, Transaction, Wei
from domain.ledger import Block, Conflict, Ledger, Position, Recorded, Tip, TipBroken

CHAIN = 31337


def name(number: int, fork: str = "a") -> bytes:
    return f"{fork}{number}".encode().ljust(32, b".")


def block(number: int, fork: str = "a", parent_fork: str | None = None, ours: bool = True) -> Block:
    transaction = Transaction(name(number), 0, b"s" * 20, None, Wei(0), 21_000, Wei(1), True)
    parent = name(number - 1, parent_fork or fork)
    return BlockFinalised(number, name(number, fork), parent, 1_700_000_000 + number, (transaction,) if ours else ())


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger(url)
    yield opened
    opened.close()


@pytest.fixture
def tip(ledger: Ledger) -> Tip:
    return Tip(ledger, CHAIN)


def extend(tip: Tip, *numbers: int) -> None:
    for number in numbers:
        tip.extend(block(number))


def recorded(ledger: Ledger) -> list[int]:
    return [each.originator_version for each in ledger.stream(f"chain:{CHAIN}")]


def test_a_new_tip_knows_nothing(tip: Tip) -> None:
    assert (tip.position(), tip.head(), tip.blocks()) == (None, None, [])


def test_blocks_line_up_oldest_first_and_the_head_is_the_newest(tip: Tip) -> None:
    extend(tip, 5, 6, 7)
    assert tip.blocks() == [block(5), block(6), block(7)]
    assert tip.head() == Position(7, name(7))
    assert tip.position() is None


@pytest.mark.parametrize(
    "wrong", [block(6), block(9), block(7, "b"), block(8, "b")], ids=["again", "gap", "fork", "next"]
)
def test_a_block_that_does_not_follow_the_head_is_refused(tip: Tip, wrong: Block) -> None:
    extend(tip, 5, 6)
    extend(tip, 7)
    with pytest.raises(TipBroken, match="does not follow block 7"):
        tip.extend(wrong)
    assert tip.head() == Position(7, name(7))


def test_blocks_that_come_together_are_all_put_on_the_head_or_none(tip: Tip) -> None:
    tip.extend(block(5), block(6))
    with pytest.raises(TipBroken, match="does not follow block 7"):
        tip.extend(block(7), block(9))
    assert tip.blocks() == [block(5), block(6)]


def test_a_reorganisation_takes_blocks_back_and_others_take_their_place(tip: Tip, ledger: Ledger) -> None:
    extend(tip, 5, 6, 7)
    assert tip.drop_from(6) == [block(6), block(7)]
    tip.extend(block(6, "b", parent_fork="a"))
    assert tip.blocks() == [block(5), block(6, "b", parent_fork="a")]
    assert recorded(ledger) == []


def test_final_blocks_leave_for_the_ledger_and_the_position_goes_with_them(tip: Tip, ledger: Ledger) -> None:
    extend(tip, 5, 6, 7)
    assert tip.finalise(6) == [block(5), block(6)]
    assert tip.blocks() == [block(7)]
    assert tip.position() == Position(6, name(6))
    assert ledger.stream(f"chain:{CHAIN}") == [Recorded(f"chain:{CHAIN}", n, block(n)) for n in (5, 6)]


def test_a_block_without_anything_of_ours_moves_the_position_and_leaves_no_fact(tip: Tip, ledger: Ledger) -> None:
    tip.extend(block(5, ours=False))
    tip.finalise(5)
    assert tip.position() == Position(5, name(5))
    assert recorded(ledger) == []


def test_what_is_final_already_may_be_said_again(tip: Tip) -> None:
    extend(tip, 5, 6)
    tip.finalise(6)
    assert tip.finalise(5) == []
    assert tip.position() == Position(6, name(6))


def test_a_block_that_was_never_seen_can_not_become_final(tip: Tip) -> None:
    extend(tip, 5)
    with pytest.raises(TipBroken, match="block 6 can not become final"):
        tip.finalise(6)


def test_the_tip_goes_on_from_the_final_block_when_it_is_empty(tip: Tip) -> None:
    extend(tip, 5)
    tip.finalise(5)
    with pytest.raises(TipBroken, match="does not follow block 5"):
        tip.extend(block(6, "b"))
    extend(tip, 6)
    assert tip.head() == Position(6, name(6))


def test_history_enters_the_ledger_in_bulk_with_the_position_beyond_its_last_block(tip: Tip, ledger: Ledger) -> None:
    tip.advance([block(3), block(8)], Position(10, name(10)))
    assert recorded(ledger) == [3, 8]
    assert tip.position() == tip.head() == Position(10, name(10))
    extend(tip, 11)


def test_history_can_not_be_written_twice_nor_under_a_tip(tip: Tip, ledger: Ledger) -> None:
    tip.advance([block(3)], Position(10, name(10)))
    with pytest.raises(TipBroken, match="read its position again"):
        tip.advance([block(10)], Position(12, name(12)))
    extend(tip, 11)
    with pytest.raises(TipBroken, match="ends with block 11"):
        tip.advance([block(12)], Position(12, name(12)))
    assert recorded(ledger) == [3]


def test_the_ledger_itself_refuses_a_second_block_of_one_height(tip: Tip, ledger: Ledger) -> None:
    ledger.record(Recorded(f"chain:{CHAIN}", 5, block(5, "b")))
    extend(tip, 5)
    with pytest.raises(Conflict):
        tip.finalise(5)
    assert (tip.blocks(), tip.position()) == ([block(5)], None)


def test_every_change_raises_the_version_and_a_refused_one_does_not(tip: Tip) -> None:
    versions = [tip.version()]
    for change in (lambda: extend(tip, 5), lambda: extend(tip, 6), lambda: tip.finalise(5), lambda: tip.drop_from(6)):
        change()
        versions.append(tip.version())
    assert versions == sorted(set(versions))
    with pytest.raises(TipBroken):
        extend(tip, 9)
    assert tip.version() == versions[-1]


def test_another_process_sees_the_same_tip(tip: Tip, ledger: Ledger) -> None:
    extend(tip, 5, 6)
    tip.finalise(5)
    snapshot = Tip(ledger, CHAIN).snapshot()
    assert (snapshot.final, snapshot.blocks) == (Position(5, name(5)), (block(6),))
    assert snapshot.head == Position(6, name(6))


def test_chains_do_not_mix(tip: Tip, ledger: Ledger) -> None:
    other = Tip(ledger, 1)
    extend(tip, 5)
    extend(other, 90)
    other.finalise(90)
    assert tip.blocks() == [block(5)]
    assert recorded(ledger) == []


def test_of_two_indexers_of_one_chain_only_one_extends_it(tip: Tip, ledger: Ledger) -> None:
    extend(tip, 5)

    def race(fork: str) -> bool:
        try:
            Tip(ledger, CHAIN).extend(block(6, fork, parent_fork="a"))
        except TipBroken:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(race, ("b", "c"))) == [False, True]
    assert len(tip.blocks()) == 2


FINALISE_AND_DIE = """
import os, signal, sys
from sqlalchemy import event
from domain.ledger import Ledger, Tip
ledger, step = Ledger(sys.argv[1]), int(sys.argv[2])
tip, left = Tip(ledger, 31337), [step]
def die(*_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
engine = ledger.database._engine
event.listen(engine, "before_cursor_execute", die)
event.listen(engine, "commit", die)
tip.finalise(6)
"""


@pytest.mark.slow
def test_a_kill_at_any_statement_of_finalising_leaves_both_places_as_they_were(
    ledger: Ledger, tip: Tip, url: str
) -> None:
    extend(tip, 5, 6, 7)
    before = tip.snapshot()
    steps = 0
    for step in range(1, 40):
        command = [sys.executable, "-c", FINALISE_AND_DIE, url, str(step)]
        if subprocess.run(command, timeout=60, check=False).returncode != -signal.SIGKILL:
            break
        steps = step
        assert (tip.snapshot(), recorded(ledger)) == (before, [])
    assert steps >= 6, "no statement was reached to be killed at"
    assert (tip.position(), tip.blocks(), recorded(ledger)) == (Position(6, name(6)), [block(7)], [5, 6])
