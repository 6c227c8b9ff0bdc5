"""The tour runs from its first cell to its last over data that the indexer made, and its figures are the index's."""

import base64
import random
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from domain.facts import ReceiptPublished, Wei
from domain.ledger import Recorded, streams
from tests.indexer.place import CHAIN_ID, Place
from tests.indexer.test_projecting import random_history
from tests.indexer.world import COORDINATOR

TOUR = Path(__file__).parents[2] / "notebooks" / "tour.ipynb"
PLOTS = 5


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


def tour() -> Any:
    return nbformat.reads(TOUR.read_text(), as_version=4)  # type: ignore[no-untyped-call]


def outputs(notebook: Any, kind: str) -> list[Any]:
    return [out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == kind]


@pytest.mark.slow
def test_the_tour_runs_over_a_snapshot_and_tells_the_figures_of_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Place(tmp_path / "place") as place:
        place.finalise(*random_history(71, 120))
        place.explorer.refresh()
        assert publish_documents(place) == place.explorer.queries.stats().tokens_completion
        stats = place.explorer.queries.stats()
        place.explorer.snapshot(tmp_path / "snapshot.duckdb")
    monkeypatch.setenv("TALLYSTICK_SNAPSHOT", str(tmp_path / "snapshot.duckdb"))
    notebook = tour()
    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(tmp_path)}}).execute()
    told = "".join(out.text for out in outputs(notebook, "stream"))
    assert f"head block {stats.head}, final up to block {stats.final}" in told
    assert f"{stats.jobs} jobs" in told
    assert "books agree: True" in told
    images = [base64.b64decode(out.data["image/png"]) for out in outputs(notebook, "display_data")]
    assert len(images) == PLOTS
    assert all(image.startswith(b"\x89PNG") for image in images)


def test_the_tour_is_kept_without_outputs() -> None:
    notebook = tour()
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
