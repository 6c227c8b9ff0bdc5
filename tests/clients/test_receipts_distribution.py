"""`tallystick-receipts` installs by itself and verifies evidence where nothing else of ours is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.network import Network
from tests.receipts.settled import STORED, settle

ROOT = Path(__file__).resolve().parents[2]
BUNDLE, PINS = STORED / "bundle.json", STORED / "deployment.json"
BLOCK_HASH = msgspec.json.decode(BUNDLE.read_bytes())["block"]["hash"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment of its own, built and installed from a copy of the sources."""
    folder = tmp_path_factory.mktemp("standalone")
    ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    for part in ("receipts", "clients/receipts"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder / "wheels", folder / "clients/receipts")
    run(sys.executable, "-m", "venv", folder / "venv")
    (wheel,) = (folder / "wheels").glob("tallystick_receipts-*.whl")
    run(folder / "venv/bin/pip", "install", f"{wheel}[tokens,oracle]")
    return folder / "venv/bin/tallystick-verify"


def run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"


def verifying(command: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Runs the command where none of our sources can be imported."""
    return subprocess.run(
        [str(command), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=command.parent,
        env={"PATH": os.environ["PATH"]},
    )


def test_it_brings_neither_ape_nor_duckdb_nor_vllm(command: Path) -> None:
    brought = {path.name.lower() for path in command.parents[1].glob("lib/python*/site-packages/*")}
    assert "tallystick_receipts" in brought
    assert not brought & {"ape", "duckdb", "vllm", "web3", "receipts", "eventsourcing", "litestar"}


def test_an_anchored_bundle_is_verified(command: Path) -> None:
    done = verifying(command, BUNDLE, "--deployment", PINS, "--block-hash", BLOCK_HASH, "--tokenizer", STORED / "model")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("verified\n")
    assert "ok      tokens      recounted" in done.stdout


def test_the_pure_python_check_can_be_asked_for(command: Path) -> None:
    assert verifying(command, BUNDLE, "--deployment", PINS, "--block-hash", BLOCK_HASH, "--oracle").returncode == 0


def test_a_bundle_without_an_anchor_is_consistent(command: Path) -> None:
    done = verifying(command, BUNDLE, "--deployment", PINS)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "consistent")


def test_a_changed_bundle_fails_with_the_step(command: Path, tmp_path: Path) -> None:
    (tmp_path / "changed.json").write_bytes(BUNDLE.read_bytes().replace(b"scattered", b"shattered"))
    done = verifying(command, tmp_path / "changed.json", "--deployment", PINS)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "failed")
    assert "FAILED  content" in done.stdout


def test_wrong_use_is_told_apart_with_the_remedy(command: Path, tmp_path: Path) -> None:
    uses: dict[tuple[str | Path, ...], str] = {
        ("none.json", "--deployment", PINS): "none.json: No such file or directory; name the file",
        (BUNDLE, "--deployment", tmp_path / "none.json"): "no such file; deploy first",
        (BUNDLE, "--deployment", PINS, "--block-hash", "0x12"): "'0x12' is not 0x and 64 hex digits",
        (BUNDLE, "--deployment", PINS, "--rpc", "http://127.0.0.1:1"): "does not answer eth_chainId",
    }
    for arguments, complaint in uses.items():
        done = verifying(command, *arguments)
        assert done.returncode == 2
        assert complaint in done.stderr


def test_a_node_anchors_what_it_settled_and_nothing_else(command: Path, network: Network, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    settled = settle(network, tmp_path / "model")
    (tmp_path / "bundle.json").write_bytes(settled.data)
    node = ("--deployment", network.deployment_file, "--rpc", network.url)
    assert verifying(command, tmp_path / "bundle.json", *node).returncode == 0
    other = verifying(command, BUNDLE, *node)
    assert (other.returncode, other.stdout.splitlines()[-1]) == (1, "failed")
