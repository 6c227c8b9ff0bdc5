"""New blocks come at a steady pace while many read the live stream; how late each reader hears of each comes out.

`python -m bench.live` prints the table, writes results/live.json, and exits 1 if a message was lost or came too late.
A delivery is timed from when the block is there to be taken in to when a reader, in another process, has it. Beside it
stands what a single reader sees in the same run: what the index itself takes, and what comes together with it.
"""

import asyncio
import platform
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]
import uvloop
from msgspec import Struct

from bench.live.readers import connect, until
from bench.live.served import Fed

RESULT = Path(__file__).parents[1] / "results" / "live.json"
BLOCKS_PER_S, BLOCKS, WARM_UP = 50, 500, 50
P99_MS_MUST, P99_MS_AIM = 250, 120
PATIENCE_S = 20.0


class Load(Struct, frozen=True):
    """Readers, and what they follow."""

    readers: int
    topics: str

    @property
    def name(self) -> str:
        return f"{self.readers} readers of {self.topics}"


ALONE, WANTED = Load(1, "blocks"), Load(1_000, "blocks")
LOADS = (ALONE, WANTED, Load(1_000, "blocks,stats"), Load(2_000, "blocks"))


class Delivered(Struct, frozen=True):
    lost: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_percent: float
    mib_per_s: float


async def measure(load: Load) -> Delivered:
    with tempfile.TemporaryDirectory() as folder:
        command = ("-m", "bench.live.served", folder, str(BLOCKS_PER_S))
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "limit": 1 << 24}
        server = await asyncio.create_subprocess_exec(sys.executable, *command, **pipes)  # type: ignore[arg-type]
        try:
            assert server.stdin
            assert server.stdout
            port = int(await server.stdout.readline())
            return await _deliver(load, port, server.stdin, server.stdout)
        finally:
            if server.stdin:
                server.stdin.close()
            await server.wait()


async def _deliver(load: Load, port: int, orders: asyncio.StreamWriter, figures: asyncio.StreamReader) -> Delivered:
    listeners = await connect(port, load.topics, load.readers)
    await _fed(orders, figures, WARM_UP)
    for listener in listeners:
        listener.bytes = 0
    fed = await _fed(orders, figures, BLOCKS)
    await until(lambda: all(max(fed.at) in each.heard or each.is_lost for each in listeners), PATIENCE_S)
    waits = [1000 * (each.heard[number] - at) for each in listeners for number, at in fed.at.items()
             if number in each.heard]  # fmt: skip
    took_s = max(fed.at.values()) - min(fed.at.values())
    for listener in listeners:
        listener.close()
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    return Delivered(
        lost=len(listeners) * len(fed.at) - len(waits),
        p50_ms=round(cuts[49], 1),
        p99_ms=round(cuts[98], 1),
        max_ms=round(max(waits), 1),
        cpu_percent=round(100 * fed.cpu_s / took_s, 0),
        mib_per_s=round(sum(each.bytes for each in listeners) / took_s / 2**20, 1),
    )


async def _fed(orders: asyncio.StreamWriter, figures: asyncio.StreamReader, blocks: int) -> Fed:
    orders.write(f"{blocks}\n".encode())
    await orders.drain()
    return msgspec.json.decode(await figures.readline(), type=Fed)


def main() -> int:
    heads = ("lost", "p50 ms", "p99 ms", "max ms", "CPU %", "MiB/s")
    print(f"{BLOCKS_PER_S} blocks a second".ljust(34) + "".join(f"{head:>9}" for head in heads))
    measured: dict[Load, Delivered] = {}
    for load in LOADS:
        measured[load] = found = uvloop.run(measure(load))
        told = (found.lost, found.p50_ms, found.p99_ms, found.max_ms, found.cpu_percent, found.mib_per_s)
        print(load.name.ljust(34) + "".join(f"{value:9}" for value in told), flush=True)
    figures = {
        f"{load.name}, {name}": value
        for load, found in measured.items()
        for name, value in msgspec.structs.asdict(found).items()
    }
    wanted = measured[WANTED]
    ratios = {
        f"{WANTED.name}, p99 / the {P99_MS_MUST} ms allowed": round(wanted.p99_ms / P99_MS_MUST, 2),
        f"{WANTED.name}, p99 / the {P99_MS_AIM} ms aimed at": round(wanted.p99_ms / P99_MS_AIM, 2),
        f"{WANTED.name} / one, p50": round(wanted.p50_ms / measured[ALONE].p50_ms, 2),
    }
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version()}
    result = {"figures": figures, "ratios": ratios, "machine": machine}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return 0 if not any(each.lost for each in measured.values()) and wanted.p99_ms <= P99_MS_MUST else 1


if __name__ == "__main__":
    sys.exit(main())
