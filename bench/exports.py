"""A million rows become a CSV and a Parquet file, while memory is watched: `python -m bench.exports`.

A history of jobs is folded into an explorer; its events are exported in each form, each in a process of its own. It
prints seconds and the most memory beyond what the process had, writes results/exports.json, and exits 1 beyond a limit.
"""

import platform
import sys
import tempfile
import time
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

import msgspec
import psutil  # type: ignore[import-untyped]

from bench.histories import LOGS_A_JOB, History
from domain.ledger import Ledger, Position, Tip
from indexer.explorer import Explorer
from indexer.explorer.exporting import Form, export
from indexer.explorer.records import EVENTS

RESULT = Path(__file__).parent / "results" / "exports.json"
CHAIN_ID = 31337
ROWS = 1_000_000
BACKFILL_BLOCKS = 400
SECONDS_MAX = {Form.PARQUET: 3.0, Form.CSV: 8.0, Form.NDJSON: 8.0}
MEMORY_MIB_MAX = 150
SEED = 1


def fill(folder: Path) -> None:
    """An explorer's database of so many events."""
    ledger = Ledger(f"sqlite:///{folder}/ledger.db")
    tip = Tip(ledger, CHAIN_ID)
    explorer = Explorer(folder / "explorer.duckdb", ledger, tip)
    blocks = History(SEED).blocks(ROWS + int(LOGS_A_JOB))
    while piece := tuple(islice(blocks, BACKFILL_BLOCKS)):
        tip.advance(piece, Position(piece[-1].number, piece[-1].hash))
        explorer.refresh()
    explorer.close()
    ledger.close()


def measure(folder: Path, form: Form) -> tuple[float, float, int]:
    """Seconds, MiB of memory beyond what was there before, and bytes of the file."""
    ledger = Ledger(f"sqlite:///{folder}/ledger.db")
    explorer = Explorer(folder / "explorer.duckdb", ledger, Tip(ledger, CHAIN_ID))
    explorer.refresh()
    to, process, done = folder / f"events.{form}", psutil.Process(), Event()
    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not done.wait(0.01):
            most = max(most, process.memory_info().rss)

    watching = Thread(target=watch)
    watching.start()
    began = time.perf_counter()
    export(explorer.database, EVENTS, (), None, form, to)
    seconds = time.perf_counter() - began
    done.set()
    watching.join()
    explorer.close()
    ledger.close()
    return seconds, (most - before) / 2**20, to.stat().st_size


def main() -> int:
    figures: dict[str, float] = {}
    failed = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            pool.apply(fill, (folder,))
            for form in Form:
                seconds, mib, size = pool.apply(measure, (folder, form))
                print(f"{form:8} {seconds:6.2f} s {mib:6.0f} MiB more {size / 2**20:6.0f} MiB written", flush=True)
                figures |= {f"{form}, s": round(seconds, 2), f"{form}, MiB more": round(mib), f"{form}, bytes": size}
                if seconds > SECONDS_MAX[form]:
                    failed.append(f"{form} took {seconds:.2f} s, more than {SECONDS_MAX[form]}")
                if mib > MEMORY_MIB_MAX:
                    failed.append(f"{form} took {mib:.0f} MiB, more than {MEMORY_MIB_MAX}")
    ratios = {
        f"{form}, of the time it may take": round(figures[f"{form}, s"] / most, 2) for form, most in SECONDS_MAX.items()
    }
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version()}
    result = {"rows": ROWS, "figures": figures, "ratios": ratios, "machine": machine}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    for each in failed:
        print(each, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
