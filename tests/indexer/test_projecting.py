"""Ledger to tables: the same rows whatever the batches, and whenever it was killed."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.facts import BlockFinalised, GpuSample, ReceiptPublished, TelemetrySampled, Wei
from domain.ledger import Position, Recorded, streams
from indexer.explorer import Explorer, LedgerBehind, digest_of_ledger
from indexer.explorer.batches import batches
from indexer.explorer.sources import Sources
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.world import COORDINATOR, WORKERS, history

pytestmark = pytest.mark.thorough

DECISIONS = st.lists(st.lists(st.integers(0, 2**20), max_size=6), min_size=1, max_size=8)
ROOT = Path(__file__).parents[2]


def random_history(seed: int, blocks: int, actions: int = 6) -> list[BlockFinalised]:
    source = random.Random(seed)
    return history([[source.randrange(2**20) for _ in range(actions)] for _ in range(blocks)])


def document(job_id: int, worker: bytes, response_cid: str, commitment: int) -> ReceiptPublished:
    return ReceiptPublished(job_id, worker, f"Qmdoc{job_id}", response_cid, Wei(commitment), 12, 34, 1_000, 3_500)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(decisions=DECISIONS)
def test_one_by_one_in_batches_or_rebuilt_the_rows_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, decisions: list[list[int]]
) -> None:
    blocks = history(decisions)
    with Place(tmp_path_factory.mktemp("one")) as one, Place(tmp_path_factory.mktemp("all"), batch_events=7) as batched:
        for block in blocks:
            one.finalise(block)
            one.explorer.refresh()
        batched.finalise(*blocks)
        batched.explorer.refresh()
        assert one.chain_digest() == batched.chain_digest()
        whole = batched.folder / "whole"
        with Place(whole) as rebuilt:
            rebuilt.finalise(*blocks)
            rebuilt.explorer.refresh()
            assert rebuilt.chain_digest() == one.chain_digest()


def test_a_batch_is_bounded_by_its_events(place: Place) -> None:
    blocks = random_history(1, 30)
    place.finalise(*blocks)
    found = list(batches(place.ledger, Sources(CHAIN_ID), 0, 20))
    assert [block.hash for batch in found for block in batch.blocks] == [b.hash for b in blocks if b.transactions]
    for batch in found:
        assert len(batch.blocks) == 1 or sum(len(block.occurrences) for block in batch.blocks) <= 20


def test_a_ledger_longer_than_a_page_is_read_to_its_end(place: Place) -> None:
    blocks = random_history(2, 700, actions=1)
    place.finalise(*blocks)
    place.explorer.refresh()
    assert place.explorer.position == place.ledger.position()
    assert place.explorer.head().number == blocks[-1].number


def test_what_is_in_hand_is_not_read_back_and_what_was_recorded_in_between_is_not_missed(place: Place) -> None:
    blocks = [block for block in random_history(9, 6) if block.transactions]
    in_hand = []
    for block in blocks:
        in_hand += place.tip.advance([block], Position(block.number, block.hash))
        receipt = streams.receipt(CHAIN_ID, COORDINATOR, block.number)
        place.ledger.record(Recorded(receipt, 1, document(1, b"w", "Qm", 5)))
    for held in (in_hand, in_hand[2:5], in_hand[:1]):
        (batch,) = batches(place.ledger, Sources(CHAIN_ID), 0, 10_000, in_hand=held)
        assert [block.hash for block in batch.blocks] == [block.hash for block in blocks]
        assert len(batch.rows) == len(blocks)
        assert all(any(block is fact.fact for block in batch.blocks) for _, fact in held)
    (rest,) = batches(place.ledger, Sources(CHAIN_ID), 8, 10_000, in_hand=in_hand)
    assert rest.position == place.ledger.position()


def test_facts_of_other_chains_leave_no_row(place: Place) -> None:
    blocks = random_history(3, 3)
    place.ledger.record(*(Recorded(streams.chain(5), block.number, block) for block in blocks))
    published = document(1, WORKERS[0], "Qm", 5)
    place.ledger.record(Recorded(streams.receipt(5, COORDINATOR, 1), 1, published))
    place.explorer.refresh()
    assert place.explorer.position == place.ledger.position()
    assert place.shown("blocks") == []
    with place.explorer.database.reading() as cursor:
        assert cursor.execute("SELECT count(*) FROM documents").fetchall() == [(0,)]


def test_telemetry_is_shown_as_it_was_measured(place: Place) -> None:
    gpu = GpuSample("H200", "GPU-1", 93.5, 10, 20, None, 412.5)
    sample = TelemetrySampled(WORKERS[0], 1_700_000_000_123, 51.5, 7, 8, (gpu,))
    place.ledger.record(Recorded(streams.node(WORKERS[0]), sample.at, sample))
    place.explorer.refresh()
    (row,) = place.explorer.queries.samples("0x" + WORKERS[0].hex()).rows
    assert (row.sampled_at, row.cpu_percent) == (sample.at, 51.5)
    assert (row.gpus[0].name, row.gpus[0].temperature_c, row.gpus[0].power_w) == ("H200", None, 412.5)


def test_a_database_that_is_ahead_of_its_ledger_is_refused(tmp_path: Path) -> None:
    with Place(tmp_path / "a") as place:
        place.finalise(*random_history(4, 3))
        place.explorer.refresh()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "explorer.duckdb").rename(tmp_path / "b" / "explorer.duckdb")
    with pytest.raises(LedgerBehind, match="name the ledger"):
        Place(tmp_path / "b")


def test_a_transaction_that_fails_leaves_rows_and_position_as_they_were(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.finalise(*random_history(5, 4))
    place.explorer.refresh()
    before, position = place.chain_digest(), place.explorer.position

    def no_space(*_: object) -> None:
        raise OSError("no space left on device")

    more = random_history(5, 9)[5:]
    place.finalise(*more)
    with monkeypatch.context() as patch:
        patch.setattr("indexer.explorer.explorer.write_progress", no_space)
        with pytest.raises(OSError, match="no space"):
            place.explorer.refresh()
    assert (place.chain_digest(), place.explorer.position) == (before, position)
    place.explorer.refresh()
    assert place.explorer.head().number == more[-1].number


PROJECT = """
import sys
from pathlib import Path
from tests.indexer.place import Place
with Place(Path(sys.argv[1]), batch_events=30) as place:
    print("started", flush=True)
    place.explorer.refresh()
    print("done", flush=True)
