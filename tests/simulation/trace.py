"""What happens comes in line by line; one digest that is the same whenever the seed is, and the lines, come out."""

import hashlib
from collections.abc import Callable


class Trace:
    """Numbers each line and says when it happened."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.lines: list[str] = []
        self._now = now

    def tell(self, what: str) -> None:
        self.lines.append(f"{len(self.lines):5} {self._now():10.3f} s  {what}")

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:16]
