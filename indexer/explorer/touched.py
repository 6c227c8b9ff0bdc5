"""What a commit changed for readers: rows of the tip and of final blocks come in, by kind and key they go out."""

from collections.abc import Callable, Iterable

from .folds import KEYS, Books, Key
from .rows import DocumentRow, JobRow, ReceiptRow, Row


class Touched:
    """Rows that readers see otherwise than before, and whose lists of jobs and receipts those were or are in.

    `everything` stands for rows that nobody counted: the chain was reorganised, or other tables took the place of ours.
    """

    def __init__(self, *, everything: bool = False) -> None:
        self.everything = everything
        self.keys: dict[type[Row], set[Key]] = {}
        self.holders: dict[type[Row], set[str]] = {}

    def fold(self, books: Books) -> None:
        """What a fold changed. A job that lost its worker leaves that worker's list."""
        for kind, rows in books.changes().items():
            self.rows(kind, rows)
        self._hold(JobRow, books.jobs.known.values())

    def rows(self, kind: type[Row], rows: Iterable[Row]) -> None:
        """These rows are new, are others than before, or became final."""
        keys = self.keys.setdefault(kind, set())
        if name := KEYS.get(kind):
            keys.update([getattr(row, name) for row in rows])
        if kind is DocumentRow:
            self.keys.setdefault(ReceiptRow, set()).update(keys)
        if kind in (JobRow, ReceiptRow):
            self._hold(kind, rows)

    def _hold(self, kind: type[Row], rows: Iterable[Row]) -> None:
        holders = self.holders.setdefault(kind, set())
        for row in rows:
            holders.add(row.controller)  # type: ignore[attr-defined]
            holders.add(row.worker)  # type: ignore[attr-defined]


Listener = Callable[[Touched], None]
"""Is told of each commit after it was made, and before the head that it brings is."""
