"""A reader has a settled job verified on its page by one button, saves the evidence, and checks the file by itself."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from receipts.document import encode_document
from receipts.evidence import from_payload
from tests.api.pages.conftest import Reader
from tests.api.test_on_chain import answered, running
from tests.chromium import chromium
from tests.network import Network
from tests.receipts.settled import Settled, settle

pytestmark = pytest.mark.slow


async def publish(settled: Settled, api: httpx.AsyncClient, kubo: httpx.AsyncClient) -> None:
    """What a worker does with contents and receipt."""
    for part in (settled.bundle.prompt, settled.bundle.response, settled.bundle.model):
        await kubo.post("/api/v0/add", files={"file": ("part", from_payload(part))})
    await answered(api, f"/explorer/v1/receipts/{settled.bundle.receipt.job_id}")
    (await api.post("/v1/receipts", content=encode_document(settled.bundle.receipt))).raise_for_status()


async def test_a_settled_job_is_verified_on_its_page_and_from_a_file(network: Network, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    async with running(network, tmp_path) as (api, kubo):
        settled = await asyncio.to_thread(settle, network, tmp_path / "model")
        await publish(settled, api, kubo)
        await asyncio.to_thread(walk, str(api.base_url), settled, tmp_path / "evidence.json")


def walk(url: str, settled: Settled, file: Path) -> None:
    with chromium() as browser:
        reader = Reader(browser, url)
        page = reader.open(f"/jobs/{settled.bundle.receipt.job_id}")
        page.get_by_label("Hash of the settling block").fill(settled.bundle.block.hash)
        assert verdict(page) == "Verified"
        with page.expect_download() as saved:
            page.get_by_role("link", name="Download the evidence").click()
        saved.value.save_as(file)
        assert file.read_bytes() == settled.data
        page = reader.open("/verify")
        page.get_by_label("Evidence bundle").set_input_files(file)
        assert verdict(page) == "Consistent, not anchored"
        assert reader.faults == []


def verdict(page: Any) -> str:
    page.get_by_role("button", name="Verify in this browser").click()
    page.locator('.verify-outcome:not([data-state="running"]) strong').wait_for()
    return str(page.locator(".verify-outcome strong").inner_text())
