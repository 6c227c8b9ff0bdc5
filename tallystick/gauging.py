"""What indexing costs and how far it is come in; its figures go out: rate, lag, time left, and what holds it back."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Protocol

import psutil  # type: ignore[import-untyped]
from msgspec import Struct

from api.service.ports import IndexerFigures
from chain.effort import Effort, Stage, bottleneck
from indexer.explorer.rows import Head
from indexer.explorer.stats import Incidents

WINDOW_S = 10.0
SPACING_S = 1.0
"""Rates are over the time since the oldest look within the window; looks closer than this are not kept."""


class Queries(Protocol):
    def incidents(self) -> Incidents: ...


class Tables(Protocol):
    """What is indexed into: the explorer, or the tables of anyone's contract."""

    @property
    def queries(self) -> Queries: ...
    def head(self) -> Head: ...


class _Look(Struct, frozen=True):
    """How things stood at one moment."""

    at: float
    indexed: int
    lag: int
    seconds: dict[Stage, float]


class IndexerGauges:
    """Implements `api.service.ports.Indexing`."""

    def __init__(
        self,
        effort: Effort,
        tables: Tables,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._effort, self._tables, self._clock, self._wall = effort, tables, clock, wall
        self._process = psutil.Process()
        self._lock = Lock()
        self._looks: deque[_Look] = deque([self._look()])

    def figures(self) -> IndexerFigures:
        head, noted, incidents = self._tables.head(), self._effort.noted("head"), self._tables.queries.incidents()
        then, now = self._window()
        passed = max(now.at - then.at, 1e-9)
        caught_up = (then.lag - now.lag) / passed
        spent = {stage: spent - then.seconds[stage] for stage, spent in now.seconds.items()}
        return IndexerFigures(
            head=noted,
            indexed=head.number,
            final=head.final,
            lag_s=max(0.0, self._wall() - head.at) if now.lag and head.at else 0.0,
            eta_s=now.lag / caught_up if caught_up > 0 else (0.0 if not now.lag else None),
            blocks_per_s=max(0, now.indexed - then.indexed) / passed,
            busiest=bottleneck(spent),
            seconds={str(stage): spent for stage, spent in now.seconds.items()},
            provider_errors=self._effort.counted("provider_errors"),
            requests=self._count("requests"),
            retries=self._count("retries"),
            blocks=self._count("blocks"),
            logs=self._count("logs"),
            parked=incidents.parked,
            reorgs=incidents.reorgs,
            memory_bytes=self._process.memory_info().rss,
        )

    def _count(self, what: str) -> int:
        return sum(self._effort.counted(what).values())

    def _look(self) -> _Look:
        indexed = self._tables.head().number
        noted = self._effort.noted("head")
        return _Look(self._clock(), indexed, 0 if noted is None else max(0, noted - indexed), self._effort.seconds())

    def _window(self) -> tuple[_Look, _Look]:
        """The oldest look that still counts, and one of now."""
        with self._lock:
            now = self._look()
            while len(self._looks) > 1 and self._is_stale(now.at):
                self._looks.popleft()
            if now.at - self._looks[-1].at >= SPACING_S:
                self._looks.append(now)
            return self._looks[0], now

    def _is_stale(self, now: float) -> bool:
        """Whether the oldest look is out of the window, and the next one old enough to stand in for it."""
        return now - self._looks[0].at > WINDOW_S and now - self._looks[1].at >= SPACING_S
