"""A network that can not come up says so before anything of it is begun."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.listening import AddressInUse
from tallystick.network import NotSetUp, Plan, Ports, plan, running


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("name", ["chain", "api", "kubo"])
def test_a_port_in_use_is_named_with_its_flag_and_nothing_is_begun(tmp_path: Path, taken: int, name: str) -> None:
    ports = Ports(**({"chain": 0, "api": 0, "kubo": 0} | {name: taken}))
    told: list[str] = []
    wanted = Plan(tmp_path, tmp_path / "up", ports, tmp_path, Path(sys.executable))

    async def come_up() -> None:
        async with running(wanted, told.append):
            pass

    with pytest.raises(AddressInUse, match=f"127.0.0.1:{taken}.*choose another with --{name}-port"):
        asyncio.run(come_up())
    assert told == []
    assert list(tmp_path.iterdir()) == []


def test_what_make_setup_would_make_is_named_where_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match=r"\.venv-worker/bin/python is missing: run `make setup`"):
        plan(tmp_path, tmp_path / "up", Ports())
    worker = tmp_path / ".venv-worker/bin/python"
    worker.parent.mkdir(parents=True)
    worker.touch()
    with pytest.raises(NotSetUp, match=r"no model in .*: run `make setup`, which converts it"):
        plan(tmp_path, tmp_path / "up", Ports())
