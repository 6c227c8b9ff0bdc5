"""Batches come in and are folded and written, each step beside the others, so that both cores have work.

While one batch is folded here, the next is read from the ledger and the one before is written by threads that need
the interpreter little: SQLite, zlib and DuckDB work without it. Nothing else is ahead, which bounds the memory.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from .batches import Batch
from .projecting import Folded


def feed(batches: Iterator[Batch], fold: Callable[[Batch], Folded], commit: Callable[[Folded], object]) -> Batch | None:
    """Takes in all batches if there are several. One alone needs no threads: it is returned as it came."""
    batch = next(batches, None)
    following = next(batches, None) if batch else None
    if following is None:
        return batch
    with ThreadPoolExecutor(2, "feeding") as threads:
        reading: Future[Batch | None] | None = None
        writing: Future[object] | None = None
        while batch is not None:
            folded = fold(batch)
            if writing:
                writing.result()
            writing = threads.submit(commit, folded)
            del folded
            batch = reading.result() if reading else following
            following = None
            reading = threads.submit(next, batches, None)
        if writing:
            writing.result()
    return None
