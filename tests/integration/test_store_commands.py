"""The operator's commands over a store that is being served: each works while everything goes on."""

import asyncio
import json
import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.integration.harness import House, eventually, house_on, tallystick, write_settings
from tests.network import Network
from tests.worker.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


async def command(house: House, *words: str) -> "subprocess.CompletedProcess[str]":
    config, deployment = str(house.settings_file("serve")), str(house.network.deployment_file)
    return await asyncio.to_thread(tallystick, "--config", config, *words, TALLYSTICK_DEPLOYMENT=deployment)


async def told(house: House, *words: str) -> str:
    done = await command(house, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def digest_is_kept(house: House) -> bool:
    async with house.api() as http:
        return (await http.get("/explorer/v1/digest")).is_success


async def test_a_store_is_backed_up_rebuilt_and_told_about_while_it_is_served(house: House, tmp_path: Path) -> None:
    house.hire()
    await house.start("serve")
    await eventually(lambda: digest_is_kept(house), "digests are kept once it is level")
    served = json.loads(await told(house, "digest", "--json"))
    assert "nothing differed" in await told(house, "rebuild")
    assert "nothing is parked" in await told(house, "parked", "list")
    said = await told(house, "backup", str(tmp_path / "kept"))
    manifest = json.loads((tmp_path / "kept" / "backup.json").read_text())
    assert manifest["digest"] in said
    again = await command(house, "backup", str(tmp_path / "kept"))
    assert again.returncode == 1
    assert "name a folder that does not" in again.stderr
    assert "no gap" in await told(house, "integrity", "--api-url", house.api_url)
    busy = await command(house, "integrity", "--file", str(house.database))
    assert busy.returncode == 1
    assert "is open in another process" in busy.stderr
    over = await command(house, "restore", str(tmp_path / "kept"))
    assert over.returncode == 1
    assert "overwrites nothing" in over.stderr
    async with house.api() as http:
        of_api = (await http.get("/explorer/v1/digest")).json()["data"]
    assert of_api["digest"] == served["digest"]
    await house.stop("serve")
    assert json.loads(await told(house, "digest", "--json"))["digest"] == served["digest"]
    checked = json.loads(await told(house, "integrity", "--file", str(house.database), "--json"))
    assert checked["summary"]["is_whole"]
    assert checked["ranges"][0]["level"] == "root"


async def test_what_was_checked_of_a_block_is_told_and_a_gap_is_no_success(house: House) -> None:
    house.hire()
    await house.start("serve")
    house.network.mine(3)
    await eventually(house.is_serving, "it is level")
    await house.stop("serve")  # which closes the range
    last = str(house.height)
    assert "receipts root" in await told(house, "integrity", last, "--file", str(house.database))
    await house.start("serve")
    assert "receipts root" in await told(house, "integrity", last, "--api-url", house.api_url)
    beyond = await command(house, "integrity", str(house.height + 9), "--api-url", house.api_url)
    assert (beyond.returncode, beyond.stderr.count("\n")) == (1, 1)
    await house.stop("serve")
    with duckdb.connect(str(house.database.resolve())) as tables:
        (first,) = tables.execute("SELECT max(first) FROM final.integrity").fetchall()[0]
        tables.execute("UPDATE final.integrity SET first = first + 1 WHERE first = ?", [first])
    gap = await command(house, "integrity", "--file", str(house.database))
    assert gap.returncode == 1
    assert f"blocks {first} to {first}: no check of these blocks is on record" in gap.stdout


async def test_two_nodes_are_compared_and_the_first_difference_is_named(
    network: Network, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with (
        house_on(network, tmp_path / "one", upstream.url) as one,
        house_on(network, tmp_path / "two", upstream.url) as two,
    ):
        await one.start("serve")
        await two.start("serve")
        await eventually(lambda: digest_is_kept(two), "the other keeps digests")
        for worker in range(3):
            one.hire(worker)
        await eventually(one.is_serving, "the first is level")
        await eventually(two.is_serving, "the second is level")
        assert "the same after block" in await told(one, "compare", two.api_url)
        await two.stop("serve")
        with duckdb.connect(str(two.database.resolve())) as tables:
            tables.execute("DELETE FROM final.events WHERE block = (SELECT max(block) FROM final.events)")
            tables.execute("DELETE FROM final.digests")
        await two.start("serve")
        await eventually(lambda: digest_is_kept(two), "the other keeps digests again")
        parted = await command(one, "compare", two.api_url)
        assert parted.returncode == 1
        assert "not the same after block" in parted.stdout
        assert "in events" in parted.stdout
        mended = await command(two, "rebuild")
        assert mended.returncode == 1
        assert "events differed" in mended.stdout
        await eventually(lambda: digest_is_kept(two), "the other keeps digests of what was mended")
        assert "the same after block" in await told(one, "compare", two.api_url)


async def test_a_restored_store_goes_on_where_the_backup_was_taken(
    network: Network, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with (
        house_on(network, tmp_path / "one", upstream.url) as one,
        house_on(network, tmp_path / "two", upstream.url) as two,
    ):
        one.hire(0)
        await one.start("serve")
        await told(one, "backup", str(tmp_path / "kept"))
        one.hire(1)
        settings = two.serve_settings()
        write_settings(two.settings_file("serve"), settings)
        assert "restored" in await told(two, "restore", str(tmp_path / "kept"))
        await two.start("serve")
        await eventually(lambda: digest_is_kept(one), "the first keeps digests")
        assert "the same after block" in await told(two, "compare", one.api_url)


async def test_nobody_to_compare_with_is_said_in_one_sentence(house: House) -> None:
    await house.start("serve")
    alone = await command(house, "compare", "http://127.0.0.1:1")
    assert alone.returncode == 1
    assert "is it a node's API?" in alone.stderr


async def test_tables_of_an_older_version_are_built_anew_at_start_and_it_is_said(house: House) -> None:
    house.hire()
    await house.start("serve")
    await eventually(lambda: digest_is_kept(house), "digests are kept")
    before = json.loads(await told(house, "digest", "--json"))
    await house.stop("serve")
    with duckdb.connect(str(house.database.resolve())) as tables:
        tables.execute("UPDATE final.progress SET schema_version = 1")
    await house.start("serve")
    assert "is of schema version 1" in house.said("serve")
    assert "no node is asked and readers are let in when it is done" in house.said("serve")
    await eventually(lambda: digest_is_kept(house), "digests are kept again")
    assert json.loads(await told(house, "digest", "--json"))["digest"] == before["digest"]
