"""A number of jobs goes in; a folder with ledger and tables of a made-up history of so many comes out, built once.

`python -m bench.reads.histories FOLDER JOBS` builds one.
"""

import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from bench.histories import LOGS_A_JOB, History
from chain.devnet import end_with_parent
from domain.ledger import Ledger, Position, Tip
from indexer.explorer import Explorer
from indexer.explorer.tables import SCHEMA_VERSION
from indexer.lean import be_lean

CHAIN_ID = 31337
KEPT = Path(__file__).resolve().parents[2] / ".build/bench/reads"
LEDGER, TABLES, HISTORY = "ledger.db", "explorer.duckdb", "history.pickle"
BLOCKS_AT_ONCE = 400
MIB = 256
SEED = 1


def addresses() -> list[str]:
    """Whose jobs they are."""
    return ["0x" + user.hex() for user in History(SEED).users]


@contextmanager
def building(jobs: int) -> Iterator[Path]:
    """Where it will lie; it is being built, if it was not yet, by another process while the block lasts."""
    folder = KEPT / f"{jobs}-{SCHEMA_VERSION}"
    if (folder / HISTORY).exists():
        yield folder
        return
    command = [sys.executable, "-m", "bench.reads.histories", str(folder), str(jobs)]
    process = subprocess.Popen(command, preexec_fn=end_with_parent())
    try:
        yield folder
    except BaseException:
        process.terminate()
        raise
    finally:
        process.wait()
    if process.returncode != 0:
        raise SystemExit(f"a history of {jobs} jobs could not be built: status {process.returncode}")


def build(folder: Path, jobs: int) -> None:
    """What says where the history goes on is written last: without it, the folder is not whole."""
    began, history = time.monotonic(), History(SEED)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ledger = Ledger(f"sqlite:///{folder / LEDGER}")
    tip = Tip(ledger, CHAIN_ID)
    explorer = Explorer(folder / TABLES, ledger, tip, memory_limit_mib=MIB)
    blocks = history.blocks(int(jobs * LOGS_A_JOB))
    while piece := tuple(islice(blocks, BLOCKS_AT_ONCE)):
        stored = tip.advance(piece, Position(piece[-1].number, piece[-1].hash))
        explorer.refresh(piece[-1], stored)
    explorer.keep_rows()
    while explorer.names.keep_up():
        pass
    explorer.close()
    ledger.close()
    (folder / HISTORY).write_bytes(pickle.dumps(history))
    print(f"built a history of {jobs:,} jobs in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    be_lean()
    build(Path(sys.argv[1]), int(sys.argv[2]))
