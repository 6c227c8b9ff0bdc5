"""A new projection beside the live one: built from the ledger, compared, and put in its place while readers go on.

`NAME-1.duckdb` and `NAME-2.duckdb` take turns behind the link `NAME.duckdb`; a file that is not complete yet ends in
`.building`, and the next rebuild goes on with it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from domain.faultpoints import reach

from .batches import Batch, batches
from .database import Database
from .decisions import dropped
from .digest import Difference, differences
from .errors import OtherDatabase
from .explorer import Explorer
from .feeding import feed
from .progress import advanced, read_progress, with_head, write_progress
from .projecting import Folded, Projection, final_totals, write

BUILDING = ".building"


class Rebuilt(Struct, frozen=True):
    """What a rebuild found; no differences when the live projection was as good as new."""

    position: int
    differences: tuple[Difference, ...]


Report = Callable[[int, int], None]
"""Told, again and again, how far of the ledger is rebuilt, and how far that goes."""


def rebuild(explorer: Explorer, report: Report = lambda _position, _of: None) -> Rebuilt:
    """Builds, compares, swaps. Killed at any point, it leaves a projection that is whole, and the next goes on."""
    was_link = explorer.path.is_symlink()
    live, beside = _sides(explorer.path)
    _remove(beside)
    reach("rebuild.begun")
    _build(explorer, beside, report)
    reach("rebuild.named")
    database = explorer.open_beside(beside)
    try:
        with explorer.paused():
            _catch_up(explorer, database, explorer.position, report)
            reach("rebuild.caught_up")
            with explorer.database.reading() as before, database.reading() as after:
                found = tuple(differences(before, after))
                kept = None if found else before.execute("FROM final.digests").arrow()
            if kept is not None:
                _keep_digests(database, kept)
            explorer.adopt(database)
    except BaseException:
        database.close()
        raise
    reach("rebuild.adopted")
    _point(explorer.path, beside)
    reach("rebuild.linked")
    if was_link:
        _remove(live)
    return Rebuilt(explorer.position, found)


def upgrade(path: Path, opened: Callable[[Path], Explorer]) -> None:
    """Tables of an older version make room for such as `opened` makes, built from the ledger; no node is asked.

    Killed at any point, the next upgrade goes on with what was built.
    """
    was_link = path.is_symlink()
    live, beside = _sides(path)
    building = beside.with_name(beside.name + BUILDING)
    _remove(beside)
    try:
        explorer = opened(building)
    except OtherDatabase:
        _remove(building)
        explorer = opened(building)
    try:
        explorer.refresh()
    finally:
        explorer.close()
    reach("upgrade.built")
    os.replace(building, beside)
    reach("upgrade.named")
    _point(path, beside)
    reach("upgrade.linked")
    if was_link:
        _remove(live)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)


def _build(explorer: Explorer, beside: Path, report: Report) -> None:
    """Everything that the ledger holds now, under a name that says so only when it is complete."""
    building = beside.with_name(beside.name + BUILDING)
    try:
        database = explorer.open_beside(building)
    except OtherDatabase:
        _remove(building)
        database = explorer.open_beside(building)
    try:
        _catch_up(explorer, database, None, report)
    finally:
        database.close()
    reach("rebuild.built")
    os.replace(building, beside)


def _catch_up(explorer: Explorer, database: Database, upto: int | None, report: Report) -> None:
    decided = dropped(explorer.ledger, explorer.sources.chain_id)
    with database.reading() as cursor:
        progress, projection = read_progress(cursor), Projection(final_totals(cursor), decided)

    def fold(batch: Batch) -> Folded:
        with database.reading() as cursor:
            return projection.fold(cursor, batch)

    def commit(folded: Folded) -> None:
        nonlocal progress
        with database.writing() as cursor:
            write(cursor, folded)
            progress = with_head(advanced(progress, folded.batch, None), None, folded.batch.blocks[-1:])
            write_progress(cursor, progress)
        reach("rebuild.batch")
        report(progress.position, max(progress.position, explorer.position))

    last = feed(
        batches(explorer.ledger, explorer.sources, progress.position, explorer.batch_events, upto), fold, commit
    )
    if last:
        commit(fold(last))


def _keep_digests(database: Database, digests: Any) -> None:
    """Where nothing differs, the digests that were kept before hold for the new tables too."""
    with database.writing() as cursor:
        cursor.execute("DELETE FROM final.digests")
        cursor.register("kept", digests)
        cursor.execute("INSERT INTO final.digests FROM kept")
        cursor.unregister("kept")


def _sides(path: Path) -> tuple[Path, Path]:
    """The file behind the link, and the one that will be."""
    live = path.resolve()
    first, second = (path.absolute().with_name(f"{path.stem}-{n}{path.suffix}") for n in (1, 2))
    return live, second if live == first.resolve() else first


def _point(link: Path, to: Path) -> None:
    """Sets the link in one step: who opens it finds the old file or the new."""
    fresh = link.with_name(link.name + ".link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(to.name)
    os.replace(fresh, link)


def _remove(path: Path) -> None:
    for each in (path, path.with_name(path.name + ".wal")):
        each.unlink(missing_ok=True)
