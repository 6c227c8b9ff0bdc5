"""The indexer's figures: rates over the last seconds, time left, and the stage that holds the others back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.effort import Effort
from domain.facts import BlockFinalised
from tallystick.cli.status import indexing_rows
from tallystick.gauging import WINDOW_S, IndexerGauges
from tests.indexer.place import Place

GENESIS_S = 1_700_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """An explorer that blocks are put into by hand, with the figures of it."""

    def __init__(self, place: Place) -> None:
        self.place, self.clock, self.wall = place, Clock(), Clock()
        self.effort = Effort(self.clock)
        self.gauges = IndexerGauges(self.effort, place.explorer, self.clock, self.wall)

    def index(self, first: int, last: int) -> None:
        blocks = [
            BlockFinalised(number, bytes([number] * 32), bytes([number - 1] * 32), GENESIS_S + number, (), ())
            for number in range(first, last + 1)
        ]
        self.place.finalise(*blocks)
        self.place.explorer.refresh(blocks[-1])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Place(tmp_path) as place:
        yield Bench(place)


def test_before_the_chain_is_heard_nothing_is_invented(bench: Bench) -> None:
    figures = bench.gauges.figures()
    assert (figures.head, figures.lag_blocks, figures.lag_s, figures.blocks_per_s) == (None, 0, 0.0, 0.0)


def test_the_rate_and_the_time_left_are_those_of_the_last_seconds(bench: Bench) -> None:
    bench.effort.note("head", 90)
    bench.index(1, 10)
    bench.gauges.figures()
    bench.clock.now += WINDOW_S * 2  # long ago: does not count
    bench.gauges.figures()
    bench.clock.now += 4
    bench.index(11, 30)
    bench.wall.now = GENESIS_S + 95
    figures = bench.gauges.figures()
    assert (figures.indexed, figures.lag_blocks) == (30, 60)
    assert figures.blocks_per_s == pytest.approx(5)
    assert figures.eta_s == pytest.approx(12)
    assert figures.lag_s == 65


def test_a_chain_that_grows_as_fast_as_it_is_indexed_is_never_caught_up(bench: Bench) -> None:
    bench.effort.note("head", 50)
    bench.index(1, 10)
    bench.gauges.figures()
    bench.clock.now += 4
    bench.effort.note("head", 60)
    bench.index(11, 20)
    assert bench.gauges.figures().eta_s is None


def test_level_with_the_chain_nothing_is_left(bench: Bench) -> None:
    bench.effort.note("head", 10)
    bench.index(1, 10)
    bench.wall.now = GENESIS_S + 1000
    figures = bench.gauges.figures()
    assert (figures.lag_blocks, figures.lag_s, figures.eta_s) == (0, 0.0, 0.0)


def test_the_bottleneck_is_the_stage_busiest_of_late(bench: Bench) -> None:
    with bench.effort.on("fetching"):
        bench.clock.now += 1000
    bench.gauges.figures()
    bench.clock.now += WINDOW_S * 2
    bench.gauges.figures()
    with bench.effort.on("storing"):
        bench.clock.now += 5
    figures = bench.gauges.figures()
    assert figures.busiest == "storing"
    assert figures.seconds["fetching"] == 1000


def test_counts_are_those_of_the_effort(bench: Bench) -> None:
    bench.effort.count("provider_errors", "429", 3)
    bench.effort.count("retries", many=4)
    bench.effort.count("logs", many=812)
    figures = bench.gauges.figures()
    assert (figures.provider_errors, figures.retries, figures.logs) == ({"429": 3}, 4, 812)
    assert figures.memory_bytes > 1 << 20


def test_a_person_is_told_how_far_it_is_and_what_holds_it_back() -> None:
    told = {
        "lag_blocks": 60, "lag_s": 65.2, "eta_s": 3661.0, "blocks_per_s": 5.04, "logs": 812, "busiest": "fetching",
        "seconds": {"fetching": 9.04, "storing": 1.0}, "provider_errors": {"timeout": 1, "429": 3}, "retries": 4,
        "parked": 2, "reorgs": 1, "memory_bytes": 150 << 20,
    }  # fmt: skip
    assert dict(indexing_rows(told)) == {
        "lag": "60 blocks, 0:01:05; about 1:01:01 left",
        "rate": "5.0 blocks a second; 812 logs since the start",
        "bottleneck": "fetching: the providers are the slowest part (fetching 9.0 s, storing 1.0 s)",
        "provider errors": "3 429, 1 timeout; 4 retries",
        "parked": "2 facts: see `tallystick parked list`",
        "reorgs, memory": "1, 150 MiB",
    }
    assert dict(indexing_rows({**told, "lag_blocks": 0}))["lag"] == "none: level with the chain"
    assert dict(indexing_rows({**told, "eta_s": None}))["lag"].endswith("no end in sight")
