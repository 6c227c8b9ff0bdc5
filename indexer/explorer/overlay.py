"""The unfinal tip as rows over the final ones: its blocks come in, the tables of schema `tip` follow.

The rows after block N are the same whether the blocks before N are final or not. So when a block becomes final, its
rows leave `tip` in the transaction that brings them to `final`, and the others stay. Only a reorg folds anew.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import duckdb

from domain.facts import BlockFinalised

from .changes import Journal, block_of
from .folds import KEYS, Key, Totals
from .folds.books import Superseded
from .history import History
from .projecting import fold_blocks
from .recent import Recent
from .rows import BlockRow, Row
from .storing import store
from .tables import OVERLAID, TABLE_OF
from .touched import Touched


class Overlay:
    """What `tip` holds, and of which blocks. Every method runs in the caller's transaction.

    When that transaction fails, what is known here may be wrong: `forget` it, and the tables are built anew.
    """

    def __init__(self, recent: Recent, history: History | None = None, journal: Journal | None = None) -> None:
        self._recent = recent
        self._history = history or History(0)
        self._journal = journal or Journal()
        self._final = -1
        self._touched = Touched()
        self.forget()

    @property
    def blocks(self) -> tuple[BlockFinalised, ...]:
        return tuple(self._blocks)

    @property
    def head(self) -> BlockFinalised | None:
        return self._blocks[-1] if self._blocks else None

    @property
    def is_known(self) -> bool:
        """Whether the tables hold what is known here."""
        return self._is_known

    def rows(self, kind: type[Row]) -> Mapping[Key, Row]:
        """Those of a kind that the tip changed, by key; they are not to be changed, but more may come."""
        return self._rows.get(kind, {})

    def touched(self) -> Touched:
        """What readers see otherwise since this was asked last."""
        touched, self._touched = self._touched, Touched()
        return touched

    def forget(self) -> None:
        self._blocks: list[BlockFinalised] = []
        self._rows: dict[type[Row], dict[Key, Row]] = {}
        self._added: dict[type[Row], list[Row]] = {}
        self._is_known = False

    def clear(self, cursor: duckdb.DuckDBPyConnection, dropped_from: int | None = None) -> None:
        """Shows nothing but what is final."""
        self._journal.lost(self._rows_shown(), dropped_from)
        for table in OVERLAID:
            cursor.execute(f"DELETE FROM tip.{table.name}")
        self._history.drop_above(cursor, self._final)
        self._touched.everything = True
        self.forget()
        self._is_known = True

    def settle(
        self,
        cursor: duckdb.DuckDBPyConnection,
        before: int,
        upto: int,
        recorded: Sequence[BlockFinalised] = (),
        superseded: Superseded | None = None,
    ) -> bool:
        """Lets go of the blocks above `before` and up to `upto`, of which the ledger now holds `recorded`.

        `superseded` is what those replaced, None if nobody kept it; what blocks replaced while here is known already.
        Returns whether these blocks were shown already.
        """
        leaving = [block for block in self._blocks if block.number <= upto]
        is_shown = self._is_known and _are_same(leaving, recorded)
        if not is_shown:
            self._final = before
            if not self._is_known or self._blocks:
                self.clear(cursor, before + 1)
            if superseded is not None:
                self._history.keep(cursor, superseded, before)
            elif recorded:
                self._history.skip(cursor)
            leaving = []
        self._final = upto
        if not leaving:
            return is_shown
        self._journal.lost(row for row in self._blocks_shown() if row.number <= upto and not _is_kept(row))
        self._blocks = self._blocks[len(leaving) :]
        for kind, rows in self._rows.items():
            self._rows[kind] = {key: row for key, row in rows.items() if block_of(row) > upto}
            self._delete(cursor, kind, upto, len(rows) - len(self._rows[kind]))
        for kind, added in self._added.items():
            self._added[kind] = [row for row in added if block_of(row) > upto]
            self._delete(cursor, kind, upto, len(added) - len(self._added[kind]))
        return is_shown

    def follow(self, cursor: duckdb.DuckDBPyConnection, blocks: Sequence[BlockFinalised], final: Totals) -> int:
        """Makes `tip` show exactly `blocks`. Returns how many rows that were shown changed or vanished by a reorg."""
        held = [block.hash for block in self._blocks]
        if self._is_known and held == [block.hash for block in blocks[: len(held)]]:
            self._extend(cursor, blocks[len(held) :], final)
            return 0
        before = self._shown()
        self.clear(cursor, self._parting(blocks))
        self._extend(cursor, blocks, final)
        return len(before - self._shown())

    def _extend(self, cursor: duckdb.DuckDBPyConnection, blocks: Sequence[BlockFinalised], final: Totals) -> None:
        if not blocks:
            return
        totals, is_kept = self._totals(final), self._history.is_kept
        books = fold_blocks(blocks, totals, lambda kind, keys: self._load(cursor, kind, keys), history=is_kept)
        changes = books.changes()
        store(cursor, "tip", changes)
        self._journal.took(books)
        self._history.keep(cursor, books.superseded, self._final)
        self._remember(changes)
        self._touched.fold(books)
        self._blocks += blocks

    def _load(self, cursor: duckdb.DuckDBPyConnection, kind: type[Row], keys: Collection[Key]) -> list[Row]:
        mine = self._rows.get(kind, {})
        known = [mine[key] for key in keys if key in mine]
        return known + self._recent.load(cursor, kind, [key for key in keys if key not in mine])

    def _remember(self, changes: dict[type[Row], list[Row]]) -> None:
        for kind, rows in changes.items():
            if kind in KEYS:
                self._rows.setdefault(kind, {}).update({getattr(row, KEYS[kind]): row for row in rows})
            else:
                self._added.setdefault(kind, []).extend(rows)

    def _totals(self, final: Totals) -> Totals:
        newest = self._blocks_shown()[-1:]
        return next((Totals(block.open_escrow, block.credit, block.stakes) for block in newest), final)

    def _parting(self, blocks: Sequence[BlockFinalised]) -> int | None:
        """The first block held that is not among `blocks`."""
        told = {block.hash for block in blocks}
        return next((block.number for block in self._blocks if block.hash not in told), None)

    def _blocks_shown(self) -> list[BlockRow]:
        return cast("list[BlockRow]", self._added.get(BlockRow, []))

    def _rows_shown(self) -> list[Row]:
        return [*(row for rows in self._rows.values() for row in rows.values()), *self._blocks_shown()]

    def _shown(self) -> set[str]:
        kinds = (*(rows.values() for rows in self._rows.values()), *self._added.values())
        return {repr(row) for rows in kinds for row in rows}

    def _delete(self, cursor: duckdb.DuckDBPyConnection, kind: type[Row], upto: int, leaving: int) -> None:
        if leaving:
            table = TABLE_OF[kind]
            cursor.execute(f'DELETE FROM tip.{table.name} WHERE "{table.block}" <= ?', [upto])


def _are_same(leaving: Sequence[BlockFinalised], recorded: Sequence[BlockFinalised]) -> bool:
    """The ledger keeps no blocks without anything of ours."""
    ours = [block.hash for block in leaving if block.transactions or block.occurrences]
    return ours == [block.hash for block in recorded]


def _is_kept(block: BlockRow) -> bool:
    """Whether the tables keep it when it is final: it has something of ours."""
    return bool(block.transactions or block.events)
