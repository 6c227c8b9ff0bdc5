"""An index of some jobs comes in, one of many times as many goes out: its rows again, under other numbers and names.

Folding a million jobs takes minutes; copying them in SQL does not. What is copied is as the fold made it, but for
numbers of jobs and blocks, times, hashes and CIDs: those are new in every copy, so that nothing shortens them.
"""

from pathlib import Path

import duckdb

from indexer.explorer.aggregates import DOCUMENTS, JOBS, RECEIPTS
from indexer.explorer.columns import Column, Kind
from indexer.explorer.database import CATALOG, GROUP_ROWS, STORAGE
from indexer.explorer.records import BLOCKS, EVENTS, TRANSACTIONS
from indexer.explorer.table import Table

TABLES = (BLOCKS, TRANSACTIONS, EVENTS, JOBS, RECEIPTS, DOCUMENTS)
HASHES = ("hash", "parent", "tx_hash", "requested_tx", "claimed_tx", "completed_tx", "closed_tx", "block_hash")
CIDS = ("prompt_cid", "response_cid", "receipt_cid")
MEMORY_LIMIT = "2GiB"


def multiply(path: Path, times: int) -> None:
    """Into the same file, which nobody has open. Books of accounts, nodes and models stay as they are."""
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": f"{path}.tmp"}) as memory:
        memory.execute(f"ATTACH '{path}' AS {CATALOG} (STORAGE_VERSION '{STORAGE}', ROW_GROUP_SIZE {GROUP_ROWS})")
        memory.execute(f"USE {CATALOG}")
        memory.execute("CREATE TEMP MACRO digest(text, n) AS md5(text || n) || md5(n || text)")
        letters = "translate(base64(encode(digest(text, n))), '+/=', 'xyz')"
        memory.execute(f"CREATE TEMP MACRO cid(text, n) AS 'Qm' || substr({letters}, 1, 44)")
        step = memory.execute(
            "SELECT max(job_id), (SELECT max(number) FROM final.blocks), "
            "(SELECT epoch_us(max(timestamp)) - epoch_us(min(timestamp)) FROM final.blocks) FROM final.jobs"
        ).fetchall()[0]
        for table in TABLES:
            _copy(memory, table, times, *step)
        memory.execute(
            "UPDATE final.progress SET head_number = number, head_hash = hash, head_at = timestamp, "
            "final_number = number, final_hash = hash "
            "FROM (SELECT number, hash, timestamp FROM final.blocks ORDER BY number DESC LIMIT 1)"
        )


def _copy(memory: duckdb.DuckDBPyConnection, table: Table, times: int, jobs: int, blocks: int, span_us: int) -> None:
    first = table.block or "job_id"
    least = blocks if table.block else jobs
    for n in range(1, times):
        shown = ", ".join(_told_again(column, n, jobs, blocks, span_us) for column in table.columns)
        memory.execute(
            f'INSERT INTO final.{table.name} SELECT {shown} FROM final.{table.name} WHERE "{first}" <= {least}'
        )


def _told_again(column: Column, n: int, jobs: int, blocks: int, span_us: int) -> str:
    name = f'"{column.name}"'
    if column.name == "job_id":
        return f"{name} + {n * jobs}"
    if column.name in ("block", "number", "block_number"):
        return f"{name} + {n * blocks}"
    if column.kind in (Kind.SECONDS, Kind.MILLISECONDS):
        return f"{name} + to_microseconds({n * (span_us + 2_000_000)})"
    if column.name in HASHES:
        return f"'0x' || digest({name}, {n})"
    return f"cid({name}, {n})" if column.name in CIDS else name
