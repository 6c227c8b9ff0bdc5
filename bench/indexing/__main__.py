"""`python -m bench.indexing`: we, two peers and the floor index the same chains; ratios, table and curve come out.

QUICK=1 runs each once and leaves out the longest; else the medians of five. `--size 100k` compares all on one chain,
`--only ours --size 100k --level root` measures one contender, as often as `--times` says; neither writes anything.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]

from bench.indexing import ours
from bench.indexing.chains import SIZES, SPARSE, Chain, running
from bench.indexing.figures import OURS, STRICT, Cell, growth, lines, median, ratios
from bench.indexing.latency import latency
from bench.indexing.measuring import Run
from bench.indexing.peers import ponder, sqd
from bench.indexing.plotting import draw

RESULTS = Path(__file__).resolve().parents[1] / "results"
TIMES = 5

Contender = Callable[[str, Chain, Path], Run]
CONTENDERS: Mapping[str, Contender] = {
    OURS: lambda url, chain, folder: ours.backfill(url, chain, folder, "bloom"),
    STRICT: lambda url, chain, folder: ours.backfill(url, chain, folder, "root"),
    "floor": ours.floor,
    "sqd": sqd.backfill,
    "ponder-pglite": lambda url, chain, folder: ponder.backfill(url, chain, folder, "pglite"),
    "ponder-postgres": lambda url, chain, folder: ponder.backfill(url, chain, folder, "postgres"),
}
QUICK = {
    "25k": (OURS,), "100k": tuple(CONTENDERS), "400k": (OURS, STRICT, "floor"), SPARSE: (OURS, "sqd"),
}  # fmt: skip
FULL = {
    "100k": tuple(CONTENDERS),
    "400k": tuple(CONTENDERS),
    "1600k": (OURS, STRICT, "floor", "sqd"),
    SPARSE: (OURS, "sqd"),
}
"""Who runs on which chain. The curve is drawn from 1x, 4x and 16x of the smallest dense one."""


def measure(size: str, contenders: Sequence[str], times: int) -> tuple[list[Cell], dict[str, Any]]:
    """Everyone on one chain, in turns: what disturbs the machine for a while disturbs all."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    stored: dict[str, Any] = {}
    with running(size) as (chain, devnet):
        for _ in range(times):
            for name in contenders:
                with tempfile.TemporaryDirectory(prefix="bench-indexing-") as folder:
                    run = CONTENDERS[name](devnet.url, chain, Path(folder))
                    if name == OURS:
                        parts = msgspec.structs.asdict(ours.sizes(Path(folder)))
                        stored = {part: round(held / chain.logs, 1) for part, held in parts.items()}
                runs[name].append(run)
                show(name, chain, run)
    return [median(name, size, chain.logs, chain.blocks, found) for name, found in runs.items()], stored


def show(name: str, chain: Chain, run: Run) -> None:
    speeds = f"{chain.logs / run.wall_s:>9,.0f} logs/s{chain.logs / run.cpu_s:>10,.0f} logs a CPU second"
    print(f"{name + ' ' + chain.size:26}{run.wall_s:8.2f} s {run.cpu_s:8.2f} CPU s {run.peak_mib:6.0f} MiB {speeds}",
          flush=True)  # fmt: skip


def compare(plan: Mapping[str, Sequence[str]], times: int) -> int:
    cells: list[Cell] = []
    stored: dict[str, Any] = {}
    for size, contenders in plan.items():
        found, held = measure(size, contenders, times)
        cells += found
        stored |= {size: held} if held else {}
    heard = latency()
    compared = ratios(cells)
    print("\n".join(["", *lines(cells, compared)]))
    dense = [cell for cell in cells if cell.size != SPARSE]
    names = dict.fromkeys(cell.contender for cell in dense)
    curves = {name: [(cell.logs, cell.logs_per_s) for cell in dense if cell.contender == name] for name in names}
    draw(curves, "Backfill from start of the process to the last row", RESULTS / "indexing.svg")
    result = {
        "figures": [msgspec.structs.asdict(cell) for cell in cells],
        "ratios": {name: round(ratio.wall, 2) for name, ratio in compared.items()},
        "ratios by CPU time": {name: round(ratio.cpu, 2) for name, ratio in compared.items()},
        "bytes a log": stored,
        "CPU a log, largest / smallest chain": growth(cells),
        "block mined to row readable over HTTP, ms": heard,
        "machine": {"cores": psutil.cpu_count(), "python": platform.python_version(), "times": times},
    }
    (RESULTS / "indexing.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return 0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench.indexing", description=__doc__)
    arguments.add_argument("--only", choices=["ours", *CONTENDERS])
    arguments.add_argument("--size", choices=[*SIZES, SPARSE])
    arguments.add_argument("--level", choices=["bloom", "root"], default="bloom")
    arguments.add_argument("--times", type=int)
    given = arguments.parse_args()
    quick = os.environ.get("QUICK", "") not in ("", "0")
    if given.only is None and given.size is not None:
        cells, stored = measure(given.size, tuple(CONTENDERS), given.times or 1)
        print("\n".join(["", *lines(cells, ratios(cells)), f"bytes a log: {stored}"]))
        return 0
    if given.only is None:
        return compare(QUICK if quick else FULL, given.times or (1 if quick else TIMES))
    name = STRICT if (given.only, given.level) == (OURS, "root") else given.only
    measure(given.size or "100k", [name], given.times or 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
