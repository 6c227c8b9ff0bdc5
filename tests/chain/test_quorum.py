from chain.errors import Distrusted, Missing
from chain.levels import ROOT, parse
from chain.quorum import Ballots
from domain.facts import BlockFinalised as Block

ONE = [Block(7, b"\x07" * 32, b"\x06" * 32, 70)]
OTHER = [Block(7, b"\x77" * 32, b"\x06" * 32, 70)]


def test_a_block_is_elected_once_enough_say_the_same() -> None:
    ballots = Ballots(parse("quorum:2"), [7])
    ballots.cast("a", ONE)
    assert ballots.elected() is None
    ballots.cast("b", OTHER)
    assert ballots.elected() is None
    ballots.cast("c", ONE)
    assert ballots.elected() == ONE
    assert ballots.asked == {"a", "b", "c"}


def test_a_lone_dissenter_is_a_doubt() -> None:
    ballots = Ballots(parse("quorum:2"), [7])
    for name, blocks in (("a", ONE), ("b", OTHER), ("c", ONE)):
        ballots.cast(name, blocks)
    evidence = ballots.evidence()
    assert (evidence.level, evidence.provider) == ("quorum:2", "a, c")
    (doubt,) = evidence.doubts
    assert doubt.startswith(f"b: blocks 0x7 end with 0x{'77' * 32} and hold 0 logs of ours")


def test_what_contradicts_itself_is_a_doubt_and_what_is_not_there_is_none() -> None:
    ballots = Ballots(ROOT, [7, 8])
    ballots.doubt("a", Distrusted("a gap"))
    ballots.doubt("b", Missing("no block"))
    ballots.cast("c", ONE)
    assert ballots.evidence().doubts == ("a: a gap",)


def test_a_disagreement_names_who_said_what() -> None:
    ballots = Ballots(parse("quorum:2"), [7])
    ballots.cast("a", ONE)
    ballots.cast("b", OTHER)
    said = str(ballots.disagreement())
    assert said.startswith("no 2 of 2 providers agree on blocks 0x7: a: ")
    assert "; b: " in said
