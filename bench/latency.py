"""Prompts go their whole way through a network of their own, one by one; what the network adds to inference comes out.

`python -m bench.latency` prints the table, writes results/latency.json, and exits 1 if the median is over its limit.
The peer is the engine itself: inference alone, as the worker's receipts have it, in the same run.
"""

import asyncio
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import psutil

from tallystick.demo import PROMPTS, Asked, ask
from tallystick.doctor import project_root
from tallystick.http import connected
from tallystick.network import Ports, plan, running

RESULT = Path(__file__).parent / "results" / "latency.json"
ROUNDS = 10
MEDIAN_S_MAX = 1.0
STAGES = ("queue", "inference", "proof", "settlement", "indexed", "total")


async def measure(folder: Path) -> tuple[list[Asked], dict[str, int]]:
    """Every prompt once a round, after one that warms up; and the memory of each process in MiB."""
    planned = plan(project_root(), folder / "network", Ports(chain=0, api=0, kubo=0, quack=0))
    async with running(planned, lambda stage: print(stage, flush=True)) as up, connected(up.api_url) as api:
        evidence = folder / "evidence"
        evidence.mkdir()
        await ask(api, PROMPTS[0], evidence, lambda _: None)
        asked = [await ask(api, prompt, evidence, lambda _: None) for _ in range(ROUNDS) for prompt in PROMPTS]
        pids = {"anvil": up.chain.pid, "serve": up.children.pid("serve"), "work": up.children.pid("work")}
        return asked, {name: memory_mib(pid) for name, pid in pids.items()}


def memory_mib(pid: int) -> int:
    """Resident memory of a process with its children."""
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) >> 20


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def figures_of(asked: list[Asked]) -> dict[str, float]:
    """Median and 95th percentile of each stage, in seconds."""
    columns = {stage: [getattr(each.split, stage) for each in asked] for stage in STAGES}
    columns["network overhead"] = [each.network_overhead_s for each in asked]
    return {
        f"{name}, p{percent} s": round(percentile(values, percent), 3)
        for name, values in columns.items()
        for percent in (50, 95)
    }


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        asked, memory = asyncio.run(measure(Path(folder)))
    if not all(each.is_verified for each in asked):
        print("not every receipt was verified: nothing was measured", file=sys.stderr)
        return 1
    figures: dict[str, Any] = figures_of(asked)
    for name, value in figures.items():
        print(f"{name:28}{value:8.3f}")
    overhead, inference = figures["network overhead, p50 s"], figures["inference, p50 s"]
    result = {
        "figures": {"jobs": len(asked), **figures, **{f"{name}, MiB": size for name, size in memory.items()}},
        "ratios": {"network overhead / inference": round(overhead / inference, 3)},
        "machine": {"cores": psutil.cpu_count(), "python": platform.python_version()},
    }
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    print(f"the network adds {overhead / inference:.0%} to inference")
    return 0 if overhead <= MEDIAN_S_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
