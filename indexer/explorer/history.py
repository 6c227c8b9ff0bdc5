"""Rows that a block replaced come in, with that block's number, and are kept for a while, so that the past can be told.

Ranges are written in the transaction that writes the rows in their place, and only for the newest blocks. What an
unfinal block replaced goes with it when it is dropped; when it becomes final, its ranges stay as they are.
"""

import duckdb

from .folds.books import Superseded
from .ranges import HISTORIED
from .rows import Row
from .storing import append
from .tables import TABLE_OF

PRUNED_SHARE = 8  # ranges that are too old go at once, when they are an eighth of what is kept


class History:
    """How many blocks below the head the past is kept. Every method that writes runs in the caller's transaction."""

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._since = -1

    def resume(self, cursor: duckdb.DuckDBPyConnection, final: int) -> None:
        """Goes on with what an earlier run kept; the ranges of its unfinal blocks are of no use."""
        self._since = read_since(cursor)
        self.drop_above(cursor, final)

    def wants(self, upto: int, head: int) -> bool:
        """Whether what blocks up to `upto` replaced is worth keeping while the chain ends at `head`."""
        return self._blocks > 0 and upto > head - self._blocks

    def keep(self, cursor: duckdb.DuckDBPyConnection, superseded: Superseded) -> None:
        for kind, ranges in _by_kind(superseded).items():
            append(cursor, "history", TABLE_OF[kind], [row for row, _ in ranges], [until for _, until in ranges])

    def skip(self, cursor: duckdb.DuckDBPyConnection, upto: int) -> None:
        """Of the blocks up to here nothing was kept: the past begins after them."""
        if upto > self._since:
            self._begin(cursor, upto)

    def prune(self, cursor: duckdb.DuckDBPyConnection, head: int, final: int) -> None:
        """Lets go of what is too old, in large pieces; the unfinal blocks can always be told."""
        least = min(head - self._blocks, final)
        if least - self._since > self._blocks // PRUNED_SHARE:
            self._begin(cursor, least)

    @staticmethod
    def drop_above(cursor: duckdb.DuckDBPyConnection, final: int) -> None:
        """The unfinal blocks are gone: what they replaced is no past any more."""
        for table in HISTORIED:
            cursor.execute(f'DELETE FROM history.{table.name} WHERE "until" > ?', [final])

    def _begin(self, cursor: duckdb.DuckDBPyConnection, since: int) -> None:
        for table in HISTORIED:
            cursor.execute(f'DELETE FROM history.{table.name} WHERE "until" <= ?', [since])
        cursor.execute("UPDATE history.reach SET since = ?", [since])
        self._since = since


def read_since(cursor: duckdb.DuckDBPyConnection) -> int:
    """The first block whose state can be told from the tables."""
    found = cursor.execute("SELECT since FROM history.reach").fetchall()
    return int(found[0][0])


def _by_kind(superseded: Superseded) -> dict[type[Row], Superseded]:
    kinds: dict[type[Row], Superseded] = {}
    for row, until in superseded:
        kinds.setdefault(type(row), []).append((row, until))
    return kinds
