"""Effort: how busy each stage was, and which of them holds the others back."""

import threading

import pytest

from chain.effort import STAGES, Effort, Stage, bottleneck


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_stage_is_busy_while_something_is_in_it() -> None:
    clock = Clock()
    effort = Effort(clock)
    with effort.on("fetching"):
        clock.now += 2
    clock.now += 5
    with effort.on("storing"):
        clock.now += 1
    assert effort.seconds() == {"waiting": 0, "fetching": 2, "checking": 0, "decoding": 0, "storing": 1}


def test_two_at_once_make_a_stage_no_busier_than_the_clock() -> None:
    clock = Clock()
    effort = Effort(clock)
    with effort.on("fetching"):
        clock.now += 1
        with effort.on("fetching"):
            clock.now += 1
        clock.now += 1
    assert effort.seconds()["fetching"] == 3


def test_a_stage_still_busy_is_told_up_to_now() -> None:
    clock = Clock()
    effort = Effort(clock)
    with effort.on("waiting"):
        clock.now += 4
        assert effort.seconds()["waiting"] == 4
        clock.now += 4
    clock.now += 1
    assert effort.seconds()["waiting"] == 8


def test_an_error_ends_the_stage_too() -> None:
    clock = Clock()
    effort = Effort(clock)

    def believe() -> None:
        with effort.on("checking"):
            clock.now += 1
            raise ValueError("a lie")

    with pytest.raises(ValueError, match="a lie"):
        believe()
    clock.now += 1
    assert effort.seconds()["checking"] == 1


def test_what_is_counted_is_told_by_kind() -> None:
    effort = Effort()
    effort.count("provider_errors", "429")
    effort.count("provider_errors", "timeout", 2)
    effort.count("logs", many=812)
    effort.count("logs", many=8)
    assert effort.counted("provider_errors") == {"429": 1, "timeout": 2}
    assert effort.counted("logs") == {"": 820}
    assert effort.counted("reorgs") == {}


def test_what_is_noted_stands_until_it_is_noted_anew() -> None:
    effort = Effort()
    assert effort.noted("head") is None
    effort.note("head", 811)
    effort.note("head", 812)
    assert effort.noted("head") == 812


def test_threads_lose_no_count_and_no_stage() -> None:
    clock = Clock()
    effort = Effort(clock)

    def work() -> None:
        for _ in range(2000):
            with effort.on("storing"):
                effort.count("rows")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now += 10
    assert effort.counted("rows") == {"": 8000}
    assert effort.seconds()["storing"] == 0


@pytest.mark.parametrize(
    ("seconds", "held_by"),
    [
        ({"fetching": 9.0, "checking": 4.0, "storing": 2.0}, "fetching"),
        ({"fetching": 9.0, "checking": 4.0, "storing": 9.5}, "storing"),
        ({"fetching": 10.0, "checking": 9.5, "storing": 3.0}, "checking"),
        ({"waiting": 9.0, "fetching": 0.1}, "waiting"),
        ({}, "waiting"),
    ],
)
def test_the_last_of_the_busiest_stages_holds_the_others_back(seconds: dict[Stage, float], held_by: Stage) -> None:
    assert bottleneck(seconds) == held_by


def test_the_stages_are_told_in_the_order_of_the_datums_walk() -> None:
    assert STAGES == ("waiting", "fetching", "checking", "decoding", "storing")
