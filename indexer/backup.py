"""A store in use comes in, a folder that is a whole store of one moment goes out; and back into empty places.

The ledger is copied while others write. The explorer's tables are folded from that copy: so the copy is proved to be
readable to its last fact, and a DuckDB file, which one process owns, need not be asked for. `backup.json` says what is
in the folder: sizes and SHA-256 of the files, how far they go, and the digest of the tables.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import msgspec
from msgspec import Struct

from domain.facts import AnyFact
from domain.faultpoints import reach
from domain.ledger import Ledger, Tip
from domain.ledger.copying import copy_rows, copy_to_file
from indexer.explorer import Explorer, digest_of_ledger
from indexer.explorer.tables import SCHEMA_VERSION

LEDGER, EXPLORER, MANIFEST = "ledger.db", "explorer.duckdb", "backup.json"
PARTIAL = ".partial"
FORMAT = 1

Report = Callable[[str], None]


class BackupError(Exception):
    """Root of what can be wrong with a backup."""


class Occupied(BackupError):
    """What should be written to is there already."""


class Damaged(BackupError):
    """The folder is no backup, or not what it was when it was made."""


class File(Struct, frozen=True):
    name: str
    bytes: int
    sha256: str


class Manifest(Struct, frozen=True):
    """`digest` is that of all tables after everything in the ledger up to `position`."""

    format: int
    chain_id: int
    position: int
    final: int
    head: int
    digest: str
    files: tuple[File, ...]


def backup(ledger: Ledger, chain_id: int, to: Path, report: Report = lambda _: None, coordinator: str = "") -> Manifest:
    """Copies ledger and tables into the new folder `to`. Killed at any point, it leaves no folder of that name."""
    if to.exists():
        raise Occupied(f"{to} exists: name a folder that does not, or move it away")
    partial = to.with_name(to.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    reach("backup.begun")
    report("copying the ledger")
    copy_to_file(ledger, partial / LEDGER)
    report("folding the copy")
    told = _fold(partial, chain_id, coordinator)
    reach("backup.folded")
    files = tuple(_describe(partial / name) for name in (LEDGER, EXPLORER))
    manifest = msgspec.structs.replace(told, files=files)
    _write(partial / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    reach("backup.described")
    os.rename(partial, to)
    _sync(to.parent)
    return manifest


def check(folder: Path) -> Manifest:
    """What the backup holds, when its files are what they were. Raises Damaged."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise Damaged(f"{folder} is no backup: it has no {MANIFEST}") from None
    except (msgspec.MsgspecError, NotADirectoryError) as fault:
        raise Damaged(f"{folder}: {MANIFEST} can not be read ({fault}): take another backup") from None
    if manifest.format != FORMAT:
        raise Damaged(f"{folder} is of backup format {manifest.format}, we read {FORMAT}: use the release that made it")
    for file in manifest.files:
        path = folder / file.name
        if not path.exists() or _describe(path) != file:
            raise Damaged(f"{path} is not what was backed up (size or SHA-256): take another backup")
    return manifest


def restore(folder: Path, ledger_url: str, database: Path, report: Report = lambda _: None) -> Manifest:
    """Puts ledger and tables of a backup into places that are empty. Raises Damaged or Occupied, and changes nothing.

    Killed at any point, either nothing is there, or a whole ledger, from which the next start builds its tables.
    """
    report("checking the backup")
    manifest = check(folder)
    for path in (database, database.with_name(database.name + ".wal"), *_ledger_files(ledger_url)):
        if path.exists() or path.is_symlink():
            raise Occupied(f"{path} exists: a restore overwrites nothing; move it away, or name another place")
    database.parent.mkdir(parents=True, exist_ok=True)
    report("copying")
    fresh = database.with_name(database.name + PARTIAL)
    try:
        _copy(folder / EXPLORER, fresh)
        report("comparing the digest")
        _verify(fresh, manifest)
        reach("restore.copied")
        _restore_ledger(folder / LEDGER, ledger_url, database)
    except Exception:
        fresh.unlink(missing_ok=True)
        raise
    reach("restore.ledger_placed")
    os.replace(fresh, database)
    _sync(database.parent)
    return manifest


def _restore_ledger(source: Path, url: str, database: Path) -> None:
    files = _ledger_files(url)
    place = files[0] if files else database.with_name(LEDGER)
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(place.name + PARTIAL)
    _copy(source, fresh)
    if files:
        os.replace(fresh, place)
        _sync(place.parent)
        return
    with _opened(f"sqlite:///{fresh}") as copied, _opened(url) as target:
        copy_rows(copied, target)
    fresh.unlink()


def _ledger_files(url: str) -> list[Path]:
    """The files of an SQLite ledger: the database first."""
    path = url.removeprefix("sqlite:///")
    return [] if path == url else [Path(path), Path(path + "-wal")]


def _fold(folder: Path, chain_id: int, coordinator: str) -> Manifest:
    """Tables from the copied ledger, which is then one file; and how far both go."""
    with _opened(f"sqlite:///{folder / LEDGER}") as ledger:
        explorer = Explorer(folder / EXPLORER, ledger, Tip(ledger, chain_id), coordinator=coordinator)
        try:
            explorer.refresh()
            with explorer.database.reading() as cursor:
                digest = digest_of_ledger(cursor).text
            head = explorer.head()
            return Manifest(FORMAT, chain_id, explorer.position, head.final, head.number, digest, ())
        finally:
            explorer.close()


def _verify(database: Path, manifest: Manifest) -> None:
    """Reads all rows of the tables, unless another version wrote them: the next start builds those anew anyway."""
    with duckdb.connect(str(database), read_only=True) as connection:
        version = connection.execute("SELECT schema_version FROM final.progress").fetchall()[0][0]
        if version != SCHEMA_VERSION:
            return
        connection.execute("SET TimeZone = 'UTC'")
        found = digest_of_ledger(connection).text
    if found != manifest.digest:
        raise Damaged(f"{database}: digest {found}, backed up was {manifest.digest}: take another backup")


@contextmanager
def _opened(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url, AnyFact)
    try:
        yield ledger
    finally:
        ledger.close()


def _describe(path: Path) -> File:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return File(path.name, path.stat().st_size, digest)


def _copy(source: Path, to: Path) -> None:
    shutil.copyfile(source, to)
    with to.open("rb+") as file:
        os.fsync(file.fileno())


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """A rename is on disk when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
