"""The working set of a fold: rows as they were come in by `know`, rows as they became go out by `changes`.

A row that was handed in or out is never changed: the fold changes copies of its own, one a batch however many facts
concern the row, and tells with `superseded` what each block replaced, if anyone wants to know.
"""

import copy
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar, cast

from ..rows import AccountRow, BlockRow, DocumentRow, JobRow, ModelRow, NodeRow, ReceiptRow, Row
from .totals import Sums, Totals

Key = int | str
R = TypeVar("R", bound=Row)
C = TypeVar("C", JobRow, ReceiptRow, NodeRow, ModelRow, AccountRow)

KEYS: dict[type[Row], str] = {
    JobRow: "job_id",
    ReceiptRow: "job_id",
    NodeRow: "address",
    ModelRow: "model_id",
    AccountRow: "address",
    DocumentRow: "job_id",
}
"""Rows that change, and the field that names them; all others are only ever added."""

Superseded = list[tuple[Row, int]]
"""Rows as they were, each with the block that replaced it."""


class Kept(Generic[C]):
    """The rows of one kind by key."""

    def __init__(self, superseded: Superseded | None) -> None:
        self.known: dict[Key, C] = {}
        self.changed: dict[Key, C] = {}
        self._superseded = superseded

    def get(self, key: Key) -> C | None:
        """The row as it is now, to be read only."""
        return self.changed.get(key) or self.known.get(key)

    def own(self, key: Key, block: int) -> C | None:
        """The row as it is now, to be changed by a fact of block `block`."""
        row = self.changed.get(key)
        if row is None:
            before = self.known.get(key)
            if before is None:
                return None
            if self._superseded is not None and before.block != block:
                self._superseded.append((before, block))
            row = self.changed[key] = copy.copy(before)
        elif self._superseded is not None and row.block != block:
            self._superseded.append((copy.copy(row), block))
        return row

    def put(self, key: Key, row: C) -> None:
        """A row that begins, or begins anew."""
        before = self.get(key)
        if self._superseded is not None and before is not None and before.block != row.block:
            self._superseded.append((before, row.block))
        self.changed[key] = row


class Books:
    """Rows by kind and key, the running sums over all of them, and what is new since `know`.

    With `history`, `superseded` tells every row version that a later block replaced. `skipped` are the places
    (block, log index) of facts that are to be parked unread, each with the reason.
    """

    def __init__(
        self, totals: Totals, *, history: bool = False, skipped: dict[tuple[int, int], str] | None = None
    ) -> None:
        self.superseded: Superseded = []
        told = self.superseded if history else None
        self.sums = Sums(totals.open_escrow, totals.credit, totals.stakes)
        self.skipped = skipped or {}
        self.added: dict[type[Row], list[Row]] = {}
        self.jobs: Kept[JobRow] = Kept(told)
        self.receipts: Kept[ReceiptRow] = Kept(told)
        self.nodes: Kept[NodeRow] = Kept(told)
        self.models: Kept[ModelRow] = Kept(told)
        self.accounts: Kept[AccountRow] = Kept(told)
        self._kept: dict[type[Row], Kept[Any]] = {
            JobRow: self.jobs,
            ReceiptRow: self.receipts,
            NodeRow: self.nodes,
            ModelRow: self.models,
            AccountRow: self.accounts,
        }

    @property
    def totals(self) -> Totals:
        return self.sums.now()

    def know(self, rows: Iterable[Row]) -> None:
        """Rows as they stand before the fold."""
        for row in rows:
            self._kept[type(row)].known[getattr(row, KEYS[type(row)])] = row

    def get(self, kind: type[R], key: Key) -> R | None:
        return cast("R | None", self._kept[kind].get(key))

    def add(self, row: Row) -> None:
        self.rows(type(row)).append(row)

    def rows(self, kind: type[Row]) -> list[Row]:
        """The rows of a kind that is only ever added to."""
        return self.added.setdefault(kind, [])

    def changes(self) -> dict[type[Row], list[Row]]:
        """Every row that is new or another than before, by kind."""
        changed: dict[type[Row], list[Row]] = {
            kind: list(kept.changed.values()) for kind, kept in self._kept.items() if kept.changed
        }
        return changed | {kind: rows for kind, rows in self.added.items() if rows}

    @property
    def size(self) -> int:
        """How many steps there are."""
        return sum(len(kept.changed) for kept in self._kept.values()) + len(self.added.get(BlockRow, ()))

    def steps(self) -> Iterator[tuple[Row | None, Row]]:
        """Every row that changed, as it was known and as it is; and the blocks."""
        for kept in self._kept.values():
            for key, row in kept.changed.items():
                yield kept.known.get(key), row
        for block in self.added.get(BlockRow, ()):
            yield None, block

    def replaced(self) -> dict[type[Row], list[Key]]:
        """The keys of changed rows that were there before: all others are new, and nothing need be looked for."""
        return {kind: [key for key in kept.changed if key in kept.known] for kind, kept in self._kept.items()}
