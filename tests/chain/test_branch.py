from hypothesis import given, settings
from hypothesis import strategies as st

from chain.branch import Branch, Link, standing
from chain.news import Extended, Finalised, News, Reorganised
from domain.facts import BlockFinalised


def block(number: int, fork: int = 0, parent_fork: int | None = None, timestamp: int | None = None) -> BlockFinalised:
    below = fork if parent_fork is None else parent_fork
    return BlockFinalised(number, name(number, fork), name(number - 1, below), timestamp or number)


def name(number: int, fork: int = 0) -> bytes:
    return bytes((fork, number))


def branch_to(top: int, bottom: int = 0) -> Branch:
    branch = Branch(Link(bottom, name(bottom)))
    list(branch.extend([block(number) for number in range(bottom + 1, top + 1)], bound=bottom))
    return branch


def test_blocks_that_are_final_are_closed_off_before_the_others() -> None:
    branch = branch_to(2)
    news = list(branch.extend([block(3), block(4), block(5)], bound=4))
    assert news == [
        Finalised(2, name(2)),
        Extended((block(3), block(4)), is_final=True),
        Finalised(4, name(4)),
        Extended((block(5),)),
    ]
    assert (branch.bottom.number, branch.top.number) == (4, 5)


def test_what_is_final_is_never_dropped() -> None:
    branch = branch_to(5)
    assert list(branch.finalise(3)) == [Finalised(3, name(3))]
    assert list(branch.drop_above(1)) == [Reorganised(4, (name(4), name(5)))]
    assert branch.top.number == branch.bottom.number == 3


def test_finality_never_goes_back_nor_beyond_what_is_held() -> None:
    branch = branch_to(5)
    assert list(branch.finalise(99)) == [Finalised(5, name(5))]
    assert list(branch.finalise(2)) == []


def test_a_block_is_held_by_number_and_hash() -> None:
    branch = branch_to(5, bottom=2)
    assert branch.holds(2, name(2))
    assert branch.holds(5, name(5))
    assert not branch.holds(5, name(5, fork=1))
    assert branch.at(1) is None
    assert branch.at(6) is None


def test_blocks_stand_only_on_their_parent_in_number_hash_and_time() -> None:
    below = Link(1, name(1), 1)
    assert standing(below, [block(2), block(3), block(4)]) == 3
    assert standing(below, [block(2), block(4)]) == 1
    assert standing(below, [block(2), block(3, fork=1)]) == 1
    assert standing(below, [block(2, timestamp=9), block(3)]) == 1
    assert standing(below, []) == 0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=25), st.integers(0, 4))
def test_readers_of_the_news_hold_what_the_branch_holds(moves: list[tuple[int, int]], depth: int) -> None:
    """Any mix of growth and reorgs: a reader who applies the news alone ends with the same hashes."""
    branch, held = Branch(Link(0, name(0))), [name(0)]
    for fork, (drop, grow) in enumerate(moves, start=1):
        keep = max(branch.top.number - drop, branch.bottom.number)
        news = list(branch.drop_above(keep))
        blocks: list[BlockFinalised] = []
        for number in range(keep + 1, keep + 1 + grow):
            parent = blocks[-1].hash if blocks else branch.top.hash
            blocks.append(BlockFinalised(number, name(number, fork), parent, number))
        assert standing(branch.top, blocks) == grow
        bound = keep + grow - depth
        news += [*branch.extend(blocks, bound), *branch.finalise(bound)]
        for each in news:
            apply(each, held)
    assert len(held) == branch.top.number + 1
    assert all(branch.holds(number, held[number]) for number in range(branch.bottom.number, len(held)))


def apply(each: News, held: list[bytes]) -> None:
    if isinstance(each, Extended):
        held.extend(block.hash for block in each.blocks)
    elif isinstance(each, Reorganised):
        assert tuple(held[each.number :]) == each.dropped
        del held[each.number :]
    else:
        assert held[each.number] == each.hash
