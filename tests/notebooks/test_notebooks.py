"""Every notebook runs from its first cell to its last over data that the indexer made, and its figures are the index's."""

import base64
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from receipts.evidence import decode_bundle
from tests.notebooks.conftest import Shown

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SAMPLE = Path(__file__).parents[1] / "receipts" / "sample"
PNG = b"\x89PNG"


class Told:
    """What a notebook printed and drew."""

    def __init__(self, notebook: Any) -> None:
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        self.text = "".join(output.text for output in outputs if output.output_type == "stream")
        pictures = [output.data["image/png"] for output in outputs if output.output_type == "display_data"]
        self.plots = [base64.b64decode(picture) for picture in pictures]


def read(name: str) -> Any:
    return nbformat.reads((NOTEBOOKS / f"{name}.ipynb").read_text(), as_version=4)  # type: ignore[no-untyped-call]


def run(name: str) -> Told:
    notebook = read(name)
    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    told = Told(notebook)
    assert all(plot.startswith(PNG) for plot in told.plots)
    return told


@pytest.fixture
def _snapshot(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_SNAPSHOT", str(shown.snapshot))


@pytest.mark.slow
@pytest.mark.usefixtures("_snapshot")
def test_the_tour_tells_the_figures_of_the_index(shown: Shown) -> None:
    told, stats = run("tour"), shown.stats
    assert shown.tokens == stats.tokens_completion
    assert f"head block {stats.head}, final up to block {stats.final}" in told.text
    assert f"{stats.jobs} jobs" in told.text
    assert "books agree: True" in told.text
    assert len(told.plots) == 5


@pytest.mark.slow
@pytest.mark.usefixtures("_snapshot")
def test_revenue_adds_up_to_what_the_receipts_say(shown: Shown) -> None:
    told = run("revenue")
    assert f"{shown.stats.receipts:,} receipts verified, {shown.stats.earned / 1e18:.6f} ether earned" in told.text
    assert "the hours add up to what the receipts say: True" in told.text
    assert "escrow is paid, returned or held, to the wei: True" in told.text
    assert len(told.plots) == 5


@pytest.mark.slow
@pytest.mark.usefixtures("_snapshot")
def test_the_indexer_shows_what_it_rests_on(shown: Shown) -> None:
    told = run("indexer")
    assert f"head block {shown.stats.head}, final up to block {shown.stats.final}" in told.text
    assert "5 ranges, 0 gaps, 0 broken links, 1 doubts" in told.text
    assert "books agree: True" in told.text
    assert len(told.plots) == 4


@pytest.mark.slow
@pytest.mark.usefixtures("_snapshot")
def test_reputation_follows_from_receipts_and_can_not_be_bought() -> None:
    told = run("reputation")
    assert "agrees with the index: True" in told.text
    assert "bought: False" in told.text
    assert len(told.plots) == 4


@pytest.mark.slow
def test_a_receipt_is_verified_step_by_step_and_no_changed_character_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_EVIDENCE", str(SAMPLE / "bundle.json"))
    monkeypatch.setenv("TALLYSTICK_DEPLOYMENT", str(SAMPLE / "deployment.json"))
    bundle = decode_bundle((SAMPLE / "bundle.json").read_bytes())
    monkeypatch.setenv("TALLYSTICK_BLOCK_HASH", bundle.block.hash)
    told = run("receipt")
    assert told.text.count("as named") == 4
    assert "counts times prices are the amount: True" in told.text
    assert f"theirs {bundle.receipt.commitment}" in told.text
    assert f"ours   {bundle.receipt.commitment}" in told.text
    assert "holds:                     True" in told.text
    assert "holds for one wei more:    False" in told.text
    assert "verdict: verified" in told.text
    assert ", 0 unnoticed" in told.text
    assert len(told.plots) == 2


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    notebook = read(path.stem)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
