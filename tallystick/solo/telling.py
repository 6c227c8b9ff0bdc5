"""How far an index is comes in; a bar on the terminal, once it takes long, and a last line come out."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tallystick.solo.running import Progress

PATIENCE_S = 2.0
LOOK_EVERY_S = 0.2


@asynccontextmanager
async def showing(progress: Progress) -> AsyncIterator[None]:
    """A bar on standard error for what takes longer than two seconds; none where nobody looks."""
    task = asyncio.create_task(_show(progress)) if sys.stderr.isatty() else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def last_line(rows: int, progress: Progress, began: float, level: str) -> str:
    """What was done: rows, blocks, seconds, level."""
    return f"{rows:,} rows, {progress.blocks:,} blocks, {time.monotonic() - began:.1f} s, level {level}"


async def _show(progress: Progress) -> None:
    await asyncio.sleep(PATIENCE_S)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("blocks"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("blocks", total=progress.head - progress.first + 1)
        while True:
            bar.update(task, completed=progress.blocks, total=max(progress.head, progress.block) - progress.first + 1)
            await asyncio.sleep(LOOK_EVERY_S)
