"""What the ledger promises to those who record and to those who read: all or none, one order, clear errors."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, text

from domain.facts import OfferWithdrawn, Wei, Withdrawn
from domain.ledger import (
    BadLedgerUrl,
    Conflict,
    Ledger,
    LedgerBusy,
    LedgerDamaged,
    LedgerFull,
    LedgerReadOnly,
    LedgerUnreachable,
    Recorded,
)

WRITERS = 4
FACTS_EACH = 50


def at(stream: str, version: int, model: str = "m") -> Recorded:
    return Recorded(stream, version, OfferWithdrawn(b"\1" * 20, model))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger(url)
    yield opened
    opened.close()


def test_an_empty_ledger_has_no_position_and_no_facts(ledger: Ledger) -> None:
    assert (ledger.position(), ledger.after(0, 10), ledger.stream("a"), ledger.newest("a")) == (0, [], [], None)


def test_facts_are_read_back_by_stream_and_in_the_order_of_recording(ledger: Ledger) -> None:
    assert ledger.record(at("a", 1), at("b", 5)) == 2
    assert ledger.record(at("a", 2, "later")) == 3
    assert ledger.stream("a") == [at("a", 1), at("a", 2, "later")]
    assert ledger.stream("a", after=1) == [at("a", 2, "later")]
    assert ledger.newest("a") == at("a", 2, "later")
    assert ledger.after(1, 10) == [(2, at("b", 5)), (3, at("a", 2, "later"))]
    assert ledger.after(0, 1) == [(1, at("a", 1))]
    assert ledger.position() == 3


def test_recording_nothing_changes_nothing(ledger: Ledger) -> None:
    ledger.record(at("a", 1))
    assert ledger.record() == 1


def test_a_place_that_is_taken_is_a_conflict_that_names_it(ledger: Ledger) -> None:
    ledger.record(at("job-order:k", 1))
    with pytest.raises(Conflict, match="job-order:k version 1 is already taken"):
        ledger.record(at("job-order:k", 1, "other"))
    assert ledger.stream("job-order:k") == [at("job-order:k", 1)]


def test_of_several_facts_all_are_recorded_or_none(ledger: Ledger) -> None:
    ledger.record(at("a", 1))
    with pytest.raises(Conflict, match="one of 3 places"):
        ledger.record(at("b", 1), at("a", 1), at("c", 1))
    assert ledger.stream("b") == ledger.stream("c") == []


def test_positions_have_no_gaps_even_after_a_conflict(ledger: Ledger) -> None:
    ledger.record(at("a", 1))
    with pytest.raises(Conflict):
        ledger.record(at("b", 1), at("a", 1))
    assert ledger.record(at("b", 1)) == 2


def test_rows_of_others_commit_with_the_facts_or_not_at_all(ledger: Ledger) -> None:
    with ledger.database.writing() as connection:
        connection.execute(text("CREATE TABLE seen (number INTEGER)"))

    def see_and_fail() -> None:
        with ledger.database.writing() as connection:
            connection.execute(text("INSERT INTO seen VALUES (1)"))
            ledger.append(connection, at("a", 1), at("a", 1))

    with pytest.raises(Conflict):
        see_and_fail()
    with ledger.database.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM seen")) == 0
    assert ledger.position() == 0


def test_facts_survive_closing_and_opening(url: str) -> None:
    first = Ledger(url)
    first.record(Recorded("a", 1, Withdrawn(b"a", b"b", Wei(2**200))))
    first.close()
    second = Ledger(url)
    assert second.newest("a") == Recorded("a", 1, Withdrawn(b"a", b"b", Wei(2**200)))
    second.close()


def test_of_threads_that_race_for_one_place_one_wins(ledger: Ledger) -> None:
    def take(number: int) -> bool:
        try:
            ledger.record(at("seat", 1, f"{number}"))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


def test_a_reader_never_sees_a_position_before_those_below_it(ledger: Ledger) -> None:
    """Writers overlap, the reader follows by position: whatever it skipped would be lost to every projection."""
    seen: list[int] = []
    written = threading.Event()

    def follow() -> None:
        while not (written.is_set() and len(seen) == WRITERS * FACTS_EACH):
            seen.extend(position for position, _ in ledger.after(seen[-1] if seen else 0, 7))

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda writer: [ledger.record(at(f"w{writer}", i)) for i in range(FACTS_EACH)], range(WRITERS)))
    written.set()
    reader.join(timeout=20)
    assert seen == list(range(1, WRITERS * FACTS_EACH + 1))


COUNT_UP = """
import sys
from domain.facts import OfferWithdrawn
from domain.ledger import Conflict, Ledger, Recorded
ledger, mine = Ledger(sys.argv[1]), 0
while True:
    newest = ledger.newest("counter")
    version = newest.originator_version + 1 if newest else 1
    if version > 100:
        break
    try:
        ledger.record(Recorded("counter", version, OfferWithdrawn(b"", sys.argv[2])))
        mine += 1
    except Conflict:
        pass
