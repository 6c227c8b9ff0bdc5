"""A ledger of made-up but legal history comes in; what it costs to keep it and to build all tables from it comes out.

`python -m bench.rebuild` prints the table and writes results/rebuild.json. SIZE=400k sets the middle of three sizes,
each four times the one before; every step runs in a process of its own, so that its memory can be told.
Seconds are of the CPU, since a machine is seldom idle; logs a second are by the clock.
"""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import psutil  # type: ignore[import-untyped]

from bench.histories import History
from domain.facts import BlockFinalised
from domain.ledger import Ledger, Position, Recorded, Tip
from indexer.explorer import Explorer
from indexer.explorer.batches import Batch
from indexer.explorer.projecting import Folded
from indexer.lean import be_lean

RESULT = Path(__file__).parent / "results" / "rebuild.json"
CHAIN_ID = 31337
BLOCKS_AT_ONCE = 500
LEDGER, TABLES = "ledger.db", "explorer.duckdb"
MEMORY_MIB = 64
LIMITS = {"logs/s": 150_000, "MiB at most": 300, "bytes a log": 400, "cost at 16x / 1x": 1.1}

Figures = dict[str, float]


class Spent:
    """CPU seconds of the threads that did each step; the rest of the process is DuckDB's own threads."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()
        self._lock = threading.Lock()

    def on(self, step: str, work: Any) -> Any:
        begun = time.thread_time()
        try:
            return work()
        finally:
            with self._lock:
                self.steps[step] += time.thread_time() - begun  # type: ignore[assignment]


class TimedLedger(Ledger):
    spent: Spent

    def after(self, position: int, limit: int) -> list[tuple[int, Recorded]]:
        found: list[tuple[int, Recorded]] = self.spent.on(
            "read and decode", lambda: super(TimedLedger, self).after(position, limit)
        )
        return found


class TimedExplorer(Explorer):
    spent: Spent

    def _fold(self, batch: Batch) -> Folded:
        folded: Folded = self.spent.on("fold", lambda: super(TimedExplorer, self)._fold(batch))
        return folded

    def _commit(self, *given: Any) -> int:
        retracted: int = self.spent.on("write and commit", lambda: super(TimedExplorer, self)._commit(*given))
        return retracted


def record(folder: Path, logs: int) -> Figures:
    """Writes the ledger; only the writing is counted, not the making up."""
    ledger = Ledger(f"sqlite:///{folder / LEDGER}")
    tip = Tip(ledger, CHAIN_ID)
    spent, told = 0.0, 0
    ready: list[BlockFinalised] = []
    for block in History().blocks(logs):
        ready.append(block)
        told += len(block.occurrences)
        if len(ready) == BLOCKS_AT_ONCE or told >= logs:
            begun = time.process_time()
            tip.advance(ready, Position(block.number, block.hash))
            spent += time.process_time() - begun
            ready = []
    ledger.close()
    return {"logs": told, "record, us a log": spent / told * 1e6}


def build(folder: Path) -> Figures:
    """Reads the ledger into empty tables, as a rebuild does."""
    be_lean()
    ledger = TimedLedger(f"sqlite:///{folder / LEDGER}")
    tip = Tip(ledger, CHAIN_ID)
    explorer = TimedExplorer(folder / TABLES, ledger, tip, memory_limit_mib=MEMORY_MIB)
    ledger.spent = explorer.spent = spent = Spent()
    begun, cpu = time.perf_counter(), time.process_time()
    explorer.refresh()
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    logs = _count(explorer)
    explorer.close()
    ledger.close()
    rest = cpu - sum(spent.steps.values())
    steps = {f"{step}, us a log": seconds / logs * 1e6 for step, seconds in spent.steps.items()}
    return {
        "logs/s": logs / wall,
        "CPU, us a log": cpu / logs * 1e6,
        **steps,
        "threads of DuckDB, us a log": rest / logs * 1e6,
        "MiB at most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def sizes(folder: Path, logs: float) -> Figures:
    """Bytes a log of each part; `free` is what DuckDB keeps for its next checkpoint."""
    ledger = (folder / LEDGER).stat().st_size
    parts = {"ledger": ledger / logs}
    with duckdb.connect(str(folder / TABLES), read_only=True) as connection:
        block, _, used, free = connection.execute(
            "SELECT block_size, total_blocks, used_blocks, free_blocks FROM pragma_database_size()"
        ).fetchall()[0]
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'final'").fetchall()
        blocks = {name: _blocks(connection, name) for (name,) in tables}
    shared = used / max(1, sum(blocks.values()))  # tables share blocks: each is told its share
    parts |= {name: many * shared * block / logs for name, many in blocks.items() if many * shared * block / logs >= 1}
    parts["free"] = free * block / logs
    return {f"{name}, bytes a log": size for name, size in parts.items()} | {
        "bytes a log": ledger / logs + (folder / TABLES).stat().st_size / logs
    }


def _blocks(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(
        f"SELECT count(DISTINCT block) FROM (SELECT block_id AS block FROM pragma_storage_info('final.{table}') "
        f"UNION ALL SELECT unnest(additional_block_ids) FROM pragma_storage_info('final.{table}')) WHERE block >= 0"
    ).fetchall()
    return int(found[0][0])


def _count(explorer: Explorer) -> int:
    with explorer.database.reading() as cursor:
        return int(cursor.execute("SELECT count(*) FROM final.events").fetchall()[0][0])


def measure(logs: int) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = _apart("record", folder, logs)
        figures |= _apart("build", folder, logs)
        return figures | sizes(folder, figures["logs"])


def _apart(step: str, folder: Path, logs: int) -> Figures:
    command = [sys.executable, "-m", "bench.rebuild", step, str(folder), str(logs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Figures)


def size_of(text: str) -> int:
    """`400k` is 400000."""
    return int(text[:-1]) * 1000 if text.endswith("k") else int(text)


def shown(measured: dict[str, Figures]) -> None:
    names = dict.fromkeys(name for figures in measured.values() for name in figures)
    print(f"{'':36}" + "".join(f"{size:>12}" for size in measured))
    for name in names:
        print(f"{name:36}" + "".join(f"{figures.get(name, 0):>12,.1f}" for figures in measured.values()))


def main() -> int:
    middle = size_of(os.environ.get("SIZE", "100k"))
    measured: dict[str, Figures] = {}
    for logs in (middle // 4, middle, middle * 4):
        measured[f"{logs // 1000}k"] = measure(logs)
        print(f"{logs // 1000}k logs measured", file=sys.stderr)
    shown(measured)
    first, _, last = measured.values()
    ratios = {
        "cost at 16x / 1x": round(last["CPU, us a log"] / first["CPU, us a log"], 3),
        "memory at 16x / 1x": round(last["MiB at most"] / first["MiB at most"], 3),
        "bytes a log / limit": round(last["bytes a log"] / LIMITS["bytes a log"], 3),
        "logs/s / limit": round(last["logs/s"] / LIMITS["logs/s"], 3),
    }
    for name, ratio in ratios.items():
        print(f"{name:36}{ratio:>12}")
    figures = {size: {name: round(value, 2) for name, value in each.items()} for size, each in measured.items()}
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version(), "duckdb": duckdb.__version__}
    RESULT.parent.mkdir(exist_ok=True)
    result = {"figures": figures, "ratios": ratios, "machine": machine}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) == 4:
        step, where, size = sys.argv[1:]
        found = record(Path(where), int(size)) if step == "record" else build(Path(where))
        print(msgspec.json.encode(found).decode())
        sys.exit(0)
    sys.exit(main())
