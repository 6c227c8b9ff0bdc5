"""Seeds go in, each one's fate comes out as it is known: lived through in as many processes as there are cores."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from msgspec import Struct

from tests.simulation.plan import plan
from tests.simulation.world import Failed, Worlds

PIECE = 10
"""Seeds given to a process at a time."""

_worlds: Worlds | None = None


class Fate(Struct, frozen=True):
    """`fault` is what was wrong, None for a world that was lived through well."""

    seed: int
    trace: str
    fault: str | None = None


def live_all(seeds: Iterable[int], processes: int | None = None) -> Iterator[Fate]:
    """The fates in the order of the seeds."""
    processes = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin) as pool:
        yield from pool.map(_live, seeds, chunksize=PIECE)


def _begin() -> None:
    global _worlds
    _worlds = Worlds().__enter__()


def _live(seed: int) -> Fate:
    assert _worlds is not None
    try:
        return Fate(seed, _worlds.live(plan(seed)).trace)
    except Failed as fault:
        return Fate(seed, "", str(fault))
