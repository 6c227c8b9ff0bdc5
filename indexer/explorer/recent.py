"""Rows written last, kept in memory: what moves often is not read back from the database before each fold."""

from collections.abc import Collection, Mapping, Sequence

import duckdb

from domain.jobs import CLOSED

from .folds import KEYS, Key
from .rows import JobRow, ReceiptRow, Row
from .storing import load

Rows = dict[Key, Row]
NUMBERED = (JobRow, ReceiptRow)
"""Kinds whose keys the contract counts up: above the highest one seen there is none to be found."""


class Recent:
    """The final rows as the newest batch left them, written or on its way to be; `forget` when that fails."""

    def __init__(self, rows_max: int = 20_000) -> None:
        self._rows_max = rows_max
        self.forget()

    def forget(self) -> None:
        self._newest: dict[type[Row], Rows] = {}
        self._older: dict[type[Row], Rows] = {}
        self._highest: int | None = None

    def keep(self, changes: Mapping[type[Row], Sequence[Row]]) -> None:
        """The rows of one more batch. Those of the batch before may be let go: they were written by now."""
        for kind, rows in self._newest.items():
            older = self._older.setdefault(kind, {})
            for key, row in rows.items():
                older.pop(key, None)
                if not _is_done(row):
                    older[key] = row
            for oldest in list(older)[: max(0, len(older) - self._rows_max // len(NUMBERED))]:
                del older[oldest]
        self._newest = {kind: {getattr(row, name): row for row in changes.get(kind, ())} for kind, name in KEYS.items()}
        if self._highest is not None:
            self._highest = max((self._highest, *self._newest[JobRow]))  # type: ignore[assignment]

    def load(self, cursor: duckdb.DuckDBPyConnection, kind: type[Row], keys: Collection[Key]) -> list[Row]:
        """The final rows of these keys, from here or from the database."""
        newest, older = self._newest.get(kind, {}), self._older.get(kind, {})
        known = [row for key in keys if (row := newest.get(key) or older.get(key))]
        unknown = [key for key in keys if key not in newest and key not in older]
        if kind is ReceiptRow:
            unknown = [key for key in unknown if not self._is_unanswered(key)]
        if unknown and kind in NUMBERED:
            highest = self._highest_job(cursor)
            unknown = [key for key in unknown if key <= highest]  # type: ignore[operator]
        return known + load(cursor, "final", kind, unknown)

    def _is_unanswered(self, job_id: Key) -> bool:
        """Whether the job is known to have no receipt yet: looking for it would read the whole table."""
        job = self._newest.get(JobRow, {}).get(job_id) or self._older.get(JobRow, {}).get(job_id)
        return isinstance(job, JobRow) and job.completed_at is None

    def _highest_job(self, cursor: duckdb.DuckDBPyConnection) -> int:
        if self._highest is None:
            found = cursor.execute("SELECT coalesce(max(job_id), -1) FROM final.jobs").fetchall()
            self._highest = max((found[0][0], *self._newest.get(JobRow, {})))
        return self._highest


def _is_done(row: Row) -> bool:
    """Whether no fact will change the row any more."""
    return (isinstance(row, JobRow) and row.state in CLOSED) or (isinstance(row, ReceiptRow) and row.state != "pending")
