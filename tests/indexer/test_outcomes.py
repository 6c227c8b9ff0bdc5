"""Outcomes: every ended job of a node once, worth what the rule says, now and as of any block."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from domain.facts import BlockFinalised, JobExpired, LeaseExpired, NodeSlashed
from indexer.explorer import Queries
from indexer.explorer.outcomes import Outcomes
from receipts.reputation import OUTCOMES_MAX, worth_of
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history
from tests.indexer.world import GENESIS_S, USERS, WORKERS, World

pytestmark = pytest.mark.thorough

NODES = ["0x" + worker.hex() for worker in WORKERS]


@pytest.fixture
def blocks() -> list[BlockFinalised]:
    return random_history(41, 60)


def shown(place: Place, blocks: list[BlockFinalised], final: int) -> Queries:
    place.finalise(*blocks[:final])
    for block in blocks[final:]:
        place.tip.extend(block)
    place.explorer.refresh()
    return place.explorer.queries


def of(queries: Queries, node: str, window_s: int | None = None) -> Outcomes:
    return queries.outcomes(node, window_s, OUTCOMES_MAX)


def told(blocks: list[BlockFinalised], kind: type, node: str) -> list[Any]:
    facts = [occurrence.fact for block in blocks for occurrence in block.occurrences]
    return [
        fact for fact in facts if isinstance(fact, kind) and getattr(fact, "worker", None) == bytes.fromhex(node[2:])
    ]


@pytest.mark.parametrize("node", NODES)
def test_every_answer_lost_lease_and_slash_is_there_once(place: Place, blocks: list[BlockFinalised], node: str) -> None:
    queries = shown(place, blocks, 50)
    rows = of(queries, node).rows
    row = queries.node(node)
    assert row
    endings = Counter(each.ending for each in rows)
    assert endings["verified"] == row.settled > 0
    assert endings["unproven"] == row.unproven
    assert endings["lost"] == row.leases_lost == len(told(blocks, LeaseExpired, node))
    assert sum(each.amount for each in rows if each.ending == "slashed") == row.slashed
    assert sum(each.amount for each in rows if each.ending == "verified") == row.earned
    assert len(rows) == row.completed + row.leases_lost + endings["slashed"]


def test_outcomes_are_worth_what_a_verifier_says(place: Place, blocks: list[BlockFinalised]) -> None:
    queries = shown(place, blocks, 50)
    worths = Counter[str]()
    for node in NODES:
        for row in of(queries, node).rows:
            assert row.worth == worth_of(node, row.ending, row.controller, row.amount)  # type: ignore[arg-type]
            worths[row.worth] += 1
    assert worths["proven"]
    assert worths["lost"]
    counted = Counter[str]()
    for each in queries.endings(None):
        counted[each.worth] += each.count
    assert counted == worths


def test_a_node_that_serves_itself_or_for_nothing_proves_nothing(place: Place) -> None:
    world = World()
    place.finalise(world.found())
    world._register(USERS[0], 10**18)
    for n in (0, 1):
        world.order(n)
        world.jobs[n + 1].status, world.jobs[n + 1].worker = "claimed", USERS[0] if n == 0 else WORKERS[0]
        world.settle(n + 1, 0 if n else 50)
    place.finalise(world.seal())
    place.explorer.refresh()
    assert [row.worth for row in of(place.explorer.queries, "0x" + USERS[0].hex()).rows] == ["own"]
    assert [row.worth for row in of(place.explorer.queries, NODES[0]).rows] == ["unpaid"]


def test_a_window_holds_what_was_decided_in_it_and_ends_with_the_newest_block(
    place: Place, blocks: list[BlockFinalised]
) -> None:
    queries = shown(place, blocks, 50)
    everything = of(queries, NODES[0])
    assert everything.until == blocks[-1].timestamp
    window_s = (blocks[-1].timestamp - GENESIS_S) // 2
    half = of(queries, NODES[0], window_s)
    assert (half.since, half.until) == (blocks[-1].timestamp - window_s, blocks[-1].timestamp)
    assert half.rows == tuple(row for row in everything.rows if row.at >= half.since)
    assert 0 < len(half.rows) < len(everything.rows)


def test_of_too_many_the_newest_count_and_worthless_ones_displace_none(
    place: Place, blocks: list[BlockFinalised]
) -> None:
    queries = shown(place, blocks, 50)
    everything = of(queries, NODES[0]).rows
    few = queries.outcomes(NODES[0], None, 2).rows
    weighed = [row for row in everything if row.worth in ("proven", "failed", "unproven", "lost", "slashed")]
    assert [row for row in few if row in weighed] == weighed[:2]
    assert len(few) <= 4


@pytest.mark.parametrize("number", [20, 45, 55])
def test_as_of_a_block_it_is_what_an_index_tells_that_ends_there(
    place: Place, tmp_path: Path, blocks: list[BlockFinalised], number: int
) -> None:
    queries = shown(place, blocks, 50)
    with Place(tmp_path / "fresh") as fresh:
        then = shown(fresh, blocks[:number], number)
        for node in NODES:
            past, wanted = of(queries.as_of(number), node), of(then, node)
            assert (past.since, past.until) == (wanted.since, wanted.until)
            assert [asdict(row) for row in past.rows] == [asdict(row) for row in wanted.rows]
        assert queries.as_of(number).endings(None) == then.endings(None)


def test_a_block_that_is_dropped_takes_its_outcomes_with_it(place: Place) -> None:
    world = World()
    blocks = [world.found()]
    world.emit(USERS[0], b"\xc1" * 20, NodeSlashed(WORKERS[0], 7, "late"))  # type: ignore[arg-type]
    blocks.append(world.seal())
    queries = shown(place, blocks, 1)
    assert [row.amount for row in of(queries, NODES[0]).rows] == [7]
    place.tip.drop_from(2)
    place.explorer.refresh()
    assert of(queries, NODES[0]).rows == ()


def test_what_was_parked_is_no_outcome(place: Place) -> None:
    world = World()
    blocks = [world.found()]
    world.emit(WORKERS[0], b"\xc0" * 20, LeaseExpired(99, WORKERS[0]), JobExpired(99, WORKERS[0], 5))  # type: ignore[arg-type]
    blocks.append(world.seal())
    assert of(shown(place, blocks, 2), NODES[0]).rows == ()
