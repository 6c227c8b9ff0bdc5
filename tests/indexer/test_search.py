"""The search box: what a text may name is found by whatever names it, the same with names kept in order and without."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.ledger import Recorded, streams
from indexer.explorer import Explorer, Hit, rebuild
from indexer.explorer.search import Names
from indexer.explorer.search.hits import EACH_MAX
from indexer.explorer.search.keys import HEADERS, range_of, says_enough, sql_key
from indexer.explorer.search.terms import Terms, read
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_projecting import document, random_history
from tests.indexer.world import COORDINATOR, USERS, WORKERS

pytestmark = pytest.mark.thorough

FINAL, UNFINAL = 60, 10
SAMPLED = 9


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Seventy blocks of which the last ten are not final, and the document of a settled job."""
    with Place(tmp_path_factory.mktemp("busy")) as place:
        blocks = random_history(5, FINAL + UNFINAL)
        place.finalise(*blocks[:FINAL])
        for block in blocks[FINAL:]:
            place.tip.extend(block)
        place.explorer.refresh()
        publish(place, settled(place))
        place.explorer.refresh()
        yield place


def settled(place: Place) -> int:
    with place.explorer.database.reading() as cursor:
        found: int = cursor.execute("SELECT min(job_id) FROM final.receipts WHERE state = 'verified'").fetchall()[0][0]
    return found


def publish(place: Place, job_id: int) -> None:
    receipt = place.explorer.queries.receipt(job_id)
    assert receipt
    assert receipt.commitment
    worker, commitment = bytes.fromhex(receipt.worker[2:]), int(receipt.commitment, 16)
    fact = document(job_id, worker, receipt.response_cid, commitment)
    place.ledger.record(Recorded(streams.receipt(CHAIN_ID, COORDINATOR, job_id), 1, fact))


@contextmanager
def kept(place: Place, waiting_min: int = 5) -> Iterator[Names]:
    """The explorer's names, kept in order up to the last few rows."""
    explorer: Any = place.explorer
    before = explorer.names
    names = Names(place.folder / "test.names", explorer._shelf.moment, waiting_min)
    explorer.names = explorer.queries._names = names
    try:
        while names.keep_up():
            pass
        yield names
    finally:
        names.close()
        explorer.names = explorer.queries._names = before


def found(place: Place, text: str, limit: int = 50) -> list[Hit]:
    return list(place.explorer.queries.search(text, limit))


def named(hits: list[Hit]) -> set[tuple[str, str]]:
    return {(hit.kind, hit.id) for hit in hits}


def texts(place: Place) -> list[str]:
    """Some of everything that names anything here, whole."""
    columns = (
        ("jobs", "prompt_cid"), ("jobs", "model_cid"), ("receipts", "response_cid"), ("receipts", "receipt_cid"),
        ("transactions", "hash"), ("blocks", "hash"), ("accounts", "address"), ("nodes", "address"),
        ("models", "model_id"), ("models", "name"), ("jobs", "job_id"), ("blocks", "number"),
    )  # fmt: skip
    with place.explorer.database.reading() as cursor:
        asked = " UNION ".join(f"SELECT {column}::VARCHAR FROM {table}" for table, column in columns)
        return sorted(text for (text,) in cursor.execute(asked).fetchall() if text)[::SAMPLED]


def test_everything_is_found_by_its_whole_name_and_comes_first(busy: Place) -> None:
    for text in texts(busy):
        assert found(busy, text)[0].match == "exact", text


def test_with_names_kept_in_order_the_same_is_found_as_without(busy: Place) -> None:
    asked = [*texts(busy), *{text[:length] for text in texts(busy) for length in (5, 9)}]
    without = {text: found(busy, text) for text in asked}
    with kept(busy) as names:
        assert names.leads("0x00", ["transaction"]).covered > FINAL // 2
        for text, hits in without.items():
            again = found(busy, text)
            assert [hit.match for hit in again[:1]] == [hit.match for hit in hits[:1]], text
            if len(hits) < EACH_MAX:
                assert named(again) == named(hits), text


def test_a_number_names_a_job_and_a_block_and_begins_longer_ones(busy: Place) -> None:
    hits = found(busy, "2")
    assert [(hit.kind, hit.id) for hit in hits[:2]] == [("job", "2"), ("block", "2")]
    assert ("job", "20") in named(hits)
    assert named(found(busy, " #2 ")) == named(hits)


def test_an_address_is_found_in_each_of_its_parts_and_without_its_0x(busy: Place) -> None:
    worker = WORKERS[0].hex()
    assert named(found(busy, f"0x{worker.upper()}")) == {("node", f"0x{worker}"), ("account", f"0x{worker}")}
    assert named(found(busy, worker)) == named(found(busy, f"0x{worker}"))
    assert named(found(busy, f"0x{USERS[0].hex()}")) == {("account", f"0x{USERS[0].hex()}")}


def test_content_leads_to_the_job_the_receipt_or_the_model(busy: Place) -> None:
    job = busy.explorer.queries.job(settled(busy))
    assert job
    assert job.response_cid
    assert ("job", str(job.job_id)) in named(found(busy, job.prompt_cid))
    assert ("job", str(job.job_id)) in named(found(busy, f"ipfs://{job.prompt_cid}"))
    assert {hit.kind for hit in found(busy, job.response_cid)} == {"receipt"}
    assert named(found(busy, f"Qmdoc{job.job_id}")) >= {("receipt", str(job.job_id))}
    assert {hit.kind for hit in found(busy, job.model_cid)} == {"model"}
    assert job.model_id in {hit.id for hit in found(busy, job.model_cid)}


