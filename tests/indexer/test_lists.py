"""Every list, in every order and with every filter: against the whole list, sorted and filtered the naive way."""

import random
from collections.abc import Callable, Iterator
from operator import ge, le
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.facts import ReceiptPublished, Wei
from domain.ledger import Recorded, streams
from indexer.explorer import Queries
from indexer.explorer.filters import Condition, Where
from indexer.explorer.lists import LISTINGS, Form, Listing, Narrowing
from indexer.explorer.ordering import Order
from indexer.explorer.rows import Row
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_projecting import random_history
from tests.indexer.world import COORDINATOR, World

pytestmark = pytest.mark.thorough

NAMES = sorted(LISTINGS)
ORDERS = [(name, sort) for name in NAMES for sort in LISTINGS[name].orders]
STANDS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: bool(value == wanted),
    ">=": ge,
    "<=": le,
    "offers": lambda value, wanted: any(offer.model_id == wanted for offer in value),
    "filled": lambda value, wanted: bool(value) is wanted,
}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Sixty blocks of which the last ten are not final, with documents of every third receipt."""
    blocks = random_history(41, 59)
    with Place(tmp_path_factory.mktemp("busy")) as place:
        place.finalise(*blocks[:25])
        place.explorer.refresh()
        for block in blocks[25:]:
            place.tip.extend(block)
            if block.number <= 50:
                place.tip.finalise(block.number)
            place.explorer.refresh()
        _publish(place)
        yield place


def _publish(place: Place) -> None:
    for n, row in enumerate(whole(place.explorer.queries, LISTINGS["receipts"])):
        if n % 3 == 0 and row.commitment:
            fact = ReceiptPublished(
                row.job_id, bytes.fromhex(row.worker[2:]), f"Qmdoc{row.job_id}", row.response_cid,
                Wei(int(row.commitment, 16)), n % 5, 7 * n % 11, 1_000 * n, 1_000 * n + 500,
            )  # fmt: skip
            place.ledger.record(Recorded(streams.receipt(CHAIN_ID, COORDINATOR, row.job_id), 1, fact))
    place.explorer.refresh()


def walk(queries: Queries, order: Order, where: Where = (), limit: int = 19) -> list[Any]:
    rows: list[Any] = []
    after = None
    while True:
        page = queries.rows(order, where, after, limit)
        rows += page.rows
        if (after := page.next) is None:
            return rows
        assert len(page.rows) == limit


def whole(queries: Queries, listing: Listing) -> list[Any]:
    return walk(queries, listing.order, limit=1000)


def naively(order: Order, rows: list[Any]) -> list[Any]:
    """Rows that miss the leading value come last, whichever way the rest goes."""
    leading, *rest = order.columns
    there = [row for row in rows if getattr(row, leading) is not None]
    missing = [row for row in rows if getattr(row, leading) is None]
    key = lambda row: tuple(getattr(row, name) for name in order.columns)  # noqa: E731
    last = lambda row: tuple(getattr(row, name) for name in rest)  # noqa: E731
    return sorted(there, key=key, reverse=order.descending) + sorted(missing, key=last, reverse=order.descending)


@pytest.mark.parametrize(("name", "sort"), ORDERS)
def test_a_walk_in_any_order_meets_every_row_once_in_that_order(busy: Place, name: str, sort: str) -> None:
    listing = LISTINGS[name]
    for queries in (busy.explorer.queries, busy.explorer.queries.as_of(37)):
        assert walk(queries, listing.orders[sort]) == naively(listing.orders[sort], whole(queries, listing))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("reorgs", "integrity", "samples", "parked")])
def test_every_filter_leaves_exactly_the_rows_that_fit_and_a_count_of_them(busy: Place, name: str) -> None:
    listing = LISTINGS[name]
    for queries in (busy.explorer.queries, busy.explorer.queries.as_of(37)):
        rows = whole(queries, listing)
        assert len(rows) > 1
        for narrowing in listing.narrowings.values():
            for value in values(narrowing, rows):
                where = narrowing.conditions((value,))
                fitting = [row for row in rows if fits(row, where)]
                assert walk(queries, listing.order, where) == fitting, narrowing
                assert queries.count(listing.table, where).rows == len(fitting), narrowing


def values(narrowing: Narrowing, rows: list[Any]) -> list[Any]:
    """Some that rows have, and one that none has."""
    there = [getattr(row, column) for row in rows for column in narrowing.columns]
    known = [value for value in there if value is not None]
    if narrowing.operator == "offers":
        known = [offer.model_id for offers in known for offer in offers]
    if narrowing.form is Form.FLAG:
        return [True, False]
    absent = "Qmabsent" if all(isinstance(value, str) for value in known) else 2**40
    return [*random.Random(1).sample(known, min(3, len(known))), absent]


def fits(row: Row, where: Where) -> bool:
    return all(
        any(
            (found := getattr(row, column)) is not None and STANDS[each.operator](found, value)
            for column in each.columns
            for value in each.values
        )
        for each in where
    )


def test_several_filters_at_once_and_several_values_of_one(busy: Place) -> None:
    queries, listing = busy.explorer.queries, LISTINGS["jobs"]
    rows = whole(queries, listing)
    where = (
        Condition(("state",), "=", ("settled", "cancelled")),
        Condition(("escrow",), ">=", (rows[3].escrow // 2,)),
        Condition(("is_final",), "=", (True,)),
    )
    fitting = [row for row in rows if fits(row, where)]
    assert 0 < len(fitting) < len(rows)
    for order in listing.orders.values():
        assert walk(queries, order, where, 3) == naively(order, fitting)


def test_more_rows_than_are_counted_are_estimated_and_said_to_be(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        place.finalise(*random_history(42, 20))
        place.explorer.refresh()
        with place.explorer.database.writing() as cursor:
            cursor.execute(
                "INSERT INTO final.events SELECT e.* REPLACE (block + 1000 * n AS block) "
                "FROM final.events e, range(1000) t(n) ORDER BY 1, 2"
            )
        queries, events = place.explorer.queries, LISTINGS["events"].table
        where = (Condition(("name",), "=", ("InferenceRequested",)),)
        everything, exact = queries.count(events, (), 10), queries.count(events, where, 10**6)
        assert (everything.is_exact, exact.is_exact, everything.rows > exact.rows > 10_000) == (True, True, True)
        estimated = queries.count(events, where, 10_000)
        assert (estimated.is_exact, exact.rows * 0.7 < estimated.rows < exact.rows * 1.4) == (False, True)


@pytest.mark.parametrize("seed", range(6))
def test_a_walk_while_blocks_come_and_go_neither_skips_nor_doubles_a_row_that_stayed(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    world = World()
    with Place(tmp_path) as place:
        place.finalise(world.found())
        for _ in range(12):
            _grow(place, world, source)
        queries, listing = place.explorer.queries, LISTINGS[source.choice(("jobs", "events", "accounts", "receipts"))]
        order = source.choice(list(listing.orders.values()))
        stayed = {repr(_bare(row)) for row in whole(queries, listing)}
        seen: list[str] = []
        after = None
        while True:
            page = queries.rows(order, (), after, 4)
            seen += [repr(_bare(row)) for row in page.rows]
            if (after := page.next) is None:
                break
            _grow(place, world, source)
            if source.random() < 0.4:
                _reorganise(place, source)
            stayed &= {repr(_bare(row)) for row in whole(queries, listing)}
        assert stayed
        assert all(seen.count(row) == 1 for row in stayed)


def _grow(place: Place, world: World, source: random.Random) -> None:
    """The world's own chain goes on; what was dropped of it stays dropped, as blocks of another fork."""
    place.tip.extend(_after(place, world.mine([source.randrange(2**20) for _ in range(5)])))
    head = place.tip.head()
    assert head
    place.tip.finalise(max(0, head.number - 4))
    place.explorer.refresh()


def _reorganise(place: Place, source: random.Random) -> None:
    """The newest blocks are dropped; facts about what they held are parked from then on."""
    head = place.tip.head()
    assert head
    place.tip.drop_from(head.number - source.randrange(3))
    place.explorer.refresh()


def _after(place: Place, block: Any) -> Any:
    head = place.tip.head()
    return replace(block, number=head.number + 1, parent=head.hash) if head else block


def _bare(row: Any) -> Any:
    """Whether a row is final changes while it stays."""
    return replace(row, is_final=True)
