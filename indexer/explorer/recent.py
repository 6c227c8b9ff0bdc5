"""Rows written last, kept in memory: what moves often is not read back from the database before each fold."""

from collections.abc import Collection

import duckdb

from .folds import KEYS, Key
from .rows import Row
from .storing import load


class Recent:
    """The final rows as the open transaction has them; `forget` when that fails."""

    def __init__(self, rows_max: int = 20_000) -> None:
        self._rows_max = rows_max
        self._rows: dict[tuple[type[Row], Key], Row] = {}

    def forget(self) -> None:
        self._rows.clear()

    def keep(self, changes: dict[type[Row], list[Row]]) -> None:
        for kind in changes.keys() & KEYS.keys():
            for row in changes[kind]:
                place = (kind, getattr(row, KEYS[kind]))
                self._rows.pop(place, None)
                self._rows[place] = row
        for oldest in list(self._rows)[: max(0, len(self._rows) - self._rows_max)]:
            del self._rows[oldest]

    def load(self, cursor: duckdb.DuckDBPyConnection, kind: type[Row], keys: Collection[Key]) -> list[Row]:
        """The final rows of these keys, from here or from the database."""
        rows = self._rows
        known = [rows[kind, key] for key in keys if (kind, key) in rows]
        return known + load(cursor, "final", kind, [key for key in keys if (kind, key) not in rows])