print(mine)
"""


@pytest.mark.slow
def test_two_processes_share_a_ledger_and_every_version_goes_to_one_of_them(url: str) -> None:
    """Both open the fresh database at the same moment, too."""
    command = [sys.executable, "-c", COUNT_UP, url]
    both = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in ("a", "b")]
    won = [int(process.communicate(timeout=60)[0]) for process in both]
    ledger = Ledger(url)
    assert [each.originator_version for each in ledger.stream("counter")] == list(range(1, 101))
    assert sum(won) == 100
    ledger.close()


def test_a_recorded_fact_is_synced_to_disk_before_record_returns(sqlite_url: str) -> None:
    ledger = Ledger(sqlite_url)
    with ledger.database.reading() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL
    ledger.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.db",
        "mysql://localhost/x",
        "nonsense://x",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://h:port/x",
    ],
)
def test_a_url_that_names_no_usable_database_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(BadLedgerUrl, match=r"sqlite:///file\.db or postgresql://"):
        Ledger(url)


def test_an_error_never_shows_the_password() -> None:
    for url in ("postgresql://me:hunter2@127.0.0.1:1/x", "mysql://me:hunter2@h/x"):
        with pytest.raises((LedgerUnreachable, BadLedgerUrl)) as caught:
            Ledger(url, busy_timeout_s=1)
        assert "hunter2" not in str(caught.value)


def test_a_database_that_does_not_answer_is_unreachable() -> None:
    with pytest.raises(LedgerUnreachable, match="check host, port"):
        Ledger("postgresql://nobody@127.0.0.1:1/nothing", busy_timeout_s=1)


def test_a_file_in_a_folder_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnreachable, match="create the folder"):
        Ledger(f"sqlite:///{tmp_path}/missing/ledger.db")


def test_a_file_that_is_no_database_is_damaged_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_bytes(b"these are my holiday photos" * 100)
    with pytest.raises(LedgerDamaged, match="not a database"):
        Ledger(f"sqlite:///{file}")
    assert file.read_bytes() == b"these are my holiday photos" * 100


def test_a_read_only_file_is_reported_as_such(sqlite_url: str, tmp_path: Path) -> None:
    Ledger(sqlite_url).close()
    reader = Ledger(f"sqlite:///file:{tmp_path}/ledger.db?mode=ro&uri=true")
    with pytest.raises(LedgerReadOnly, match="writable"):
        reader.record(at("a", 1))
    reader.close()


@pytest.mark.slow
def test_a_read_only_server_is_reported_as_such(postgres_url: str) -> None:
    Ledger(postgres_url).close()
    with pytest.raises(LedgerReadOnly, match="primary server"):
        Ledger(f"{postgres_url}&options=-c%20default_transaction_read_only%3Don")


def test_a_full_disk_is_reported_and_leaves_the_ledger_as_it_was(sqlite_url: str) -> None:
    ledger = Ledger(sqlite_url)
    ledger.record(at("a", 1))

    @event.listens_for(ledger.database._engine, "begin")
    def fill_the_disk(connection: object) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=1")  # type: ignore[attr-defined]

    with pytest.raises(LedgerFull, match="free space"):
        ledger.record(*(at("b", i, "x" * 1000) for i in range(1000)))
    assert ledger.stream("b") == []
    assert ledger.stream("a") == [at("a", 1)]
    ledger.close()


def test_a_writer_that_waits_too_long_for_another_gives_up_without_a_trace(url: str) -> None:
    holder, other = Ledger(url), Ledger(url, busy_timeout_s=0.2)
    with holder.database.writing() as connection:
        holder.append(connection, at("a", 1))
        with pytest.raises(LedgerBusy, match="busy_timeout_s"):
            other.record(at("b", 1))
        assert other.position() == 0, "readers do not wait for a writer"
    assert other.position() == 1
    holder.close()
    other.close()
