"""Fault points: the list and the code name the same ones, and nobody who reaches one pays for it."""

import ast
import timeit
from pathlib import Path

import pytest

from domain.faultpoints import POINTS, listening, reach

ROOT = Path(__file__).parents[2]
ROOMS = ("domain", "receipts", "chain", "indexer", "worker", "api", "tallystick")


def reached() -> set[str]:
    calls = [
        node
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reach"
    ]
    return {ast.literal_eval(call.args[0]) for call in calls}


def test_the_list_names_exactly_the_points_in_the_code() -> None:
    assert reached() == set(POINTS)


def test_a_listener_is_told_while_it_listens_and_what_it_raises_is_raised_there() -> None:
    told: list[str] = []
    with listening(told.append):
        reach("ledger.begun")
    reach("ledger.committed")
    assert told == ["ledger.begun"]

    def end(point: str) -> None:
        raise KeyboardInterrupt(point)

    with listening(end), pytest.raises(KeyboardInterrupt, match=r"explorer\.begun"):
        reach("explorer.begun")
    reach("explorer.begun")


def test_a_point_that_nobody_listens_to_costs_less_than_a_microsecond() -> None:
    assert min(timeit.repeat(lambda: reach("ledger.begun"), number=10_000, repeat=5)) / 10_000 < 1e-6
