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
    """How many blocks below the head the past is kept. Every method that writes runs in the caller's transaction.

    When that transaction fails, what is known here may be wrong: `forget` it.
    """

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self.forget()

    def forget(self) -> None:
        self._since: int | None = None
        self._is_known = False

    def beside(self) -> "History":
        """The same for another database."""
        return History(self._blocks)

    @property
    def is_kept(self) -> bool:
        return self._blocks > 0

    def keep(self, cursor: duckdb.DuckDBPyConnection, superseded: Superseded, after: int) -> None:
        """What the blocks after block `after` replaced."""
        if not self._blocks:
            return
        if self._begin(cursor) is None:
            self._tell(cursor, after)
        for kind, ranges in _by_kind(superseded).items():
            append(cursor, "history", TABLE_OF[kind], [row for row, _ in ranges], [until for _, until in ranges])

    def skip(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Blocks are taken in of which nothing is kept: the past begins after them."""
        if self._begin(cursor) is not None:
            for table in HISTORIED:
                cursor.execute(f"DELETE FROM history.{table.name}")
            self._tell(cursor, None)

    def prune(self, cursor: duckdb.DuckDBPyConnection, head: int, final: int) -> None:
        """Lets go of what is too old, in large pieces; the unfinal blocks can always be told."""
        since, least = self._begin(cursor), min(head - self._blocks, final)
        if since is not None and least - since > self._blocks // PRUNED_SHARE:
            for table in HISTORIED:
                cursor.execute(f'DELETE FROM history.{table.name} WHERE "until" <= ?', [least])
            self._tell(cursor, least)

    def drop_above(self, cursor: duckdb.DuckDBPyConnection, final: int) -> None:
        """The unfinal blocks are gone: what they replaced is no past any more."""
        if self._begin(cursor) is not None:
            for table in HISTORIED:
                cursor.execute(f'DELETE FROM history.{table.name} WHERE "until" > ?', [final])

    def _begin(self, cursor: duckdb.DuckDBPyConnection) -> int | None:
        if not self._is_known:
            self._since, self._is_known = read_since(cursor), True
        return self._since

    def _tell(self, cursor: duckdb.DuckDBPyConnection, since: int | None) -> None:
        cursor.execute("UPDATE history.reach SET since = ?", [since])
        self._since = since


def read_since(cursor: duckdb.DuckDBPyConnection) -> int | None:
    """The first block whose state can be told from the tables, None while only the newest can."""
    found: int | None = cursor.execute("SELECT since FROM history.reach").fetchall()[0][0]
    return found


def _by_kind(superseded: Superseded) -> dict[type[Row], Superseded]:
    kinds: dict[type[Row], Superseded] = {}
    for row, until in superseded:
        kinds.setdefault(type(row), []).append((row, until))
    return kinds
