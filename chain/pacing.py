"""Answers and refusals go in, how much to ask for next comes out: more by steps, less by halves (AIMD).

One rule for all that a provider may find too much: blocks in a range, calls in a batch, requests at once.
"""

from msgspec import Struct
from msgspec.structs import replace


class Pace(Struct, frozen=True):
    """How much is asked for `now`, never less than `least` nor more than `most`."""

    least: int
    most: int
    now: int
    step: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.now <= self.most or self.step < 1:
            raise ValueError(f"{self.now} by {self.step}, between {self.least} and {self.most}, is no pace: order them")

    @property
    def is_least(self) -> bool:
        return self.now == self.least

    def grown(self) -> "Pace":
        """After an answer: one step more."""
        return replace(self, now=min(self.most, self.now + self.step))

    def shrunk(self, suggested: int | None = None, asked: int | None = None, is_lasting: bool = False) -> "Pace":
        """After a refusal of `asked` (what is asked now, if not told): what was suggested, or half.

        A suggestion that is no less than what was refused helps nobody. A lasting one is not tried to exceed again.
        """
        refused = self.now if asked is None else asked
        if suggested is None or not 0 < suggested < refused:
            suggested, is_lasting = refused // 2, False
        fitting = max(self.least, suggested)
        return replace(self, now=min(self.now, fitting), most=min(self.most, fitting) if is_lasting else self.most)
