"""Statements: every movement of an address's money, whose balances add up to its account, now and as of any block."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.facts import BlockFinalised, LogUnreadable, ReceiptAccepted, Withdrawn
from indexer.explorer import BadCursor, Queries
from indexer.explorer.folds.arguments import arguments, fact_of, name_of
from indexer.explorer.statements import Balances, EntryRow
from tests.indexer.place import Place
from tests.indexer.test_projecting import DECISIONS, random_history
from tests.indexer.world import COORDINATOR, USERS, WORKERS, World, history

pytestmark = pytest.mark.thorough

ADDRESSES = ["0x" + raw.hex() for raw in (*USERS, *WORKERS)]


def shown(place: Place, blocks: list[BlockFinalised], final: int) -> Queries:
    place.finalise(*blocks[:final])
    for block in blocks[final:]:
        place.tip.extend(block)
    place.explorer.refresh()
    return place.explorer.queries


def walk(queries: Queries, address: str, limit: int = 1000) -> list[EntryRow]:
    entries: list[EntryRow] = []
    page = queries.statement(address, None, limit)
    while page:
        entries += page.rows
        if page.next is None:
            return entries
        page = queries.statement(address, page.next, limit)
    return entries


def assert_adds_up(queries: Queries, address: str, entries: list[EntryRow]) -> None:
    account, node = queries.account(address), queries.node(address)
    moved: Counter[str] = Counter()
    balances = Balances()
    for entry in reversed(entries):
        for posting in entry.postings:
            moved[posting.kind] += posting.amount
            balances = balances.before([type(posting)(posting.kind, posting.balance, -posting.amount)])
        assert balances == entry.after
        assert min(balances.escrow, balances.credit, balances.stake) >= 0
    if account:
        assert (balances.escrow, balances.credit) == (account.open_escrow, account.credit)
        assert (moved["hold"], -moved["charge"]) == (account.ordered, account.spent)
        assert (moved["earning"], moved["refund"]) == (account.earned, account.refunded)
        assert -moved["withdrawal"] == account.withdrawn
        assert -moved["release"] == account.ordered - account.open_escrow - account.spent
    assert balances.stake == (node.stake if node else 0)
    assert -moved["slash"] == (node.slashed if node else 0)
    places = [(entry.block, entry.log_index) for entry in entries]
    assert places == sorted(set(places), reverse=True)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(decisions=DECISIONS, final_share=st.floats(0, 1))
def test_whatever_happened_every_statement_adds_up_to_the_account(
    tmp_path_factory: pytest.TempPathFactory, decisions: list[list[int]], final_share: float
) -> None:
    blocks = history(decisions)
    with Place(tmp_path_factory.mktemp("books")) as place:
        queries = shown(place, blocks, round(final_share * len(blocks)))
        for address in ADDRESSES:
            assert_adds_up(queries, address, walk(queries, address))


def test_every_statement_of_a_long_history_adds_up_in_pages_of_any_length(place: Place) -> None:
    queries = shown(place, random_history(51, 150), 130)
    seen: Counter[str] = Counter()
    for address in ADDRESSES:
        whole = walk(queries, address)
        assert_adds_up(queries, address, whole)
        assert walk(queries, address, 7) == whole
        seen.update(posting.kind for entry in whole for posting in entry.postings)
        assert {entry.is_final for entry in whole if entry.block > 130} <= {False}
    assert set(seen) == {
        *("hold", "charge", "release", "earning", "refund", "withdrawal", "stake", "unstake", "slash"),
    }


@pytest.mark.parametrize("number", [30, 70, 85])
def test_as_of_a_block_it_is_what_an_index_tells_that_ends_there(place: Place, tmp_path: Path, number: int) -> None:
    blocks = random_history(52, 90)
    queries = shown(place, blocks, 75)
    with Place(tmp_path / "fresh") as fresh:
        then = shown(fresh, blocks[:number], number)
        for address in ADDRESSES:
            past = walk(queries.as_of(number), address)
            wanted = walk(then, address)
            assert [(entry.block, entry.log_index, entry.postings, entry.after) for entry in past] == [
                (entry.block, entry.log_index, entry.postings, entry.after) for entry in wanted
            ]
        assert queries.as_of(number).totals()[0] == then.totals()[0]


def test_a_walk_goes_on_where_it_was_while_money_moves(place: Place) -> None:
    world = World()
    blocks = [world.found()]
    for n in range(4):
        world.order(4 * n)
        blocks.append(world.seal())
    queries, address = shown(place, blocks, 5), ADDRESSES[0]
    first = queries.statement(address, None, 2)
    assert first
    world.order(4)
    place.finalise(world.seal())
    place.explorer.refresh()
    second = queries.statement(address, first.next, 2)
    assert second
    assert [entry.job_id for entry in (*first.rows, *second.rows)] == [4, 3, 2, 1]
    assert second.rows[-1].after.escrow == second.rows[-1].postings[0].amount


def test_who_orders_and_works_for_itself_has_each_event_once(place: Place) -> None:
    world = World()
    blocks = [world.found()]
    world._register(USERS[0], 10**18)
    world.order(0)
    world.jobs[1].status, world.jobs[1].worker = "claimed", USERS[0]
    world.settle(1, 60)
    blocks.append(world.seal())
    queries = shown(place, blocks, 2)
    entries = walk(queries, ADDRESSES[0])
    assert_adds_up(queries, ADDRESSES[0], entries)
    assert [posting.kind for posting in entries[0].postings] == ["charge", "release", "earning", "refund"]


def test_what_was_parked_moved_nothing(place: Place) -> None:
    world = World()
    blocks = [world.found()]
    world.order(0)
    job = world.jobs[1]
    job.worker = WORKERS[0]
    world.emit(WORKERS[0], COORDINATOR, world.accepted(1, job, 5))
    blocks.append(world.seal())
    queries = shown(place, blocks, 2)
    assert queries.parked().rows
    assert [entry.event for entry in walk(queries, ADDRESSES[0])] == ["JobTermsFixed"]
    assert [entry.event for entry in walk(queries, ADDRESSES[4])] == ["NodeRegistered"]


def test_an_address_without_books_has_no_statement(place: Place) -> None:
    assert shown(place, random_history(53, 5), 5).statement("0x" + "99" * 20) is None


@pytest.mark.parametrize("cursor", ["x", "[]", '[1,2,"3","4"]', '[1,2,"a","4","5"]', "[1,2,3,4,5]", "\ud800"])
def test_a_cursor_that_is_none_of_ours_is_refused(place: Place, cursor: str) -> None:
    queries = shown(place, random_history(54, 5), 5)
    with pytest.raises(BadCursor, match="unchanged"):
        queries.statement(ADDRESSES[0], cursor)


def test_the_totals_of_all_addresses_are_the_books_after_the_newest_block(place: Place) -> None:
    sums, books = shown(place, random_history(55, 80), 70).totals()
    assert books
    assert (sums.open_escrow, sums.credit, sums.stakes) == (books.open_escrow, books.credit, books.stakes)
    assert sums.ordered == sums.open_escrow + sums.spent + sums.refunded
    assert sums.spent == sums.earned > 0
    assert sums.earned + sums.refunded == sums.credit + sums.withdrawn


def test_an_event_is_read_back_as_the_fact_it_was() -> None:
    facts = [each.fact for block in random_history(56, 80) for each in block.occurrences]
    assert any(isinstance(fact, Withdrawn) for fact in facts)
    assert any(isinstance(fact, ReceiptAccepted) for fact in facts)
    for fact in facts:
        assert not isinstance(fact, LogUnreadable)
        assert fact_of(name_of(fact), arguments(fact)) == fact
