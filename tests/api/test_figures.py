"""What an operator sees of the indexer: metrics whose names stay, readiness with its reason, figures for people."""

from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from api.figures import INDEXER, PREFIX, as_table
from tests.api.chain import FIGURES
from tests.api.conftest import House

NAMES = {
    "head_block": "gauge",
    "indexed_block": "gauge",
    "final_block": "gauge",
    "lag_blocks": "gauge",
    "lag_seconds": "gauge",
    "blocks_per_second": "gauge",
    "stage_seconds_total": "counter",
    "blocks_total": "counter",
    "logs_total": "counter",
    "requests_total": "counter",
    "retries_total": "counter",
    "provider_errors_total": "counter",
    "reorgs": "gauge",
    "parked_facts": "gauge",
    "memory_bytes": "gauge",
}
"""Dashboards and alerts depend on them: names may be added, none may change."""


def read(http: httpx.Client) -> dict[tuple[str, str], float]:
    """Every sample of the indexer's, by name and label."""
    families = text_string_to_metric_families(http.get("/metrics").text)
    return {
        (sample.name.removeprefix(PREFIX), "".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith(PREFIX)
    }


def test_the_names_stay_what_they_are(http: httpx.Client, house: House) -> None:
    house.chain.told = replace(FIGURES, head=9)
    types = {
        line.split()[2].removeprefix(PREFIX): line.split()[3]
        for line in http.get("/metrics").text.splitlines()
        if line.startswith(f"# TYPE {PREFIX}")
    }
    assert types == NAMES


def test_the_metrics_are_the_indexers_figures(http: httpx.Client, house: House) -> None:
    house.chain.told = replace(FIGURES, head=house.chain.height + 7, lag_s=12.5, blocks_per_s=3.5)
    seen = read(http)
    assert seen["head_block", ""] == house.chain.height + 7
    assert seen["indexed_block", ""] == seen["final_block", ""] == house.chain.height
    assert (seen["lag_blocks", ""], seen["lag_seconds", ""], seen["blocks_per_second", ""]) == (7, 12.5, 3.5)
    stages = ("waiting", "fetching", "checking", "decoding", "storing")
    assert [seen["stage_seconds_total", stage] for stage in stages] == [6.5, 2.0, 1.0, 0.5, 0.25]
    assert (seen["provider_errors_total", "timeout"], seen["provider_errors_total", "429"]) == (2, 5)
    assert (seen["parked_facts", ""], seen["reorgs", ""], seen["memory_bytes", ""]) == (1, 2, 1 << 27)


def test_a_head_that_nobody_told_of_is_left_out_rather_than_invented(http: httpx.Client) -> None:
    seen = read(http)
    assert ("head_block", "") not in seen
    assert seen["lag_blocks", ""] == 0


@pytest.mark.parametrize("metric", INDEXER, ids=lambda metric: metric.name)
def test_every_metric_is_explained_and_stands_in_the_table(metric: object) -> None:
    name, meaning = metric.name, metric.help  # type: ignore[attr-defined]
    assert len(meaning.split()) >= 3
    assert f"`{PREFIX}{name}" in as_table()
    assert meaning in as_table()


def test_the_operators_page_holds_the_table_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs/indexer.md").read_text()
    assert as_table() in page, "put the table of `api.figures.as_table()` in place of the one in docs/indexer.md"


def test_readiness_says_why_it_is_not(http: httpx.Client, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ahead() -> int:
        return house.explorer.head().number + 300

    monkeypatch.setattr(house.chain, "head", ahead)
    house.chain.told = replace(FIGURES, eta_s=60.0, blocks_per_s=5.0, busiest="fetching")
    answer = http.get("/ready")
    assert answer.status_code == 503
    detail = answer.json()["detail"]
    height = house.chain.height
    assert detail.startswith(f"the chain is at block {height + 300}, the index at {height}: 5.0 blocks a second")
    assert detail.endswith("about 60 s are left; it is busy fetching")


def test_the_figures_can_be_read_by_people(http: httpx.Client, house: House) -> None:
    house.chain.told = replace(FIGURES, head=house.chain.height + 7)
    told = http.get("/explorer/v1/indexer").json()
    assert (told["lag_blocks"], told["busiest"], told["provider_errors"]) == (7, "waiting", {"timeout": 2, "429": 5})
