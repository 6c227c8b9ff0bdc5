"""Facts survive the way into bytes and back, today's as well as those that were stored long ago."""

import types
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.facts import AnyFact, BlockFinalised, Fact, JobClaimed, JobExpired, Occurrence, Wei, Withdrawn
from domain.ledger import Ledger, Recorded, UnreadableFact
from domain.ledger.mapper import DEFLATED, FactMapper, Old, inflated

SAMPLES = Path(__file__).parent / "samples"
STORED = [bytes.fromhex(line) for line in (SAMPLES / "facts.txt").read_text().split()]
KINDS = typing.get_args(AnyFact)
MAPPER = FactMapper()


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold."""
    plain: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(-(2**63), 2**64 - 1),
        Wei: st.integers(0, 2**256 - 1).map(Wei),
        str: st.text(max_size=20),
        bytes: st.binary(max_size=40),
        bool: st.booleans(),
        float: st.floats(allow_nan=False),
        type(None): st.none(),
    }
    if kind in plain:
        return plain[kind]
    if typing.get_origin(kind) is tuple:
        return st.lists(values(typing.get_args(kind)[0]), max_size=2).map(tuple)
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return st.one_of([values(each) for each in typing.get_args(kind)])
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})


def is_within(old: Any, new: Any) -> bool:
    """Whether everything that `old` says is still said: later fields may have come, none may have gone."""
    if isinstance(old, dict):
        return all(name in new and is_within(value, new[name]) for name, value in old.items())
    if isinstance(old, list):
        return len(old) <= len(new) and all(is_within(*pair) for pair in zip(old, new, strict=False))
    return bool(old == new)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_every_kind_of_fact_comes_back_as_it_went_in(kind: type[Fact], data: st.DataObject) -> None:
    place = Recorded("stream", 3, data.draw(values(kind)))
    back = MAPPER.to_domain_event(MAPPER.to_stored_event(place))
    assert back == place
    assert type(back.fact) is kind


def test_amounts_of_wei_may_pass_64_bits_and_stay_wei() -> None:
    fact = Withdrawn(b"\1" * 20, b"\2" * 20, Wei(2**255 + 1))
    back = MAPPER.decode(MAPPER.encode(fact))
    assert isinstance(back, Withdrawn)
    assert (back.amount, type(back.amount)) == (2**255 + 1, Wei)


def test_a_block_of_many_facts_is_deflated_and_one_stored_plain_is_read_all_the_same() -> None:
    facts = tuple(Occurrence(JobClaimed(i, b"\1" * 20, i), b"\2" * 20, 0, i) for i in range(50))
    block = BlockFinalised(7, b"\7" * 32, b"\6" * 32, 1_700_000_000, (), facts)
    state = MAPPER.encode(block)
    assert state[:1] == DEFLATED
    assert len(state) < len(inflated(state)) / 5
    assert MAPPER.decode(state) == MAPPER.decode(inflated(state)) == block


def test_the_tag_is_the_topic_so_that_classes_may_be_renamed() -> None:
    assert MAPPER.to_stored_event(Recorded("s", 1, JobClaimed(1, b"w", 2))).topic == "job.claimed"


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(OverflowError):
        MAPPER.encode(Withdrawn(b"", b"", Wei(-1)))


def tag_of(state: bytes) -> str:
    return str(msgspec.msgpack.decode(state)["fact"])


@pytest.mark.parametrize("state", STORED, ids=tag_of)
def test_a_fact_stored_by_an_earlier_release_loads_with_all_it_said(state: bytes) -> None:
    today = MAPPER.encode(MAPPER.decode(state))
    assert is_within(msgspec.msgpack.decode(state), msgspec.msgpack.decode(inflated(today)))


def test_the_samples_hold_every_kind_of_fact() -> None:
    """A new fact adds its `FactMapper().encode(fact).hex()` to samples/facts.txt; lines that were released stay."""
    assert {tag_of(state) for state in STORED} >= {kind.__struct_config__.tag for kind in KINDS}


def length_to_time(old: Old) -> Old:
    """The retired `job.claimed/0` said how long a lease lasts; since then it says when it ends."""
    kept = {name: value for name, value in old.items() if name not in ("claimed_at", "lease_s")}
    return kept | {"fact": "job.claimed", "lease_until": old["claimed_at"] + old["lease_s"]}


def provider_to_worker(old: Old) -> Old:
    return {"fact": "job.claimed/0"} | {
        "worker" if name == "provider" else name: value for name, value in old.items() if name != "fact"
    }


UPCASTS = {"claimed": provider_to_worker, "job.claimed/0": length_to_time}


def test_retired_facts_inside_a_stored_block_are_lifted_step_by_step(sqlite_url: str) -> None:
    """The sample was stored when `job.claimed` had two predecessors, one of which still said `provider`."""
    state = bytes.fromhex((SAMPLES / "retired.txt").read_text())
    ledger = Ledger(sqlite_url, upcasts=UPCASTS)
    ledger.record(Recorded("chain:1", 7, ledger.mapper.decode(state)))
    [(_, recorded)] = ledger.after(0, 10)
    assert recorded.fact == BlockFinalised(
        number=7,
        hash=b"\7" * 32,
        parent=b"\6" * 32,
        timestamp=1_700_000_000,
        occurrences=(
            Occurrence(JobClaimed(1, b"\1" * 20, 1_700_000_060), b"\xcc" * 20, 0, 0),
            Occurrence(JobClaimed(2, b"\2" * 20, 1_700_000_090), b"\xcc" * 20, 0, 1),
            Occurrence(JobExpired(3, b"\3" * 20, Wei(10**18)), b"\xcc" * 20, 0, 2),
        ),
    )
    ledger.close()


def test_a_fact_that_nobody_knows_any_more_names_its_place_and_the_remedy() -> None:
    stored = MAPPER.to_stored_event(Recorded("job-order:7", 1, JobClaimed(1, b"w", 2)))
    narrow = FactMapper(kinds=JobExpired)
    with pytest.raises(UnreadableFact, match=r"job-order:7 version 1 \(job\.claimed\).*run the release"):
        narrow.to_domain_event(stored)


def test_bytes_that_are_no_fact_are_unreadable_not_a_crash() -> None:
    stored = MAPPER.to_stored_event(Recorded("s", 1, JobClaimed(1, b"w", 2)))
    for state in (b"", b"\xc1", b"\x81", stored.state[:-1], b"\x93\1\2\3", DEFLATED + b"\1nonsense"):
        with pytest.raises(UnreadableFact, match="s version 1"):
            MAPPER.to_domain_event(type(stored)("s", 1, "job.claimed", state))
