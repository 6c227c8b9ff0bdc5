"""The same questions are put to an explorer for now and as of recent blocks, over a short and a long history.

`python -m bench.as_of` prints the milliseconds of processor time an answer costs in the median, writes
results/as_of.json, and exits 1 if a recent block costs more than twice what the newest does, or more over the long
history than over the short one.
"""

import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]

from bench.histories import LOGS_A_JOB, History
from domain.ledger import Ledger, Position, Tip
from indexer.explorer import BeingFolded, Explorer, Queries

RESULT = Path(__file__).parent / "results" / "as_of.json"
JOBS = (10_000, 100_000)
LIVE_BLOCKS, UNFINAL_BLOCKS, BACKFILL_BLOCKS = 200, 8, 400
BACK = {"tip": 3, "recent": 50, "earlier": 150}
ROUNDS = 30
RATIO_MAX, GROWTH_MAX = 2.0, 1.5
SEED = 1

Question = Callable[[Queries], object]
Costs = dict[str, dict[str, float]]


def fill(tip: Tip, explorer: Explorer, jobs: int) -> None:
    """A backfill, and then the newest blocks one by one, as they come at the head of a chain."""
    blocks = list(History(SEED).blocks(int(jobs * LOGS_A_JOB)))
    old, live = iter(blocks[:-LIVE_BLOCKS]), blocks[-LIVE_BLOCKS:]
    while piece := tuple(islice(old, BACKFILL_BLOCKS)):
        tip.advance(piece, Position(piece[-1].number, piece[-1].hash))
        explorer.refresh()
    for i, block in enumerate(live):
        tip.extend(block)
        if i >= UNFINAL_BLOCKS:
            tip.finalise(block.number - UNFINAL_BLOCKS)
        explorer.refresh()


def questions(queries: Queries) -> dict[str, Question]:
    """Each with its subject drawn anew at each call."""
    source = random.Random(SEED)
    newest = queries.jobs(limit=1).rows[0].job_id
    addresses = [node.address for node in queries.nodes(limit=50).rows]
    return {
        "a job": lambda asked: asked.job(source.randrange(1, newest)),
        "a job of these blocks": lambda asked: asked.job(newest - source.randrange(1_500)),
        "a receipt": lambda asked: asked.receipt(source.randrange(1, newest)),
        "a node": lambda asked: asked.node(source.choice(addresses)),
        "50 jobs": lambda asked: asked.jobs(),
        "50 receipts": lambda asked: asked.receipts(),
        "50 events": lambda asked: asked.events(),
        "figures": lambda asked: asked.stats(),
    }


def measure(queries: Queries) -> Costs:
    """Processor milliseconds by question and moment. The moments take turns, so that they share what else goes on."""
    head = queries.head().number
    moments = {"now": lambda: queries} | {
        name: lambda back=back: queries.as_of(head - back) for name, back in BACK.items()
    }
    costs: Costs = {}
    for name, ask in questions(queries).items():
        spent: dict[str, list[float]] = {moment: [] for moment in moments}
        for _ in range(ROUNDS):
            for moment, asked in moments.items():
                began = time.process_time()
                ask(asked())
                spent[moment].append(time.process_time() - began)
        costs[name] = {moment: round(1000 * statistics.median(each), 3) for moment, each in spent.items()}
    return costs


def fold_s(queries: Queries, number: int) -> float:
    """How long the state after an old block takes to make."""
    began = time.perf_counter()
    while True:
        try:
            queries.as_of(number).job(1)
            return round(time.perf_counter() - began, 2)
        except BeingFolded:
            continue


def run(folder: Path, jobs: int) -> tuple[Costs, float]:
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    tip = Tip(ledger, 31337)
    explorer = Explorer(folder / "explorer.duckdb", ledger, tip)
    try:
        fill(tip, explorer, jobs)
        return measure(explorer.queries), fold_s(explorer.queries, explorer.head().number // 2)
    finally:
        explorer.close()
        ledger.close()


def ratios_of(costs: dict[int, Costs]) -> dict[str, float]:
    """What a recent block costs against now; and over the long history against the short one."""
    short, long = costs[JOBS[0]], costs[JOBS[-1]]
    ratios = {}
    for name, by_moment in long.items():
        for moment in BACK:
            ratios[f"{name}, {moment} / now"] = round(by_moment[moment] / by_moment["now"], 2)
        ratios[f"{name}, recent, long / short history"] = round(by_moment["recent"] / short[name]["recent"], 2)
    return ratios


def main() -> int:
    costs: dict[int, Costs] = {}
    folds: dict[str, float] = {}
    for jobs in JOBS:
        with tempfile.TemporaryDirectory() as folder:
            costs[jobs], folds[f"half of {jobs} jobs folded anew, s"] = run(Path(folder), jobs)
        print(f"\n{jobs} jobs, ms{'':19}" + "".join(f"{moment:>10}" for moment in ("now", *BACK)))
        for name, by_moment in costs[jobs].items():
            print(f"{name:30}" + "".join(f"{ms:10.2f}" for ms in by_moment.values()))
    ratios = ratios_of(costs)
    figures = {
        f"{name}, {moment}, {jobs} jobs, ms": ms
        for jobs, table in costs.items()
        for name, by_moment in table.items()
        for moment, ms in by_moment.items()
    }
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version()}
    result = {"figures": figures | folds, "ratios": ratios, "machine": machine}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    failed = [
        f"{name}: {ratio}" for name, ratio in ratios.items() if ratio > (RATIO_MAX if "/ now" in name else GROWTH_MAX)
    ]
    for each in failed:
        print(each, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
