"""Texts of every kind are put to the search box over a million jobs; milliseconds an answer, by kind of text, come out.

Milliseconds are of the processor, since a machine is seldom idle.

`python -m bench.search` prints the table, writes results/search.json, and exits 1 if a text takes 20 ms or more in the
median. JOBS=100000 sets another size. The same is measured before names are kept in order, for comparison.
"""

import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]

from bench.histories import LOGS_A_JOB, History
from bench.multiplied import multiply
from domain.ledger import Ledger, Position, Tip
from indexer.explorer import Explorer

RESULT = Path(__file__).parent / "results" / "search.json"
FOLDED_JOBS, JOBS = 20_000, 1_000_000
BLOCKS_AT_ONCE = 500
ROUNDS, ROUNDS_WITHOUT = 100, 3
HITS, LIMIT_MS = 20, 20.0
SEED = 1

_DOCUMENTS = """
INSERT INTO final.documents
SELECT job_id, worker, response_cid, 'Qm' || substr(md5(commitment) || md5(response_cid), 1, 44), commitment, 10, 20,
       answered_at - INTERVAL 3 SECOND, answered_at
FROM final.receipts WHERE state = 'verified'"""

_NAMES = {
    "prompt CID": "SELECT prompt_cid FROM final.jobs",
    "response CID": "SELECT response_cid FROM final.receipts",
    "receipt CID": "SELECT receipt_cid FROM final.documents",
    "model CID": "SELECT model_cid FROM final.models",
    "transaction": "SELECT hash FROM final.transactions",
    "block hash": "SELECT hash FROM final.blocks",
    "address": "SELECT address FROM final.accounts",
    "job or block number": "SELECT job_id::VARCHAR FROM final.jobs",
    "model": "SELECT model_id FROM final.models",
}
PREFIX = 10  # characters


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Tip, Explorer]]:
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    tip = Tip(ledger, 31337)
    explorer = Explorer(folder / "explorer.duckdb", ledger, tip)
    try:
        yield tip, explorer
    finally:
        explorer.close()
        ledger.close()


def fill(folder: Path, jobs: int) -> None:
    """Some jobs are folded, their receipts' documents added, and all of it multiplied."""
    folded = min(jobs, FOLDED_JOBS)
    with opened(folder) as (tip, explorer):
        blocks = History(SEED).blocks(int(folded * LOGS_A_JOB))
        while piece := tuple(islice(blocks, BLOCKS_AT_ONCE)):
            tip.advance(piece, Position(piece[-1].number, piece[-1].hash))
            explorer.refresh()
        with explorer.database.writing() as cursor:
            cursor.execute(_DOCUMENTS)
    multiply(folder / "explorer.duckdb", jobs // folded)


def texts(explorer: Explorer) -> dict[str, list[str]]:
    """Names of each kind from all over the tables, whole and how they begin."""
    found: dict[str, list[str]] = {}
    with explorer.database.reading() as cursor:
        for kind, query in _NAMES.items():
            sample = f"SELECT * FROM ({query}) USING SAMPLE reservoir({ROUNDS} ROWS) REPEATABLE ({SEED})"
            found[kind] = [text for (text,) in cursor.execute(sample).fetchall()]
    long = {f"{kind}, its begin": [text[:PREFIX] for text in found[kind]] for kind in found if len(found[kind][0]) > 40}
    return found | long | {"nothing at all": ["no such thing"]}


def measure(explorer: Explorer, asked: dict[str, list[str]], rounds: int) -> dict[str, list[float]]:
    source, spent = random.Random(SEED), {kind: [] for kind in asked}  # type: dict[str, list[float]]
    for _ in range(rounds):
        for kind, names in asked.items():
            text = source.choice(names)
            began = time.process_time()
            explorer.queries.search(text, HITS)
            spent[kind].append(1000 * (time.process_time() - began))
    return spent


def main() -> int:
    jobs = int(os.environ.get("JOBS", JOBS))
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), jobs)
        with opened(Path(folder)) as (_, explorer):
            asked = texts(explorer)
            without = measure(explorer, asked, ROUNDS_WITHOUT)
            began = time.process_time()
            while explorer.names.keep_up():
                pass
            kept_s = time.process_time() - began
            spent = measure(explorer, asked, ROUNDS)
            size = sum(path.stat().st_size for path in Path(folder).glob("explorer.names*")) / 2**20
    rows = {
        kind: (statistics.median(ms), statistics.quantiles(ms, n=100)[98], statistics.median(without[kind]))
        for kind, ms in spent.items()
    }
    print(f"{jobs} jobs, ms{'':20}{'median':>10}{'p99':>10}{'unkept':>10}")
    for kind, figures in rows.items():
        print(f"{kind:30}" + "".join(f"{ms:10.2f}" for ms in figures))
    print(f"names kept in order in {kept_s:.1f} s of the processor, {size:.0f} MiB")
    told = {
        f"{kind}, {what}, ms": round(ms, 2)
        for kind, row in rows.items()
        for what, ms in zip(("median", "p99", "median unkept"), row, strict=True)
    }
    figures = told | {"jobs": jobs, "keeping all names, CPU s": round(kept_s, 1), "names, MiB": round(size, 1)}
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version()}
    ratios = {f"{kind}, unkept / kept": round(row[2] / row[0], 1) for kind, row in rows.items()}
    result = {"figures": figures, "ratios": ratios, "machine": machine}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    slow = [kind for kind, row in rows.items() if row[0] >= LIMIT_MS]
    for kind in slow:
        print(f"{kind}: {rows[kind][0]:.1f} ms, the limit is {LIMIT_MS}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
