"""As of a block: what a fresh index that stopped there tells, whatever came after, however it came."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from domain.facts import BlockFinalised, ChainReorganised
from domain.ledger import Recorded
from indexer.explorer import JobFilter, Queries
from indexer.explorer.moments import BeingFolded, BeyondHead, DroppedBlock, UnknownBlock
from indexer.explorer.pasts import Pasts
from indexer.explorer.ranges import HISTORIED
from indexer.explorer.rows import JobRow
from indexer.explorer.sources import reorgs
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_projecting import document, random_history
from tests.indexer.world import history

pytestmark = pytest.mark.thorough

DECISIONS = st.lists(st.lists(st.integers(0, 2**20), max_size=6), min_size=3, max_size=8)
LISTS = ("jobs", "receipts", "nodes", "models", "accounts", "blocks", "transactions", "events", "parked")
SHOWN_NOW = {"is_final": None}


def told(queries: Queries) -> dict[str, Any]:
    """Every row of every list, and the figures; but what is judged now."""
    lists = {name: [asdict(row) | SHOWN_NOW for row in getattr(queries, name)(limit=1000).rows] for name in LISTS}
    lists["blocks"] = [row for row in lists["blocks"] if row["transactions"]]  # others are kept on the tip only
    return lists | {"stats": asdict(queries.stats()) | {"head": 0, "final": 0, "head_hash": "", "head_at": 0}}


def singles(queries: Queries, lists: dict[str, Any]) -> dict[str, Any]:
    """The rows of `lists` again, each asked for by its name."""
    keys = {"jobs": "job_id", "receipts": "job_id", "nodes": "address", "models": "model_id", "accounts": "address"}
    keys |= {"blocks": "hash", "transactions": "hash"}
    one = {name: getattr(queries, name.removesuffix("s")) for name in keys}
    return {name: [asdict(one[name](row[key])) | SHOWN_NOW for row in lists[name]] for name, key in keys.items()}


def fresh(folder: Path, blocks: list[BlockFinalised]) -> dict[str, Any]:
    """What an index tells that saw these blocks and no more."""
    with Place(folder) as place:
        place.finalise(*blocks)
        place.explorer.refresh()
        return told(place.explorer.queries)


def grown(place: Place, blocks: list[BlockFinalised], steps: list[int]) -> None:
    """Blocks come in one by one, become final and are shown in the rhythm of `steps`."""
    final = 0
    for block, step in zip(blocks, steps, strict=False):
        place.tip.extend(block)
        if step in (1, 2) and final < block.number:
            final += step if final + step <= block.number else 1
            place.tip.finalise(final)
        if step:
            place.explorer.refresh()
    place.explorer.refresh()


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    decisions=DECISIONS,
    steps=st.lists(st.integers(0, 3), min_size=10, max_size=10),
    at_once=st.integers(0, 4),
    batch_events=st.sampled_from([3, 7, 20_000]),
    asked=st.integers(0, 10),
)
def test_as_of_any_block_tells_what_a_fresh_index_stopped_there_tells(
    tmp_path_factory: pytest.TempPathFactory,
    decisions: list[list[int]],
    steps: list[int],
    at_once: int,
    batch_events: int,
    asked: int,
) -> None:
    blocks = history(decisions)
    number = min(asked, len(blocks))
    expected = fresh(tmp_path_factory.mktemp("fresh"), blocks[:number])
    with Place(tmp_path_factory.mktemp("whole"), batch_events=batch_events) as place:
        place.finalise(*blocks[:at_once])
        place.explorer.refresh()
        grown(place, blocks[at_once:], steps)
        past = place.explorer.queries.as_of(number)
        seen = told(past)
        assert seen == expected
        assert singles(past, seen) == {name: seen[name] for name in singles(past, seen)}
        final = place.explorer.head().final
        assert all(row.is_final is (row.block <= final) for name in LISTS[:5] for row in getattr(past, name)().rows)


def test_a_hash_names_the_block_as_its_number_does(busy: Place) -> None:
    queries = busy.explorer.queries
    block = queries.block(15)
    assert block
    by_hash, by_number = queries.as_of(block.hash.upper().replace("0X", "0x")), queries.as_of(15)
    assert told(by_hash) == told(by_number)
    head = by_hash.head()
    assert (head.number, head.hash, head.at, head.final) == (15, block.hash, block.timestamp, 30)
    assert (by_number.stats().head, by_number.stats().head_hash) == (15, block.hash)


def test_a_walk_through_the_pages_of_the_past_meets_every_job_once(busy: Place) -> None:
    past = busy.explorer.queries.as_of(20)
    count = past.stats().jobs
    assert 0 < count < busy.explorer.queries.stats().jobs
    assert [job.job_id for job in walk(past, None)] == list(range(count, 0, -1))
    settled = [job for job in walk(past, None) if job.state == "open"]
    assert walk(past, JobFilter(state="open")) == settled


def walk(queries: Queries, where: JobFilter | None) -> list[JobRow]:
    rows: list[JobRow] = []
    after = None
    while True:
        page = queries.jobs(where, after, 3)
        rows += page.rows
        if (after := page.next) is None:
            return rows


def test_a_block_beyond_the_head_and_a_hash_that_nobody_knows_are_refused(busy: Place) -> None:
    with pytest.raises(BeyondHead, match="block 41 is beyond the head, which is block 40"):
        busy.explorer.queries.as_of(41).jobs()
    with pytest.raises(UnknownBlock, match="not known"):
        busy.explorer.queries.as_of("0x" + "ab" * 32).job(1)


def test_a_hash_that_was_reorganised_away_is_named_so_with_what_stands_there_now(busy: Place) -> None:
    dropped = [block.hash for block in busy.tip.drop_from(38)]
    replaced = history([[1, 2, 3]], salt="fork")[1]
    parent = busy.tip.head()
    assert parent
    busy.tip.extend(replace(replaced, number=38, parent=parent.hash))
    fact = ChainReorganised(1, 38, tuple(dropped), 1)
    busy.ledger.record(Recorded(reorgs(CHAIN_ID), 1, fact))
    busy.explorer.refresh()
    with pytest.raises(DroppedBlock, match=r"height 39 was reorganised away$"):
        busy.explorer.queries.as_of("0x" + dropped[1].hex()).jobs()
    with pytest.raises(DroppedBlock, match=f"block 38 is 0x{replaced.hash.hex()} now"):
        busy.explorer.queries.as_of("0x" + dropped[0].hex()).stats()


def test_what_dropped_blocks_replaced_is_no_past(tmp_path: Path) -> None:
    ours, theirs = random_history(41, 8), history([[7, 70, 5], [8, 9], [9, 1], [4, 4]], salt="fork")
    with Place(tmp_path / "reorg") as place:
        place.finalise(*ours[:3])
        for block in ours[3:]:
            place.tip.extend(block)
            place.explorer.refresh()
        place.tip.drop_from(5)
        parent, rebased = ours[3].hash, []
        for number, block in enumerate(theirs[1:], 5):
            rebased.append(replace(block, number=number, parent=parent))
            parent = block.hash
            place.tip.extend(rebased[-1])
            place.explorer.refresh()
        place.tip.finalise(6)
        place.explorer.refresh()
        for number in (4, 5, 7):
            expected = fresh(tmp_path / f"{number}", [*ours[:4], *rebased][:number])
            assert told(place.explorer.queries.as_of(number)) == expected


def test_the_past_is_told_by_the_tables_after_a_restart_too(tmp_path: Path) -> None:
    blocks = random_history(42, 12)
    with Place(tmp_path / "place") as place:
        grown(place, blocks, [1] * 13)
    with Place(tmp_path / "place") as place:
        place.explorer.refresh()
        assert told(place.explorer.queries.as_of(6)) == fresh(tmp_path / "fresh", blocks[:6])
        assert not list((tmp_path / "place").glob("*.pasts"))


def test_only_the_newest_blocks_are_kept_and_older_ones_are_folded_from_the_ledger(tmp_path: Path) -> None:
    blocks = random_history(43, 30)
    with Place(tmp_path / "place", history_blocks=8) as place:
        grown(place, blocks, [1] * 31)
        with place.explorer.database.reading() as cursor:
            oldest = [cursor.execute(f"SELECT min(until) FROM history.{t.name}").fetchall()[0][0] for t in HISTORIED]
        assert min(each for each in oldest if each) > 31 - 8 - 3
        assert told(place.explorer.queries.as_of(28)) == fresh(tmp_path / "28", blocks[:28])
        assert not list((tmp_path / "place").glob("*.pasts"))
        for number in (5, 9, 12, 15):
            assert told(waited(place, number)) == fresh(tmp_path / f"{number}", blocks[:number])
        assert len(list((tmp_path / "place").glob("*.pasts/*.duckdb"))) == 3
    assert not list((tmp_path / "place").glob("*.pasts"))


def test_a_past_that_is_not_ready_says_how_far_it_is(busy: Place, tmp_path: Path) -> None:
    explorer = busy.explorer
    pasts = Pasts(tmp_path / "pasts", busy.ledger, explorer.sources, explorer.database.reading, patience_s=0.0)
    with pytest.raises(BeingFolded, match=r"folded from the ledger, which is at block \d+ of 12"), pasts.after(12):
        pass
    pasts.close()


def waited(place: Place, number: int) -> Queries:
    """The past, once it is folded."""
    for _ in range(200):
        queries = place.explorer.queries.as_of(number)
        try:
            queries.job(1)
        except BeingFolded:
            continue
        return queries
    raise AssertionError(f"the state after block {number} is not there after 200 patient requests")


def test_a_backfill_keeps_no_past(tmp_path: Path) -> None:
    blocks = random_history(44, 400)
    with Place(tmp_path) as place:
        place.finalise(*blocks)
        place.explorer.refresh()
        with place.explorer.database.reading() as cursor:
            assert cursor.execute("SELECT since FROM history.reach").fetchall() == [(None,)]
            assert cursor.execute("SELECT count(*) FROM history.jobs").fetchall() == [(0,)]


def test_documents_are_those_of_now(busy: Place) -> None:
    queries = busy.explorer.queries
    receipt = next(row for row in queries.as_of(25).receipts().rows if row.state == "verified")
    published = document(receipt.job_id, bytes.fromhex(receipt.worker[2:]), receipt.response_cid, 0)
    fact = replace(published, commitment=type(published.commitment)(int(receipt.commitment or "0x0", 16)))
    busy.ledger.record(Recorded(f"receipt:{CHAIN_ID}:0x{'c0' * 20}:{receipt.job_id}", 1, fact))
    busy.explorer.refresh()
    then = queries.as_of(25)
    shown = then.receipt(receipt.job_id)
    assert shown
    assert shown.receipt_cid == fact.receipt_cid
    assert then.stats().tokens_completion == 34


@pytest.fixture
def busy(place: Place) -> Place:
    """Forty blocks that came in one by one, of which the last ten are not final."""
    blocks = random_history(45, 39)
    for block in blocks:
        place.tip.extend(block)
        if block.number > 10:
            place.tip.finalise(block.number - 10)
        place.explorer.refresh()
    return place
