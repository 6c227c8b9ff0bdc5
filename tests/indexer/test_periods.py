"""Hours, days and rankings: as the rows of jobs and receipts add up to them, at any moment and in any window."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from indexer.explorer import BadCursor, Queries
from indexer.explorer.leaders import SECONDS as LENGTHS
from indexer.explorer.leaders import By, LeaderRow, Leading
from indexer.explorer.periods import SECONDS, PeriodRow, Span
from tests.indexer.place import Place
from tests.indexer.test_projecting import random_history

pytestmark = pytest.mark.thorough

BLOCKS = 90
BYS: tuple[By, ...] = ("earned", "settled", "completed", "completion_tokens", "tokens_per_s", "settled_share")


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Blocks that lie 1,100 seconds apart but for one pause of weeks; the last ten are not final."""
    blocks = [
        replace(block, timestamp=block.timestamp + 1_100 * i + (30 * 86_400 if i > 40 else 0))
        for i, block in enumerate(random_history(51, BLOCKS - 1))
    ]
    with Place(tmp_path_factory.mktemp("spread")) as place:
        for block in blocks:
            place.tip.extend(block)
            if block.number <= BLOCKS - 10:
                place.tip.finalise(block.number)
            place.explorer.refresh()
        yield place


def walk(ask: Callable[[str | None], Any]) -> list[Any]:
    rows: list[Any] = []
    after = None
    while True:
        page = ask(after)
        rows += page.rows
        if (after := page.next) is None:
            return rows


def expected(queries: Queries, span: Span) -> dict[int, tuple[int, int, int, int, int]]:
    """Requested, answered, settled, returned and earned by the begin of the period."""
    found: dict[int, list[int]] = {}

    def count(second: int | None, column: int, number: int = 1) -> None:
        if second is not None:
            begin = second - second % SECONDS[span.unit]
            if (span.since or 0) <= begin < (span.until or 2**60):
                found.setdefault(begin, [0] * 5)[column] += number

    for job in queries.jobs(limit=1000).rows:
        count(job.requested_at, 0)
        count(job.completed_at, 1)
        if job.state in ("cancelled", "expired"):
            count(job.closed_at, 3)
    for receipt in queries.receipts(limit=1000).rows:
        if receipt.state == "verified":
            count(receipt.settled_at, 2)
            count(receipt.settled_at, 4, receipt.amount or 0)
    return {begin: (values[0], values[1], values[2], values[3], values[4]) for begin, values in found.items()}


def figures(row: PeriodRow) -> tuple[int, int, int, int, int]:
    return row.requested, row.answered, row.settled, row.returned, row.earned


@pytest.mark.parametrize("unit", ["hour", "day"])
@pytest.mark.parametrize("descending", [True, False])
def test_a_walk_through_the_periods_tells_what_the_rows_add_up_to(spread: Place, unit: Any, descending: bool) -> None:
    middle = 1_700_000_000 + 60_000
    for queries in (spread.explorer.queries, spread.explorer.queries.as_of(60)):
        for since, until in ((None, None), (middle, None), (None, middle), (middle, middle + 20 * 86_400)):
            span = Span(unit, since, until, descending)
            rows = walk(lambda after, span=span, queries=queries: queries.periods(span, after, 3))
            assert {row.start: figures(row) for row in rows} == expected(queries, span)
            assert [row.start for row in rows] == sorted((row.start for row in rows), reverse=descending)


def test_no_periods_are_where_nothing_is(place: Place) -> None:
    assert place.explorer.queries.periods(Span("day")).rows == ()
    assert place.explorer.queries.leaders(Leading("24h")).rows == ()


@pytest.mark.parametrize("period", LENGTHS)
def test_the_ranking_of_a_period_tells_what_the_receipts_in_it_add_up_to(spread: Place, period: Any) -> None:
    for queries in (spread.explorer.queries, spread.explorer.queries.as_of(60)):
        since = queries.head().at - (LENGTHS[period] or 2**40)
        rows = queries.leaders(Leading(period)).rows
        receipts = queries.receipts(limit=1000).rows
        for row in rows:
            paid = [r for r in receipts if r.worker == row.address and r.settled_at and r.settled_at > since]
            given = [r for r in receipts if r.worker == row.address and r.answered_at > since]
            assert row.earned == sum(r.amount or 0 for r in paid if r.state == "verified")
            assert row.settled == sum(r.state == "verified" for r in paid)
            assert (row.completed, row.unproven) == (len(given), sum(r.state in ("failed", "unproven") for r in given))
        assert [row.place for row in rows] == sorted(row.place for row in rows)
        if period == "all":
            assert {row.address: row.earned for row in rows} == {n.address: n.earned for n in queries.nodes().rows}


@pytest.mark.parametrize("by", BYS)
def test_a_walk_through_the_ranking_meets_every_node_once_the_largest_first(spread: Place, by: By) -> None:
    queries = spread.explorer.queries
    rows: list[LeaderRow] = walk(lambda after: queries.leaders(Leading("all", by), after, 1))
    assert sorted(row.address for row in rows) == [node.address for node in queries.nodes().rows]
    told = [getattr(row, by) or 0 for row in rows]
    assert told == sorted(told, reverse=True)
    left = queries.nodes().rows[0].state
    assert {row.state for row in queries.leaders(Leading("all", by, left)).rows} == {left}


@pytest.mark.parametrize("cursor", ["x", "[]", '["a"]', "1.5", "null", "[1,2,3]"])
def test_a_place_that_is_none_is_refused(spread: Place, cursor: str) -> None:
    with pytest.raises(BadCursor):
        spread.explorer.queries.periods(Span("hour"), cursor)
    with pytest.raises(BadCursor):
        spread.explorer.queries.leaders(Leading("all", "tokens_per_s"), cursor)
