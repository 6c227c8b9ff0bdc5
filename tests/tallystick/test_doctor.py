"""What the doctor finds on machines that lack something, and what it says to do about each."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tallystick.cli.doctor import check_engine
from tallystick.doctor import (
    GIB,
    Finding,
    Machine,
    check_keystore,
    check_memory_and_disk,
    check_model,
    check_ports,
    check_python,
    check_worker,
)
from tests.worker.upstream import MODEL, serving
from worker.settings import Settings

FIT = Machine(Path("/nowhere"), {}, memory_total=16 * GIB, disk_free=100 * GIB, python=(3, 11))


def states(findings: Iterator[Finding]) -> list[str]:
    return [each.state for each in findings]


def test_an_old_python_is_a_fault_with_the_remedy() -> None:
    (found,) = check_python(replace(FIT, python=(3, 9)))
    assert (found.state, found.detail) == ("fault", "Python 3.9")
    assert "make setup PYTHON=" in found.remedy
    assert states(check_python(FIT)) == ["ok"]


def test_little_memory_is_a_note_and_a_full_disk_a_fault() -> None:
    memory, disk = check_memory_and_disk(replace(FIT, memory_total=GIB, disk_free=GIB))
    assert (memory.state, disk.state) == ("note", "fault")
    assert "run the worker on another machine" in memory.remedy
    assert "free 5 GiB" in disk.remedy
    assert states(check_memory_and_disk(FIT)) == ["ok", "ok"]


def test_a_machine_that_was_not_set_up_is_told_how(tmp_path: Path) -> None:
    bare = replace(FIT, root=tmp_path)
    for check in (check_worker, check_model):
        (found,) = check(bare)
        assert found.state == "note"
        assert "make setup" in found.remedy


def test_a_port_that_is_taken_is_named_with_who_wants_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (found,) = check_ports(replace(FIT, ports={"API": port}))
    assert found.state == "note"
    assert "wanted by the API" in found.detail
    assert states(check_ports(replace(FIT, ports={"API": port}))) == ["ok"]


def test_a_wallet_that_others_may_read_is_a_fault(tmp_path: Path) -> None:
    wallet = tmp_path / "wallet.json"
    assert states(check_keystore(wallet)) == ["fault"]
    wallet.touch(0o644)
    (found,) = check_keystore(wallet)
    assert (found.state, found.remedy) == ("fault", f"chmod 600 {wallet}")
    wallet.chmod(0o600)
    assert states(check_keystore(wallet)) == ["ok"]


async def test_a_server_of_models_is_asked_for_ours() -> None:
    async with serving() as upstream:
        settings = Settings(model_id=MODEL, engine="openai", engine_url=upstream.url)
        (found,) = await check_engine(settings)
        assert found.state == "ok"
        (lacking,) = await check_engine(replace(settings, engine_model="gpt-9"))
    (away,) = await check_engine(settings)
    assert (lacking.state, away.state) == ("fault", "fault")
    assert f"has no model 'gpt-9'; it has {MODEL}" in lacking.detail
    assert upstream.url in away.detail


@pytest.mark.parametrize("engine", ["vllm"])
async def test_an_engine_within_the_worker_is_no_server(engine: str) -> None:
    assert await check_engine(Settings(engine=engine)) == []  # type: ignore[arg-type]
