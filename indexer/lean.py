"""What an indexing process does without: modules that DuckDB would load unasked, and looking for garbage all the time.

It belongs to the process, not to a room: the commands that only index and serve say so when they begin.
"""

import gc
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

COLLECTOR = (100_000, 50, 50)
"""Facts and rows make no cycles, and come by the million: at 700, the usual, a fifth of the time went into looking."""

NOT_NEEDED = frozenset({"pandas", "pyarrow.dataset"})
"""DuckDB loads both to ask whether it was given one of theirs: 40 and 16 MB."""


class _Absent(MetaPathFinder):
    """Answers that there are no such modules, which DuckDB and pyarrow take for an answer."""

    def find_spec(self, name: str, _: Sequence[str] | None = None, __: ModuleType | None = None) -> ModuleSpec | None:
        if name in NOT_NEEDED:
            raise ModuleNotFoundError(f"{name} is not loaded here: this process only indexes and serves", name=name)
        return None


def be_lean() -> None:
    """To be called before anything is indexed. Harmless when called twice or too late."""
    gc.set_threshold(*COLLECTOR)
    if not any(isinstance(finder, _Absent) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Absent())
