"""What workers published about their answers: receipts come in, and go out with the document that is about each.

A document counts for the answer it is about: the job's number alone may mean another job after a reorg. Documents are
no block's: whatever moment a receipt is shown at, the newest document counts.
"""

from collections.abc import Sequence
from typing import cast

import duckdb

from .aggregates import DOCUMENTS
from .prepared import ask
from .rows import DocumentRow, ReceiptRow, Row
from .storing import load, read, shown

DENSE = 20  # job numbers so close are read as one range


def with_documents(cursor: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> list[Row]:
    """The same receipts in the same order, completed."""
    receipts = cast("Sequence[ReceiptRow]", rows)
    found = {row.job_id: row for row in _documents(cursor, [row.job_id for row in receipts])}
    for receipt in receipts:
        document = found.get(receipt.job_id)
        if document and _is_about(document, receipt):
            receipt.receipt_cid = document.receipt_cid
            receipt.prompt_tokens = document.prompt_tokens
            receipt.completion_tokens = document.completion_tokens
            receipt.started_at = document.started_at
            receipt.completed_at = document.completed_at
    return list(rows)


def _documents(cursor: duckdb.DuckDBPyConnection, jobs: list[int]) -> list[DocumentRow]:
    if not jobs:
        return []
    least, most = min(jobs), max(jobs)
    if most - least > DENSE * len(jobs):
        return cast("list[DocumentRow]", load(cursor, "final", DocumentRow, jobs))
    between = f"SELECT {shown(DOCUMENTS)} FROM final.documents WHERE job_id BETWEEN ? AND ?"
    return cast("list[DocumentRow]", read(DOCUMENTS, ask(cursor, between, (least, most))))


def _is_about(document: DocumentRow, receipt: ReceiptRow) -> bool:
    same = (document.worker, document.response_cid) == (receipt.worker, receipt.response_cid)
    return same and receipt.commitment in (None, document.commitment)
