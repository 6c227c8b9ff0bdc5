"""The tables of any contract's events: ledger and tip come in by `refresh`, readable rows go out by `queries`.

Rows are only ever added, so nothing is folded: a block's rows go to `final` when the ledger has it, to `tip` before,
and leave `tip` when it becomes final or is dropped by a reorganisation.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec

from domain.facts import BlockFinalised
from domain.ledger import Ledger, Snapshot, Tip
from indexer.explorer.batches import Batch, Stored, batches
from indexer.explorer.database import Database
from indexer.explorer.errors import LedgerBehind, OtherDatabase
from indexer.explorer.progress import Progress, advanced, read_progress, with_head, write_progress
from indexer.explorer.rows import Head, Row
from indexer.explorer.sources import Sources
from indexer.explorer.storing import store

from .layout import Abi, Layout, Readers, layouts_of
from .queries import EventQueries
from .schema import SCHEMA_VERSION, statements
from .writing import Writer


class Events:
    """Owns one DuckDB file. Safe to use from many threads: `refresh` takes turns, readers never wait."""

    def __init__(
        self,
        path: Path,
        ledger: Ledger,
        tip: Tip,
        contracts: Sequence[tuple[bytes, Abi]],
        *,
        batch_events: int = 20_000,
        memory_limit_mib: int = 512,
        threads: int = 2,
    ) -> None:
        self.path = path
        self.ledger = ledger
        self._tip = tip
        self._sources = Sources(tip.chain_id)
        self.batch_events = batch_events
        self._turn = threading.RLock()
        layouts, readers = layouts_of(contracts)
        self._writer = Writer(layouts, readers)
        self.database = EventsDatabase(path, tip.chain_id, layouts, readers, memory_limit_mib, threads)
        self.queries = EventQueries(self.database, layouts)
        self._shown: tuple[BlockFinalised, ...] | None = None
        self._tip_version = -1
        self._reopened = 0
        self._progress = self._resume()

    @property
    def position(self) -> int:
        """How far the ledger was taken in."""
        return self._progress.position

    def head(self) -> Head:
        return self._progress.head()

    def refresh(self, newest: BlockFinalised | None = None, in_hand: Sequence[Stored] = ()) -> int:
        """Takes in what the ledger and the tip hold now. Returns how many rows a reorg took back from readers.

        `in_hand` are facts that the caller recorded just now: they are not read back from the ledger.
        """
        with self._turn:
            self._know_the_file()
            snapshot = self._tip.snapshot()
            waiting: Batch | None = None
            for batch in batches(self.ledger, self._sources, self.position, self.batch_events, in_hand=in_hand):
                if waiting:
                    self._take(waiting, None, newest)
                waiting = batch
            if waiting or snapshot.version != self._tip_version or self._shown is None:
                return self._take(waiting, snapshot, newest)
            return 0

    def close(self) -> None:
        with self._turn:
            self.database.close()

    def _take(self, batch: Batch | None, snapshot: Snapshot | None, newest: BlockFinalised | None) -> int:
        """One transaction: final rows, the tip over them, and how far both have come."""
        progress = advanced(self._progress, batch, snapshot.final if snapshot else None)
        retracted, shown = 0, self._shown
        try:
            with self.database.writing() as cursor:
                if batch:
                    self._writer.write(cursor, "final", batch.blocks)
                    store(cursor, "final", _by_kind(batch.rows))
                if snapshot:
                    tip = tuple([block for block in snapshot.blocks if block.number > progress.final_number])
                    retracted, shown = self._show(cursor, tip, progress.final_number), tip
                elif shown:
                    self._writer.drop(cursor, "tip", "<=", progress.final_number)
                    shown = tuple([block for block in shown if block.number > progress.final_number])
                progress = with_head(progress, shown[-1] if shown else None, (*_last(batch), newest))
                write_progress(cursor, progress)
        except BaseException:
            self._shown = None
            raise
        self._progress, self._shown = progress, shown
        self._tip_version = snapshot.version if snapshot else self._tip_version
        return retracted

    def _show(self, cursor: duckdb.DuckDBPyConnection, tip: Sequence[BlockFinalised], final: int) -> int:
        """Makes `tip` hold exactly these blocks. Returns how many events were taken back."""
        before = self._shown
        if before is None:
            self._writer.drop(cursor, "tip", ">=", 0)
            self._writer.write(cursor, "tip", tip)
            return 0
        self._writer.drop(cursor, "tip", "<=", final)
        held = [block for block in before if block.number > final]
        kept = 0
        while kept < min(len(held), len(tip)) and held[kept].hash == tip[kept].hash:
            kept += 1
        gone = self._writer.drop(cursor, "tip", ">=", held[kept].number) if kept < len(held) else 0
        if tip[kept:]:
            self._writer.write(cursor, "tip", tip[kept:])
        return gone

    def _know_the_file(self) -> None:
        """After it was opened anew: the commit that was told as failed by then was none, but memory does not know."""
        reopened = self.database.reopened
        if reopened != self._reopened:
            self._progress, self._shown = self._resume(), None
            self._tip_version, self._reopened = -1, reopened

    def _resume(self) -> Progress:
        with self.database.reading() as cursor:
            before = read_progress(cursor)
        if before.position > self.ledger.position():
            raise LedgerBehind(
                f"{self.path} holds position {before.position}, the ledger ends at {self.ledger.position()}: name the "
                "ledger it was made from, or move the file away"
            )
        return before


class EventsDatabase(Database):
    """A database laid out for some contracts' events. Another layout is another database."""

    def __init__(
        self,
        path: Path,
        chain_id: int,
        layouts: Sequence[Layout],
        readers: Readers,
        memory_limit_mib: int,
        threads: int,
    ) -> None:
        self._layouts = layouts
        contracts = sorted({"0x" + address.hex() for address, _ in readers})
        shapes = [(layout.table, [(field.name, field.kind.sql) for field in layout.fields]) for layout in layouts]
        self._layout = msgspec.json.encode([contracts, shapes]).decode()
        super().__init__(path, chain_id, memory_limit_mib, threads)

    def _prepare(self, chain_id: int) -> None:
        with self.writing() as cursor:
            if not cursor.execute("SELECT 1 FROM duckdb_schemas() WHERE schema_name = 'final'").fetchone():
                cursor.execute(";\n".join(statements(self._layouts)))
                cursor.execute(
                    "INSERT INTO final.progress VALUES (?, ?, 0, -1, '', NULL, -1, '', ?)",
                    [SCHEMA_VERSION, chain_id, self._layout],
                )
            row = cursor.execute("SELECT schema_version, chain_id, layout FROM final.progress").fetchone()
        wanted = (SCHEMA_VERSION, chain_id, self._layout)
        for what, said, meant in zip(("schema version", "chain", "ABI"), row or (None,) * 3, wanted, strict=True):
            if said != meant:
                difference = "another ABI" if what == "ABI" else f"{what} {said}, wanted {meant}"
                raise OtherDatabase(
                    f"the tables in {self.path} are of {difference}: move this file away, and they are built anew from "
                    "the ledger beside it, without asking the node again"
                )


def _by_kind(rows: Sequence[Row]) -> dict[type[Row], list[Row]]:
    kinds: dict[type[Row], list[Row]] = {}
    for row in rows:
        kinds.setdefault(type(row), []).append(row)
    return kinds


def _last(batch: Batch | None) -> Sequence[BlockFinalised]:
    return batch.blocks[-1:] if batch else ()
