"""A full disk: orders are refused as a whole, readers served, and indexing waits and says so; once there is room again
everything goes on where it was, in the same process or in the next."""

import contextlib
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from receipts.content.kubo import KuboContent
from tests.integration.books import assert_balanced, close_the_books, come_to_rest
from tests.integration.harness import House, eventually, house_on, write_settings
from tests.network import Network
from tests.worker.lab import MODEL_MANIFEST, price_of, until
from tests.worker.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

DISK_MIB = 96
PAGE = 4096
OPEN = 1
SHELL = 'mount -t tmpfs -o size="$1"m none "$2" && echo mounted && exec sleep 3600'


class Disk:
    """A small disk that only processes started through `prefix` see under `mounted`; we reach it by `path`."""

    def __init__(self, holder: int, mounted: Path) -> None:
        self.mounted = mounted
        self.path = Path(f"/proc/{holder}/root{mounted}")
        self.prefix = ("nsenter", "--target", str(holder), "--user", "--mount", "--preserve-credentials")

    def fill(self) -> None:
        """Leaves not a byte."""
        with contextlib.suppress(OSError), (self.path / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(PAGE))

    def free(self) -> None:
        (self.path / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", SHELL, "sh", str(DISK_MIB), str(mounted)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline().strip() != "mounted":
            pytest.skip(f"this machine lets nobody mount a small disk: {holder.communicate()[1].strip()}")
        yield Disk(holder.pid, mounted)
    finally:
        holder.kill()
        holder.wait()


@pytest.fixture
def house(network: Network, upstream: Upstream, tmp_path: Path, disk: Disk) -> Iterator[House]:
    """A house whose indexer and API keep everything on the small disk."""
    with house_on(network, tmp_path, upstream.url) as house:
        house.prefix = disk.prefix
        settings = house.serve_settings()
        settings["domain"]["ledger_url"] = f"sqlite:///{disk.mounted}/serve.db"
        settings["indexer"]["database"] = f"{disk.mounted}/explorer.duckdb"
        settings["content"]["folder"] = f"{disk.mounted}/content"
        write_settings(house.settings_file("serve"), settings)
        yield house


@pytest.mark.parametrize("dies", [False, True], ids=["waits", "is killed"])
async def test_a_full_disk_refuses_orders_whole_and_indexing_goes_on_when_there_is_room(
    house: House, disk: Disk, dies: bool
) -> None:
    worker = await with_a_worker(house)
    first = await house.order("while there was room")
    await house.settled(first)
    disk.fill()
    async with house.api() as http:
        refused = await http.post("/v1/prompts", json={"prompt": "too much"}, headers={"Idempotency-Key": "again"})
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unrecorded")
        assert "nothing was done" in refused.json()["detail"]
        assert (await http.get(f"/v1/prompts/{first}")).json()["state"] == "settled", "readers are served"
    assert house.network.call("InferenceCoordinator", "jobCount") == 1

    house.network.register_worker(1)
    await until(lambda: "indexing waits: " in house.said("serve"), "what cannot be recorded is said")
    (complaint,) = [line for line in house.said("serve").splitlines() if "indexing waits: " in line]
    assert "disk is full or failing; free space beside the file, then go on" in complaint
    async with house.api() as http:
        assert (await http.get(f"/v1/prompts/{first}")).json()["state"] == "settled", "readers are still served"
    if dies:
        await house.kill("serve")
        disk.free()
        await house.start("serve")
    else:
        disk.free()
    await eventually(house.is_serving, "it is at the head again")
    assert "Traceback" not in house.said("serve")
    second = await house.order("too much", key="again")
    await house.settled(second)
    await come_to_rest(house)
    shutil.copyfile(disk.path / "explorer.duckdb", house.database)
    await assert_balanced(house, first, second)
    assert house.earned(house.workers[worker]) == price_of("while there was room") + price_of("too much")


async def test_a_worker_whose_disk_is_full_takes_no_job_says_so_and_goes_on_when_there_is_room(
    network: Network, upstream: Upstream, tmp_path: Path, disk: Disk
) -> None:
    with house_on(network, tmp_path, upstream.url) as house:
        worker = house.hire()
        settings = tomllib.loads(house.settings_file(worker).read_text())
        settings["domain"]["ledger_url"] = f"sqlite:///{disk.mounted}/journal.db"
        write_settings(house.settings_file(worker), settings)
        house.prefix = disk.prefix
        await house.start("serve", worker)
        first = await house.order("while there was room")
        await house.settled(first)
        await house.evidence(first)
        disk.fill()
        second = await house.order("too much")
        await until(lambda: house.said(worker).count("disk is full or failing") >= 2, "what cannot be recorded is said")
        assert house.status(second) == OPEN
        disk.free()
        await house.settled(second)
        complaints = [line for line in house.said(worker).splitlines() if "disk is full or failing" in line]
        assert len(complaints) <= 5, "less often each time"
        assert f"job {second} is looked at again in 2 s" in complaints[0]
        assert "Traceback" not in house.said(worker)
        await house.evidence(second)
        await close_the_books(house, first, second)


async def with_a_worker(house: House) -> str:
    """Starts both processes, the model's manifest at hand where they keep their content."""
    worker = house.hire()
    await house.start("serve")
    kubo = KuboContent(house.kubo_url)
    await kubo.put(MODEL_MANIFEST)
    await kubo.aclose()
    await house.start(worker)
    return worker
