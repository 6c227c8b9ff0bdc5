"""A replica of the explorer, projected from the shared ledger: it shows the same tables, and keeps up by itself."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from msgspec import Struct

from api.sql.asking import Known
from api.sql.settings import SqlSettings
from api.sql.wire import Standing
from domain.facts import AnyFact
from domain.ledger import Ledger, LedgerError, Tip
from indexer.explorer import DatabaseDamaged, Explorer, ExplorerError, LedgerBehind, OtherDatabase
from indexer.explorer.tables import DICTIONARY, OVERLAID, settled

LOOK_EVERY_S = 0.1
TRY_AGAIN_S = 0.5
SETTLED_AFTER_LOOKS = 10
HISTORY_BLOCKS = 1  # nobody asks a replica about the past

log = logging.getLogger(__name__)


class Source(Struct, frozen=True):
    """Whose ledger is projected, and where the tables go."""

    ledger_url: str
    chain_id: int
    coordinator: str
    database: Path


@contextmanager
def opened(source: Source, settings: SqlSettings) -> Iterator[tuple[Explorer, Tip]]:
    """The replica as it was left, or an empty one: whatever is wrong with its file, the ledger has it all."""
    ledger = Ledger(source.ledger_url, AnyFact)
    try:
        tip = Tip(ledger, source.chain_id)
        try:
            explorer = _open(source, settings, ledger, tip)
        except (OtherDatabase, DatabaseDamaged, LedgerBehind) as fault:
            log.warning("the SQL replica is built anew: %s", fault)
            for path in (source.database, source.database.with_name(source.database.name + ".wal")):
                path.unlink(missing_ok=True)
            explorer = _open(source, settings, ledger, tip)
        try:
            yield explorer, tip
        finally:
            explorer.close()
    finally:
        ledger.close()


def _open(source: Source, settings: SqlSettings, ledger: Ledger, tip: Tip) -> Explorer:
    return Explorer(
        source.database,
        ledger,
        tip,
        coordinator=source.coordinator,
        memory_limit_mib=settings.memory_limit_mib,
        threads=settings.threads,
        history_blocks=HISTORY_BLOCKS,
    )


def show(cursor: duckdb.DuckDBPyConnection) -> Known:
    """Views of the tables for who stands outside of the explorer's catalog, where nothing can be written."""
    cursor.execute("SET GLOBAL temp_directory = ''")
    layer(cursor, is_settled=False)
    found = cursor.execute("SELECT view_name FROM duckdb_views() WHERE internal").fetchall()
    return Known(frozenset(entry.name for entry in DICTIONARY), frozenset(name for (name,) in found))


def layer(cursor: duckdb.DuckDBPyConnection, is_settled: bool) -> None:
    """Makes the views anew: those for when no block is unfinal may be shown only then, the others always."""
    direct = {table.name: settled(table, "explorer") for table in OVERLAID} if is_settled else {}
    cursor.begin()
    for entry in DICTIONARY:
        rows = direct.get(entry.name, f"FROM explorer.main.{entry.name}")
        cursor.execute(f"CREATE OR REPLACE VIEW {entry.name} AS {rows}")
        cursor.execute(";".join(entry.comments()))
    cursor.commit()


def lock(cursor: duckdb.DuckDBPyConnection) -> None:
    """From here on no file can be opened and nothing be set."""
    cursor.execute("SET GLOBAL autoload_known_extensions = false")
    cursor.execute("SET GLOBAL python_enable_replacements = false")
    cursor.execute("SET GLOBAL enable_external_access = false")
    cursor.execute("SET GLOBAL lock_configuration = true")


class Following:
    """Keeps the replica in step with the ledger, in a thread of its own."""

    def __init__(self, explorer: Explorer, tip: Tip, life: int) -> None:
        self._explorer, self._tip, self._life = explorer, tip, life
        self._cursor = explorer.database.outside()
        self._is_settled = False
        self._settled_looks = 0
        self.standing = self._stand()
        """What the views show, or what they showed a moment ago: never what they do not show yet."""

        threading.Thread(target=self._follow, daemon=True, name="following").start()

    def _stand(self) -> Standing:
        head = self._explorer.head()
        return Standing(
            self._life,
            self._explorer.version,
            head.number,
            head.hash,
            head.at,
            head.final,
            head.final_hash,
        )

    def _follow(self) -> None:
        shown = -1
        while True:
            try:
                version = self._tip.version()
                if version != shown or self._explorer.ledger.position() > self._explorer.position:
                    self._settle(not self._tip.snapshot().blocks)
                    self._explorer.refresh()
                shown = version
                head = self._explorer.head()
                self._settle(head.number == head.final)
                self.standing = self._stand()
            except (LedgerError, ExplorerError, duckdb.Error, MemoryError) as fault:
                log.warning("the SQL replica waits: %s", fault)
                time.sleep(TRY_AGAIN_S)
            time.sleep(LOOK_EVERY_S)

    def _settle(self, is_settled: bool) -> None:
        """Shows final rows alone where there have been no others for a while, and at once both where there may be."""
        self._settled_looks = self._settled_looks + 1 if is_settled else 0
        wanted = self._settled_looks > SETTLED_AFTER_LOOKS
        if wanted is not self._is_settled:
            layer(self._cursor, wanted)
            self._is_settled = wanted
