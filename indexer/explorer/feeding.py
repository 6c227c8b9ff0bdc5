"""Batches come in, all but the last are folded and written: three stages side by side, so that both cores have work.

While one batch is folded here, the next is read from the ledger and the one before is written by threads that need
the interpreter little: SQLite, zlib and DuckDB work without it. Nothing else is ahead, which bounds the memory.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from .batches import Batch
from .projecting import Folded


def feed(batches: Iterator[Batch], fold: Callable[[Batch], Folded], commit: Callable[[Folded], object]) -> Batch | None:
    """Takes in every batch but the last, which it returns; a single one costs no thread."""
    batch = next(batches, None)
    following = next(batches, None) if batch else None
    if batch is None or following is None:
        return batch
    with ThreadPoolExecutor(2, "feeding") as threads:
        writing: Future[object] | None = None
        while following is not None:
            reading = threads.submit(next, batches, None)
            folded = fold(batch)
            if writing:
                writing.result()
            writing = threads.submit(commit, folded)
            batch, following = following, reading.result()
        if writing:
            writing.result()
    return batch
