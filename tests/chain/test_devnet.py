import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from chain.devnet import Devnet, DevnetSettings, find_anvil
from chain.errors import AnvilMissing, PortInUse, StateDamaged

pytestmark = pytest.mark.thorough


def ask(url: str, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["result"]


def test_a_chain_answers_as_soon_as_it_has_started_and_ends_with_its_block() -> None:
    with Devnet(DevnetSettings(chain_id=1337, accounts=3)) as chain:
        assert ask(chain.url, "eth_chainId") == hex(1337)
        assert len(ask(chain.url, "eth_accounts")) == 3
        pid = chain.pid
    assert not psutil.pid_exists(pid)


async def test_two_chains_run_side_by_side_on_ports_of_their_own() -> None:
    async with Devnet() as one, Devnet() as other:
        assert one.port != other.port
        assert await asyncio.to_thread(ask, one.url, "eth_blockNumber") == "0x0"
        assert await asyncio.to_thread(ask, other.url, "eth_blockNumber") == "0x0"


def test_a_chain_without_automine_mines_only_when_asked() -> None:
    with Devnet(DevnetSettings(automine=False)) as chain:
        sender, *_ = ask(chain.url, "eth_accounts")
        ask(chain.url, "eth_sendTransaction", {"from": sender, "to": sender})
        assert ask(chain.url, "eth_blockNumber") == "0x0"
        ask(chain.url, "evm_mine")
        assert ask(chain.url, "eth_blockNumber") == "0x1"


def test_a_saved_chain_goes_on_with_the_same_blocks(tmp_path: Path) -> None:
    settings = DevnetSettings(state=tmp_path / "data" / "chain.json")
    with Devnet(settings) as chain:
        ask(chain.url, "anvil_mine", "0x3")
        before = [ask(chain.url, "eth_getBlockByNumber", hex(n), False)["hash"] for n in range(4)]
    with Devnet(settings) as chain:
        after = [ask(chain.url, "eth_getBlockByNumber", hex(n), False)["hash"] for n in range(4)]
    assert after == before


def test_a_chain_keeps_its_first_block_and_the_right_time_through_many_starts(tmp_path: Path) -> None:
    settings = DevnetSettings(state=tmp_path / "chain.json")
    seen = set()
    for _ in range(4):
        with Devnet(settings) as chain:
            ask(chain.url, "anvil_mine", "0x1")
            seen.add(ask(chain.url, "eth_getBlockByNumber", "0x0", False)["hash"])
            mined_at = int(ask(chain.url, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)
            assert abs(mined_at - time.time()) < 30
    assert len(seen) == 1


def test_a_state_cut_off_while_it_was_written_gives_way_to_its_copy(tmp_path: Path) -> None:
    settings = DevnetSettings(state=tmp_path / "chain.json")
    with Devnet(settings) as chain:
        ask(chain.url, "anvil_mine", "0x3")
    with Devnet(settings):
        pass
    (tmp_path / "chain.json").write_text('{"block": {')
    with Devnet(settings) as chain:
        assert ask(chain.url, "eth_blockNumber") == "0x3"


def test_a_damaged_state_without_a_copy_is_named(tmp_path: Path) -> None:
    (tmp_path / "chain.json").write_text("garbage")
    with pytest.raises(StateDamaged, match=r"chain\.json"):
        Devnet(DevnetSettings(state=tmp_path / "chain.json")).start()


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port} is in use"):
            Devnet(DevnetSettings(port=port)).start()


def test_a_missing_anvil_comes_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("chain.devnet.LOCAL_ANVIL", Path("nowhere/anvil"))
    with pytest.raises(AnvilMissing, match="npm install"):
        find_anvil()
    with pytest.raises(AnvilMissing, match="setting `anvil`"):
        find_anvil(tmp_path / "anvil")


def test_a_killed_parent_leaves_no_chain_behind(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom chain.devnet import Devnet, DevnetSettings\n"
        f"chain = Devnet(DevnetSettings(state=Path({str(tmp_path / 'chain.json')!r}))).start()\n"
        "print(chain.pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent, parent.stdout as said:
        anvil = psutil.Process(int(said.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    psutil.wait_procs([anvil], timeout=20)
    assert not anvil.is_running()
    assert (tmp_path / "chain.json").exists(), "it saved its state on the way out"
