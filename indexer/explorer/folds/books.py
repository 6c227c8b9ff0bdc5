"""The working set of a fold: rows as they were come in by `know`, rows as they became go out by `changes`."""

from collections.abc import Iterable
from typing import TypeVar, cast

from msgspec import Struct

from ..rows import AccountRow, DocumentRow, JobRow, ModelRow, NodeRow, ReceiptRow, Row

Key = int | str
R = TypeVar("R", bound=Row)

KEYS: dict[type[Row], str] = {
    JobRow: "job_id",
    ReceiptRow: "job_id",
    NodeRow: "address",
    ModelRow: "model_id",
    AccountRow: "address",
    DocumentRow: "job_id",
}
"""Rows that change, and the field that names them; all others are only ever added."""


class Totals(Struct, frozen=True):
    """What the contracts owe: escrow of open jobs, credit to be withdrawn, stakes of nodes (wei)."""

    open_escrow: int = 0
    credit: int = 0
    stakes: int = 0


class Books:
    """Rows by kind and key, the running totals over all of them, and what is new since `know`."""

    def __init__(self, totals: Totals) -> None:
        self.totals = totals
        self.added: dict[type[Row], list[Row]] = {}
        self._rows: dict[type[Row], dict[Key, Row]] = {kind: {} for kind in KEYS}
        self._changed: dict[type[Row], dict[Key, Row]] = {kind: {} for kind in KEYS}

    def know(self, rows: Iterable[Row]) -> None:
        """Rows as they stand before the fold."""
        for row in rows:
            kind = type(row)
            self._rows[kind][getattr(row, KEYS[kind])] = row

    def get(self, kind: type[R], key: Key) -> R | None:
        return cast("R | None", self._rows[kind].get(key))

    def put(self, row: Row) -> None:
        """The row after a fact. The totals follow from what it changes."""
        kind = type(row)
        key: Key = getattr(row, KEYS[kind])
        self._count(row, self._rows[kind].get(key))
        self._rows[kind][key] = row
        self._changed[kind][key] = row

    def add(self, row: Row) -> None:
        self.added.setdefault(type(row), []).append(row)

    def changes(self) -> dict[type[Row], list[Row]]:
        """Every row that is new or another than before, by kind."""
        changed = {kind: list(rows.values()) for kind, rows in self._changed.items() if rows}
        return changed | self.added

    def _count(self, row: Row, before: Row | None) -> None:
        match row:
            case AccountRow():
                was = cast("AccountRow | None", before)
                self.totals = Totals(
                    self.totals.open_escrow + row.open_escrow - (was.open_escrow if was else 0),
                    self.totals.credit + row.credit - (was.credit if was else 0),
                    self.totals.stakes,
                )
            case NodeRow():
                stake = cast("NodeRow", before).stake if before else 0
                if stake != row.stake:
                    stakes = self.totals.stakes + row.stake - stake
                    self.totals = Totals(self.totals.open_escrow, self.totals.credit, stakes)
