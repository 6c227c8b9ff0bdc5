"""Where a process under test keeps its ledger and its tables: it outlives the process, as a crash leaves it.

All of it is in a folder that the machine keeps in memory. Most worlds share a DuckDB that stays open, where a crash is
what a rollback leaves; a share of them has files of its own, and the copy that is made of them at the moment of the
crash is all that the next process finds.
"""

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
from sqlalchemy import Engine, create_engine

from domain.ledger import Ledger, LedgerError, Tip
from indexer.explorer import database as explorer_database
from indexer.explorer.database import CATALOG, Database

RAM = Path("/dev/shm")
WORLDS_A_DATABASE = 100
"""What is deleted in a database makes it slower: after so many worlds a new one is made."""

_open = explorer_database._open


class Disk:
    """A folder with a ledger and an explorer's database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    @property
    def ledger_url(self) -> str:
        return f"sqlite:///{self.folder / 'ledger.db'}"

    @property
    def database(self) -> Path:
        return self.folder / "explorer.duckdb"

    def crash(self) -> None:
        """The process that used it is gone at this moment; what it had not committed is lost."""

    def lose_tables(self) -> None:
        """The explorer's database is gone; the ledger is there."""
        for path in self.folder.glob("explorer*"):
            path.unlink()

    def let_go(self) -> None:
        """Closes the locks that a process held, as its end does."""
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                if entry.readlink().suffix == ".lock" and entry.readlink().is_relative_to(self.folder.parent):
                    os.close(int(entry.name))

    def mend(self, fault: BaseException) -> None:
        """What an operator does who was told this: files that can not be used are moved away."""
        name = "ledger*" if isinstance(fault, LedgerError) else "explorer*"
        for path in self.folder.glob(name):
            path.unlink()


class KeptDisk(Disk):
    """Its DuckDB stays open, and is emptied by whoever owns it."""

    def __init__(self, folder: Path, empty: Callable[[], None]) -> None:
        super().__init__(folder)
        self._empty = empty

    def lose_tables(self) -> None:
        self._empty()


class FileDisk(Disk):
    """Real files, each process on a copy that was made when the one before it ended."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "0")
        self._root = folder
        self._lives = 0

    def crash(self) -> None:
        self._lives += 1
        before, self.folder = self.folder, self._root / str(self._lives)
        shutil.copytree(before, self.folder, ignore=shutil.ignore_patterns("*-shm", "*.lock"))

    def damage(self, chance: random.Random) -> str:
        """Cuts or spoils one file, as a disk does that lost power; says what it did."""
        wals = [path for path in self.folder.iterdir() if path.name.endswith((".wal", "-wal"))]
        targets = [path for path in (*wals, self.database) if path.exists() and path.stat().st_size]
        if not targets:
            return "nothing to damage"
        path = chance.choice(sorted(targets))
        data = path.read_bytes()
        at = chance.randrange(len(data))
        if path == self.database:
            path.write_bytes(data[:at] + bytes(256) + data[at + 256 :])
            return f"256 bytes of {path.name} zeroed"
        path.write_bytes(data[:at])
        return f"{path.name} cut"


class Engines:
    """Statements that SQLAlchemy has compiled once serve every process: by itself it begins anew in each."""

    def __init__(self) -> None:
        self._compiled: dict[Any, Any] = {}
        self._dialect: Any = None

    def create(self, *args: Any, **options: Any) -> Engine:
        engine = create_engine(*args, **options)
        if self._dialect is None:
            with engine.connect():
                self._dialect = engine.dialect
            engine.dispose()
            engine = create_engine(*args, **options)
        engine.dialect = engine.pool._dialect = self._dialect
        engine.update_execution_options(compiled_cache=self._compiled)
        return engine


class Cellar:
    """Disks for worlds, one after another in one process; the expensive parts are made once."""

    def __init__(self, chain_id: int) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="simulation-", dir=RAM if RAM.is_dir() else None))
        self._chain_id = chain_id
        self._worlds = 0
        self._kept: duckdb.DuckDBPyConnection | None = None
        self._pristine: dict[str, list[tuple[Any, ...]]] = {}
        self._engines = Engines()
        self._template = self.root / "template"
        self._template.mkdir()
        ledger = Ledger(f"sqlite:///{self._template / 'ledger.db'}")
        Tip(ledger, chain_id)
        ledger.close()

    @contextmanager
    def disk(self, kind: str) -> Iterator[Disk]:
        """An empty disk; DuckDB is reached through `connect` of this module while the block lasts."""
        self._worlds += 1
        folder = self.root / str(self._worlds)
        disk = FileDisk(folder) if kind == "files" else KeptDisk(folder, self._empty_kept)
        try:
            shutil.copy(self._template / "ledger.db", disk.folder)
            with patch("domain.ledger.database.create_engine", self._engines.create):
                if kind == "files":
                    shutil.copy(self._file_template(), disk.database)
                    yield disk
                    return
                if self._kept is None or self._worlds % WORLDS_A_DATABASE == 0:
                    self._make_kept(disk)
                self._empty_kept()
                with self._opening(disk):
                    yield disk
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def _file_template(self) -> Path:
        path = self._template / "explorer.duckdb"
        if not path.exists():
            Database(path, self._chain_id, threads=1).close()
        return path

    def _opening(self, disk: Disk) -> AbstractContextManager[object]:
        """While it lasts, to open the disk's database is to reach the one that stays open."""
        kept = self._kept
        assert kept is not None

        def opened(path: Path, *limits: int) -> duckdb.DuckDBPyConnection:
            return kept.cursor() if path == disk.database else _open(path, *limits)

        return patch.object(explorer_database, "_open", opened)

    def _empty_kept(self) -> None:
        assert self._kept is not None
        for table, rows in self._pristine.items():
            self._kept.execute(f"DELETE FROM {table}")
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                self._kept.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def _make_kept(self, disk: Disk) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = _open(self.root / f"kept-{self._worlds}.duckdb", 1024, 1)
        with self._opening(disk):
            Database(disk.database, self._chain_id).close()
        found = f"FROM duckdb_tables() SELECT schema_name, table_name WHERE database_name = '{CATALOG}'"
        tables = [f"{CATALOG}.{schema}.{table}" for schema, table in self._kept.execute(found).fetchall()]
        self._pristine = {name: self._kept.execute(f"FROM {name}").fetchall() for name in tables}
