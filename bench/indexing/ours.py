"""A chain on a node comes in; `tallystick index` reads all of it into an empty folder, and what that took comes out."""

import sys
from pathlib import Path

from msgspec import Struct

from bench.indexing.chains import Chain
from bench.indexing.measuring import Run, measure


class Sizes(Struct, frozen=True):
    """Bytes on disk, by part."""

    ledger: int
    explorer: int


def command(url: str, chain: Chain, data: Path, level: str, *more: str) -> list[str]:
    deployment = ("--deployment", str(chain.deployment_file))
    return [sys.executable, "-m", "tallystick", "index", "--rpc", url, *deployment, "--data", str(data),
            "--level", level, *more]  # fmt: skip


def backfill(url: str, chain: Chain, folder: Path, level: str) -> Run:
    """From the start of the process to its end at the chain's head."""
    return measure(command(url, chain, folder / "data", level, "--until-caught-up"), folder / "ours.log")


def floor(url: str, chain: Chain, folder: Path) -> Run:
    """The plain loop over the same node."""
    loop = [sys.executable, "-m", "bench.indexing.floor"]
    return measure([*loop, url, str(chain.deployment_file), str(folder / "floor.db")], folder / "floor.log")


def sizes(folder: Path) -> Sizes:
    """What a backfill into `folder` left, write-ahead logs included."""
    parts = {"ledger": 0, "explorer": 0}
    for file in (folder / "data").iterdir():
        part = file.name.partition(".")[0]
        if part in parts:
            parts[part] += file.stat().st_size
    return Sizes(**parts)
