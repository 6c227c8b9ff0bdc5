"""Old blocks come in, tables as they were after them go out: folded anew from the ledger, and kept for a while.

One is made at a time, in a thread of its own. Who asks for it waits a moment and is then told how far it is.
"""

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
from msgspec.structs import replace

from domain.ledger import Ledger

from .batches import batches
from .database import Database
from .decisions import dropped
from .folds import Totals
from .moments import BeingFolded
from .progress import Progress, advanced, with_head, write_progress
from .projecting import Projection, write
from .sources import Sources

KEPT = 3
PATIENCE_S = 2.0
MEMORY_LIMIT_MIB, THREADS = 128, 1
BATCH_EVENTS = 5_000

Reading = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

log = logging.getLogger(__name__)


class Past:
    """The tables after one block, from the moment they are asked for."""

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.path = path
        self.database: Database | None = None
        self.reached = -1
        self.fault: BaseException | None = None
        self.is_done = threading.Event()
        self.is_unwanted = False

    def close(self) -> None:
        """The thread that makes it, if there is one, ends before its next batch."""
        self.is_unwanted = True
        if self.database and self.is_done.is_set():
            self.database.close()
            self.path.unlink(missing_ok=True)


class Pasts:
    """The last few that were asked for, in files that do not outlive the process. `live` reads the newest tables."""

    def __init__(
        self, folder: Path, ledger: Ledger, sources: Sources, live: Reading, patience_s: float = PATIENCE_S
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._sources = sources
        self._live = live
        self._patience_s = patience_s
        self._pasts: dict[int, Past] = {}
        self._lock = threading.Lock()
        shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def after(self, number: int) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on the tables after final block `number`. Raises BeingFolded."""
        past = self._asked(number)
        if not past.is_done.wait(self._patience_s):
            raise BeingFolded(
                f"block {number} is older than the rows that are kept: the state after it is being folded from the "
                f"ledger, which is at block {max(past.reached, 0)} of {number}"
            )
        if past.fault or past.database is None:
            self._forget(past)
            raise BeingFolded(f"the state after block {number} could not be folded: {past.fault}") from past.fault
        with past.database.reading() as cursor:
            yield cursor

    def close(self) -> None:
        with self._lock:
            pasts, self._pasts = list(self._pasts.values()), {}
        for past in pasts:
            past.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _asked(self, number: int) -> Past:
        with self._lock:
            past = self._pasts.pop(number, None)
            if past is None:
                self._check_idle(number)
                past = Past(number, self._folder / f"after-{number}.duckdb")
                threading.Thread(target=self._make, args=(past,), name="folding the past", daemon=True).start()
            self._pasts[number] = past
            leaving = [self._pasts.pop(each) for each in list(self._pasts)[:-KEPT]]
        for each in leaving:
            each.close()
        return past

    def _check_idle(self, number: int) -> None:
        for past in self._pasts.values():
            if not past.is_done.is_set():
                raise BeingFolded(
                    f"block {number} is older than the rows that are kept, and the ledger is being folded up to block "
                    f"{past.number} for someone else: it is at block {max(past.reached, 0)}"
                )

    def _forget(self, past: Past) -> None:
        with self._lock:
            self._pasts.pop(past.number, None)
        past.close()

    def _make(self, past: Past) -> None:
        try:
            past.path.unlink(missing_ok=True)
            past.database = Database(past.path, self._sources.chain_id, MEMORY_LIMIT_MIB, THREADS)
            self._fold(past, past.database)
            self._copy_documents(past.database)
        except BaseException as fault:
            log.warning("the state after block %d could not be folded: %s", past.number, fault)
            past.fault = fault
        finally:
            past.is_done.set()
            if past.is_unwanted:
                past.close()

    def _fold(self, past: Past, database: Database) -> None:
        progress, projection = Progress(), Projection(Totals(), dropped(self._ledger, self._sources.chain_id))
        for batch in batches(self._ledger, self._sources, 0, BATCH_EVENTS):
            blocks = tuple(block for block in batch.blocks if block.number <= past.number)
            known = replace(batch, blocks=blocks, rows=())
            with database.writing() as cursor:
                write(cursor, projection.fold(cursor, known))
                progress = with_head(advanced(progress, known, None), None, blocks[-1:])
                write_progress(cursor, progress)
            past.reached = progress.final_number
            if past.is_unwanted or len(blocks) < len(batch.blocks):
                return

    def _copy_documents(self, database: Database) -> None:
        """What workers published is no block's: the newest counts, whatever block is asked for."""
        with self._live() as live:
            documents = live.execute("FROM final.documents").to_arrow_table()
        with database.writing() as cursor:
            cursor.register("documents", documents)
            cursor.execute("INSERT INTO final.documents FROM documents")
            cursor.unregister("documents")