def test_a_model_is_found_by_any_part_of_its_id_or_name_whatever_the_case(busy: Place) -> None:
    assert [(hit.id, hit.match) for hit in found(busy, "SMOL")] == [("smol", "exact")]
    assert [(hit.id, hit.match) for hit in found(busy, "mo")] == [("smol", "part")]


@pytest.mark.parametrize(
    "text", ["", "  ", "0x", "Qm", "bafybei", "zzzz", "0x" + "0" * 64, "'; DROP", "%", "a\0b", "é" * 128]
)
def test_what_names_nothing_finds_nothing(busy: Place, text: str) -> None:
    assert found(busy, text) == []


def test_what_is_dropped_with_its_block_is_not_found_any_more(place: Place) -> None:
    blocks = random_history(6, 12)
    place.finalise(*blocks[:-1])
    place.tip.extend(blocks[-1])
    place.explorer.refresh()
    hash_ = "0x" + blocks[-1].transactions[0].hash.hex()
    assert [hit.is_final for hit in found(place, hash_)] == [False]
    place.tip.drop_from(blocks[-1].number)
    place.explorer.refresh()
    assert found(place, hash_) == []


def test_a_document_that_comes_late_is_found_at_once_and_after_a_restart(place: Place) -> None:
    place.finalise(*random_history(7, 40))
    place.explorer.refresh()
    with kept(place, waiting_min=1) as names:
        publish(place, settled(place))
        place.explorer.refresh()
        document_cid = f"Qmdoc{settled(place)}"
        assert [hit.field for hit in found(place, document_cid)] == ["receipt_cid"]
        while names.keep_up():
            pass
        assert [hit.field for hit in found(place, document_cid)] == ["receipt_cid"]
    with kept(place):
        assert [hit.field for hit in found(place, document_cid)] == ["receipt_cid"]


def test_names_of_other_tables_or_a_damaged_file_are_made_anew(tmp_path: Path) -> None:
    with Place(tmp_path / "one") as one, Place(tmp_path / "other") as other:
        for place, seed in ((one, 8), (other, 9)):
            place.finalise(*random_history(seed, 30))
            place.explorer.refresh()
        with kept(one):
            pass
        (tmp_path / "one/test.names").rename(tmp_path / "other/test.names")
        with kept(other):
            assert all(found(other, text)[0].match == "exact" for text in texts(other))
        (tmp_path / "other/test.names").write_bytes(b"no database")
        with kept(other):
            assert all(found(other, text)[0].match == "exact" for text in texts(other))


def test_a_rebuild_puts_the_names_in_doubt_until_they_were_compared(place: Place) -> None:
    place.finalise(*random_history(10, 30))
    place.explorer.refresh()
    with kept(place) as names:
        assert names.leads("0x00", ["block"]).covered > 0
        rebuild(place.explorer)
        assert names.leads("0x00", ["block"]).covered == -1
        assert all(found(place, text)[0].match == "exact" for text in texts(place))
        names.keep_up()
        assert names.leads("0x00", ["block"]).covered > 0


def test_a_transaction_is_had_by_its_hash_whether_its_name_is_kept_waits_or_is_on_the_tip(place: Place) -> None:
    blocks, queries = random_history(12, 30), place.explorer.queries
    place.finalise(*blocks[:20])
    place.explorer.refresh()
    with kept(place) as names:
        place.finalise(*blocks[20:25])
        for block in blocks[25:]:
            place.tip.extend(block)
        place.explorer.refresh()
        assert 0 < names.leads("0x00", ["transaction"]).covered <= 20
        rows = queries.transactions(None, None, 1000).rows
        assert {row.is_final for row in rows} == {True, False}
        for row in rows:
            assert queries.transaction(row.hash) == row
            assert queries.as_of(row.block - 1).transaction(row.hash) is None
        assert queries.transaction("0x" + "ab" * 32) is None


def test_runs_are_merged_so_that_readers_look_into_few(place: Place) -> None:
    explorer: Explorer = place.explorer
    with kept(place, waiting_min=1):
        for block in random_history(11, 70):
            place.finalise(block)
            explorer.refresh()
            while explorer.names.keep_up():
                pass
    with duckdb.connect(str(place.folder / "test.names")) as file:
        counts = dict(file.execute("SELECT generation, count(*) FROM runs WHERE of = 'chain' GROUP BY 1").fetchall())
        assert max(counts) == 2
        assert all(count < 8 for count in counts.values())
        (run,) = file.execute("SELECT run FROM runs WHERE generation = 2").fetchall()[0]
        keys = [key for (key,) in file.execute(f"SELECT key FROM run_{run}").fetchall()]
    assert keys == sorted(keys)
    assert len(keys) > 64


@settings(max_examples=200, deadline=None)
@given(header=st.sampled_from(("", *HEADERS)), rest=st.text(max_size=12), shown=st.integers(0, 14))
def test_the_key_of_a_text_lies_in_the_range_of_every_begin_of_it(header: str, rest: str, shown: int) -> None:
    text = header + rest
    begin = text[:shown]
    (key,) = duckdb.execute(f"SELECT {sql_key('t')} FROM (SELECT ? AS t)", [text]).fetchall()[0]
    if says_enough(begin):
        least, most = range_of(begin)
        assert least <= key <= most


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("12", Terms("12", number=12)),
        ("0xAB", Terms("0xAB", hex="0xab")),
        ("deadbeef", Terms("deadbeef", hex="0xdeadbeef", content="deadbeef")),
        ("12345678", Terms("12345678", number=12345678, hex="0x12345678")),
        ("/ipfs/QmAb", Terms("QmAb", content="QmAb")),
        ("two words", Terms("two words")),
    ],
)
def test_a_text_is_read_as_all_that_it_may_be(text: str, terms: Terms) -> None:
    assert read(text) == terms
