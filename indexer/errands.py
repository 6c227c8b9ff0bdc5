"""An order to rebuild crosses from one process to the one that owns the explorer's file, and news of it come back.

A file beside the database carries both. It outlives the owner: whoever opens the database next does what is ordered.
"""

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from indexer.explorer import Difference, Explorer, rebuild

LOOK_EVERY_S = 0.5
TELL_EVERY_S = 0.2

log = logging.getLogger(__name__)


class Errand(Struct, frozen=True):
    """How far a rebuild has come: `position` of `of` facts. `differences` are those it found and mended."""

    state: Literal["ordered", "under way", "done", "failed"]
    position: int = 0
    of: int = 0
    differences: tuple[Difference, ...] = ()
    reason: str = ""


def order(database: Path) -> None:
    """Orders a rebuild of the explorer in this file, unless one is ordered already."""
    errand = read(database)
    if errand is None or errand.state in ("done", "failed"):
        _write(database, Errand("ordered"))


def read(database: Path) -> Errand | None:
    """The errand that is ordered, under way or finished."""
    try:
        return msgspec.json.decode(_file(database).read_bytes(), type=Errand)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def clear(database: Path) -> None:
    _file(database).unlink(missing_ok=True)


async def doing_errands(explorer: Explorer) -> None:
    """Does what is ordered, as long as it runs; readers and the indexer go on meanwhile."""
    while True:
        errand = await asyncio.to_thread(read, explorer.path)
        if errand and errand.state in ("ordered", "under way"):
            await asyncio.to_thread(_rebuild, explorer)
        await asyncio.sleep(LOOK_EVERY_S)


def _rebuild(explorer: Explorer) -> None:
    told_at = 0.0

    def tell(position: int, of: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at > TELL_EVERY_S:
            told_at = time.monotonic()
            _write(explorer.path, Errand("under way", position, of))

    log.info("rebuilding the explorer's tables, as ordered")
    try:
        rebuilt = rebuild(explorer, tell)
    except Exception as fault:
        log.warning("the rebuild failed: %s", fault)
        _write(explorer.path, Errand("failed", reason=str(fault)))
        return
    log.info("rebuilt up to position %d; %d tables differed", rebuilt.position, len(rebuilt.differences))
    _write(explorer.path, Errand("done", rebuilt.position, rebuilt.position, rebuilt.differences))


def _file(database: Path) -> Path:
    return database.with_name(database.name + ".rebuild")


def _write(database: Path, errand: Errand) -> None:
    """In one step: who reads finds one state or the next. What a full disk loses is told by the log."""
    fresh = _file(database).with_name(_file(database).name + ".new")
    with contextlib.suppress(OSError):
        fresh.write_bytes(msgspec.json.encode(errand))
        os.replace(fresh, _file(database))