"""


KILLS = 6
DIE = PROJECT.replace(
    "    print(",
    """
    import os, signal
    steps = int(sys.argv[2])
    class Dying:
        def __init__(self, inner): self.inner = inner
        def __getattr__(self, name): return getattr(self.inner, name)
        def __enter__(self): return self
        def __exit__(self, *_): self.inner.close()
        def cursor(self): return Dying(self.inner.cursor())
        def commit(self):
            self.step()
            self.inner.commit()
            self.step()
        def step(self):
            global steps
            steps -= 1
            if steps == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    place.explorer.database._connection = Dying(place.explorer.database._connection)
    print(""",
    1,
)
"""The same, dying at its n-th step: just before a commit where n is odd, just after one where it is even."""


def _killed_after(folder: Path, seconds: float) -> bool:
    """Projects in another process for so long; whether it was killed before it had done."""
    process = _projecting(PROJECT, folder)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _killed_at(folder: Path, step: int) -> bool:
    process = _projecting(DIE, folder, str(step))
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _projecting(program: str, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, str(folder), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    return process


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_rows_of_a_straight_run(tmp_path: Path) -> None:
    blocks = random_history(6, 600)
    with Place(tmp_path / "straight") as straight:
        straight.finalise(*blocks)
        straight.explorer.refresh()
        wanted = straight.ledger_digest()
    folder = tmp_path / "killed"
    with Place(folder) as place:
        place.finalise(*blocks)
    for step in (1, 2, 3, 4):
        assert _killed_at(folder, step)
    source = random.Random(7)
    assert sum(_killed_after(folder, source.uniform(0.0, 0.4)) for _ in range(KILLS)) >= KILLS // 2
    with Place(folder) as place:
        place.explorer.refresh()
        assert place.ledger_digest() == wanted


def test_a_ledger_can_be_followed_by_two_explorers(tmp_path: Path) -> None:
    blocks = random_history(8, 5)
    with Place(tmp_path / "a") as place:
        place.finalise(*blocks)
        place.explorer.refresh()
        replica = Explorer(tmp_path / "replica.duckdb", place.ledger, place.tip)
        replica.refresh()
        with replica.database.reading() as cursor:
            assert digest_of_ledger(cursor) == place.ledger_digest()
        replica.close()
