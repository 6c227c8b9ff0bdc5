"""A copy of an explorer's database with everything in it that the notebooks draw, made once."""

import random
from pathlib import Path

import pytest
from msgspec import Struct

from domain.facts import BlockFinalised, BlocksChecked, ChainReorganised, ReceiptPublished, Wei
from domain.ledger import Recorded, streams
from indexer.explorer import sources
from indexer.explorer.rows import StatsRow
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_projecting import random_history
from tests.indexer.world import COORDINATOR

RANGE_BLOCKS = 25


class Shown(Struct, frozen=True):
    """The copy, and what the index itself says of it."""

    snapshot: Path
    stats: StatsRow
    tokens: int


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("notebooks")
    with Place(folder / "place") as place:
        blocks = random_history(71, 120)
        place.finalise(*blocks)
        check(place, blocks)
        place.ledger.record(Recorded(sources.reorgs(CHAIN_ID), 1, ChainReorganised(1_700_000_300_000, 40, (bytes(32),), 7)))
        place.explorer.refresh()
        tokens = publish_documents(place)
        place.explorer.snapshot(folder / "snapshot.duckdb")
        return Shown(folder / "snapshot.duckdb", place.explorer.queries.stats(), tokens)


def check(place: Place, blocks: list[BlockFinalised]) -> None:
    """Puts on record that the blocks were checked, some of them by their bloom filter only."""
    for version, at in enumerate(range(0, len(blocks), RANGE_BLOCKS), 1):
        part = blocks[at : at + RANGE_BLOCKS]
        level = "bloom" if version % 3 == 0 else "root"
        doubts = ("a log was left out",) if version == 2 else ()
        ends = part[0].number, part[-1].number, part[0].parent, part[-1].hash
        fact = BlocksChecked(*ends, level, (level,), "node", part[-1].timestamp * 1000, doubts)
        place.ledger.record(Recorded(sources.checks(CHAIN_ID), version, fact))


def publish_documents(place: Place) -> int:
    """Most of the verified receipts get their worker's document. Returns the completion tokens of all."""
    source, tokens = random.Random(1), 0
    for receipt in place.explorer.queries.receipts(limit=1000).rows:
        if receipt.state != "verified" or receipt.job_id % 5 == 0:
            continue
        completion, began = source.randrange(10, 200), receipt.answered_at * 1000
        fact = ReceiptPublished(
            job_id=receipt.job_id,
            worker=bytes.fromhex(receipt.worker[2:]),
            receipt_cid=f"Qmdocument{receipt.job_id}",
            response_cid=receipt.response_cid,
            commitment=Wei(int(receipt.commitment or "0x0", 16)),
            prompt_tokens=source.randrange(5, 50),
            completion_tokens=completion,
            started_at=began,
            completed_at=began + completion * 40,
        )
        place.ledger.record(Recorded(streams.receipt(CHAIN_ID, COORDINATOR, receipt.job_id), 1, fact))
        tokens += completion
    place.explorer.refresh()
    return tokens
