"""What the indexer's stages did comes in; how long each was busy and what was counted comes out, for the metrics.

A stage is busy while anyone is in it, however many at once, so that no stage is ever busier than the clock. What runs
ahead of need is counted where it is waited for: a stage that others outrun is idle, and the busiest holds all back.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal, get_args

Stage = Literal["waiting", "fetching", "checking", "decoding", "storing"]
"""In the order of the datum's walk. Waiting: level with the chain's head, or told by a provider to come back later."""

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)

NEARLY_AS_BUSY: Final = 0.9
"""Of stages as busy as this share of the busiest, the last one is what holds back those before it."""


class Effort:
    """One for a whole indexer; may be used from several threads at once."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._inside: Counter[Stage] = Counter()
        self._since: dict[Stage, float] = {}
        self._spent = dict.fromkeys(STAGES, 0.0)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._noted: dict[str, int] = {}

    @contextmanager
    def on(self, stage: Stage) -> Iterator[None]:
        """The stage is busy for as long as the block lasts."""
        self._enter(stage)
        try:
            yield
        finally:
            self._leave(stage)

    def count(self, what: str, kind: str = "", many: int = 1) -> None:
        """So many more of `what`, of one kind: `count("provider_errors", "429")`, `count("logs", many=812)`."""
        with self._lock:
            self._counts[what, kind] += many

    def note(self, what: str, value: int) -> None:
        """What stands now, in place of what stood before: `note("head", 812)`."""
        self._noted[what] = value

    def noted(self, what: str) -> int | None:
        return self._noted.get(what)

    def seconds(self) -> dict[Stage, float]:
        """How long each stage was busy until now."""
        with self._lock:
            now = self._clock()
            return {stage: spent + now - self._since.get(stage, now) for stage, spent in self._spent.items()}

    def counted(self, what: str) -> dict[str, int]:
        """How many of `what` by kind, under "" those without one."""
        with self._lock:
            return {kind: many for (name, kind), many in self._counts.items() if name == what}

    def _enter(self, stage: Stage) -> None:
        with self._lock:
            self._inside[stage] += 1
            if self._inside[stage] == 1:
                self._since[stage] = self._clock()

    def _leave(self, stage: Stage) -> None:
        with self._lock:
            self._inside[stage] -= 1
            if not self._inside[stage]:
                self._spent[stage] += self._clock() - self._since.pop(stage)


def bottleneck(seconds: Mapping[Stage, float]) -> Stage:
    """The stage that holds the others back, by how long each was busy in the same stretch of time."""
    busiest = max(seconds.values(), default=0.0)
    nearly = [stage for stage in STAGES if seconds.get(stage, 0.0) >= busiest * NEARLY_AS_BUSY]
    return nearly[-1] if busiest else STAGES[0]
