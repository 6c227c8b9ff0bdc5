"""`python -m bench.indexing`: we, two peers and the floor index the same chains; ratios, table and curve come out.

`--only ours --size 100k --level root` measures one contender on one chain, as often as `--times` says.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.indexing import ours
from bench.indexing.chains import SIZES, SPARSE, Chain, running
from bench.indexing.measuring import Run

Contender = Callable[[str, Chain, Path], Run]


def contender(name: str, level: str) -> Contender:
    """Who indexes a chain, by name."""
    if name == "ours":
        return lambda url, chain, folder: ours.backfill(url, chain, folder, level)
    return {"floor": ours.floor}[name]


def once(index: Contender, url: str, chain: Chain) -> Run:
    """One run into an empty folder."""
    with tempfile.TemporaryDirectory(prefix="bench-indexing-") as folder:
        return index(url, chain, Path(folder))


def show(name: str, chain: Chain, run: Run) -> None:
    speeds = f"{chain.logs / run.wall_s:>9,.0f} logs/s{chain.logs / run.cpu_s:>10,.0f} logs a CPU second"
    print(
        f"{name:24}{run.wall_s:8.2f} s {run.cpu_s:8.2f} CPU s {run.peak_mib:6.0f} MiB {speeds}  {run.said}", flush=True
    )


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench.indexing", description=__doc__)
    arguments.add_argument("--only", choices=["ours", "floor"])
    arguments.add_argument("--size", choices=[*SIZES, SPARSE], default="100k")
    arguments.add_argument("--level", default="bloom")
    arguments.add_argument("--times", type=int, default=1)
    given = arguments.parse_args()
    with running(given.size) as (chain, devnet):
        for _ in range(given.times):
            for name in (given.only,) if given.only else ("floor", "ours"):
                run = once(contender(name, given.level), devnet.url, chain)
                show(f"{name} {given.size} {given.level}", chain, run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
