"""Bugs that users of other indexers met, each made to happen here as hard as it can: readers notice nothing."""

import gc
import tracemalloc
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from pathlib import Path

import pytest
from msgspec.structs import replace as change

from tests.simulation.plan import Plan
from tests.simulation.world import Worlds

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
ROOMS = ("chain", "domain", "indexer")
SEED = 20_000
STEADY = Plan(seed=SEED, blocks=12, busy=1.0, show_s=1.0, looks=6)


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with Worlds() as worlds:
        yield worlds


@pytest.mark.parametrize("providers", [1, 2])
@pytest.mark.parametrize("lie", ["drop_logs", "drop_receipt", "no_receipts"])
def test_logs_that_are_silently_lacking_are_asked_for_until_they_are_there(
    worlds: Worlds, lie: str, providers: int
) -> None:
    """erigon#23062, reth#17678; `[]` for pruned history as geth#18198."""
    worlds.live(change(STEADY, lies=0.9, lie_kinds=(lie,), providers=providers, honest=providers > 1, blocks_before=12))


@pytest.mark.parametrize("keeps", [0.0, 1.0])
def test_reorg_after_reorg_neither_loops_nor_doubles(worlds: Worlds, keeps: float) -> None:
    """hyperindex#740 and #659."""
    outcome = worlds.live(change(STEADY, reorgs=1.0, finality="depth:7", keeps=keeps, blocks=25, moves=0.3))
    assert outcome.reorgs >= 20


def test_a_reorg_while_nodes_disagree_does_not_stop_the_indexer(worlds: Worlds) -> None:
    """graph-node#5586: the block asked for next is of a branch that the node has left."""
    worlds.live(
        change(STEADY, reorgs=0.7, providers=3, lagging_s=25.0, moves=0.5, forgets=True, socket=True, blocks=20)
    )


@pytest.mark.parametrize("batch_events", [1, 20_000])
def test_nothing_is_counted_twice_however_often_the_process_is_killed(worlds: Worlds, batch_events: int) -> None:
    """ponder 0.15.3."""
    plan = change(STEADY, crashes=12, crash_early=True, blocks=20, batch_events=batch_events, show_s=0.01, work_s=0.5)
    assert worlds.live(plan).lives >= 8


@pytest.mark.parametrize("trouble", ["busy", "limited", "broken", "hang", "cut", "reset"])
def test_a_node_that_refuses_nearly_everything_is_waited_for(worlds: Worlds, trouble: str) -> None:
    """squid#376: one 429 and nothing came any more."""
    worlds.live(change(STEADY, troubles={trouble: 0.9}, blocks_before=10))


def test_sockets_that_fall_silent_or_close_are_not_the_end(worlds: Worlds) -> None:
    """ponder 0.14.5: it died without a word."""
    worlds.live(change(STEADY, socket=True, troubles={"silent_socket": 0.8, "closing_socket": 0.5, "garbage": 0.2}))


def test_all_nodes_away_for_long_is_no_end_either(worlds: Worlds) -> None:
    worlds.live(change(STEADY, outages=8, providers=3, blocks=20, socket=True))


@pytest.mark.parametrize("level", ["root", "bloom"])
def test_where_every_block_is_final_at_once_nothing_is_lost_either(worlds: Worlds, level: str) -> None:
    """`depth:0`, on a chain that never takes anything back, while nodes fail and processes die."""
    plan = change(STEADY, finality="depth:0", level=level, crashes=4, crash_early=True, socket=True, show_s=0.01)
    outcome = worlds.live(change(plan, troubles={"cut": 0.2, "limited": 0.2, "reset": 0.1}, blocks=25, work_s=0.5))
    assert outcome.reorgs == 0
    assert outcome.lives > 1


def test_tables_that_are_gone_come_back_from_the_ledger_not_from_the_node(worlds: Worlds) -> None:
    """ponder#2257: every change cost a full resync."""
    plan = change(STEADY, ending="tables lost", blocks_before=60, blocks=4, batch_blocks=1, finality="depth:1")
    outcome = worlds.live(plan)
    assert outcome.requests > 60
    assert outcome.requests_at_end < 20


def test_memory_does_not_grow_with_the_chain(worlds: Worlds) -> None:
    """ponder#671. Nobody does anything on this chain, so that there are no rows to be kept at hand."""
    worlds.live(STEADY)  # what is made once is made by now
    few, many = (kept_bytes(worlds, blocks) for blocks in (40, 160))
    assert many < 1.2 * few, f"{few} bytes at the end of 40 blocks, {many} of 160"


def kept_bytes(worlds: Worlds, blocks: int) -> int:
    """What the code under test holds when it is level with a chain of so many blocks."""
    held: list[int] = []

    def measure() -> None:
        empty_caches()
        taken = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, f"{ROOT}/{room}/*") for room in ROOMS]
        )
        held.append(sum(each.size for each in taken.statistics("filename")))

    tracemalloc.start()
    try:
        worlds.live(change(STEADY, busy=0.0, blocks=2, blocks_before=blocks, batch_blocks=3), at_end=measure)
    finally:
        tracemalloc.stop()
    return held[0]


def empty_caches() -> None:
    """What is kept at hand for speed is bounded by its own sizes, and fills with any chain."""
    for each in gc.get_objects():
        if isinstance(each, _lru_cache_wrapper) and (each.__module__ or "").partition(".")[0] in ROOMS:
            each.cache_clear()
