"""Two indexers on one store: the second waits, says so, serves what it may, and takes over when the first is killed."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.integration.harness import House, eventually, house_on, write_settings
from tests.network import Network
from tests.worker.lab import until
from tests.worker.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

TAKEN_OVER_WITHIN_S = 5.0


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@contextmanager
def a_house(network: Network, folder: Path, upstream: Upstream, ledger_url: str, **changes: Any) -> Iterator[House]:
    folder.mkdir(exist_ok=True)
    with house_on(network, folder, upstream.url) as house:
        settings = house.serve_settings()
        settings["domain"]["ledger_url"] = ledger_url
        settings["indexer"] |= changes
        write_settings(house.settings_file("serve"), settings)
        yield house


async def test_a_second_indexer_with_an_explorer_of_its_own_serves_and_takes_over(
    network: Network, tmp_path: Path, upstream: Upstream, ledger_url: str
) -> None:
    with (
        a_house(network, tmp_path / "one", upstream, ledger_url) as one,
        a_house(network, tmp_path / "two", upstream, ledger_url) as two,
    ):
        await one.start("serve")
        await two.start("serve")
        await until(lambda: "leads chain 31337: standing by to take over" in two.said("serve"), "it says that it waits")
        network.mine(3)
        await eventually(lambda: shows(two, one.height), "the second shows what the first records")
        await one.kill("serve")
        began = time.monotonic()
        network.mine(1)
        await eventually(lambda: shows(two, two.height), "the second indexes by itself")
        assert time.monotonic() - began < TAKEN_OVER_WITHIN_S
        await until(lambda: "took over the lead of chain 31337" in two.said("serve"), "it says that it leads")
        await one.start("serve")
        await until(lambda: "standing by" in one.said("serve"), "the first stands by now")
        await two.stop("serve")
        network.mine(1)
        await eventually(lambda: shows(one, one.height), "the first leads again")


async def test_a_second_indexer_on_the_same_files_waits_for_them(
    network: Network, tmp_path: Path, upstream: Upstream
) -> None:
    url, database = f"sqlite:///{tmp_path / 'ledger.db'}", str(tmp_path / "explorer.duckdb")
    with (
        a_house(network, tmp_path / "one", upstream, url, database=database) as one,
        a_house(network, tmp_path / "two", upstream, url, database=database) as two,
    ):
        await one.start("serve")
        waiting = asyncio.create_task(two.start("serve"))
        await until(lambda: "waiting to take over: explorer database" in two.said("serve"), "the second says it waits")
        await one.kill("serve")
        began = time.monotonic()
        network.mine(1)
        await waiting
        await eventually(lambda: shows(two, two.height), "the second indexes")
        assert time.monotonic() - began < TAKEN_OVER_WITHIN_S
        await two.stop("serve")


async def test_an_indexer_whose_connections_are_cut_takes_its_lead_again_and_goes_on(
    network: Network, tmp_path: Path, upstream: Upstream, postgres_url: str
) -> None:
    with a_house(network, tmp_path, upstream, postgres_url) as house:
        await house.start("serve")
        admin = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"))
        with admin.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        admin.dispose()
        await until(lambda: "indexing waits: " in house.said("serve"), "it says that it waits")
        network.mine(1)
        await eventually(lambda: shows(house, house.height), "it goes on")
        assert "Traceback" not in house.said("serve")
        await house.stop("serve")


async def shows(house: House, height: int) -> bool:
    async with house.api() as http:
        try:
            stats = (await http.get("/explorer/v1/stats")).json()
        except httpx.TransportError:
            return False
    return bool(stats["head"]["number"] >= height)
