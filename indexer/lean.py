"""What an indexing process does without: DuckDB and pyarrow load pandas, 40 MB, wherever it happens to be installed."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Absent(MetaPathFinder):
    """Answers that there is no pandas, which both take for an answer."""

    def find_spec(self, name: str, _: Sequence[str] | None = None, __: ModuleType | None = None) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not loaded here: this process reads no data frames", name=name)
        return None


def without_data_frames() -> None:
    """To be called first by a process that only indexes and serves. Harmless when called twice or too late."""
    if "pandas" not in sys.modules and not any(isinstance(finder, _Absent) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Absent())
