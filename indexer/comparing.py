"""Two indexes of one chain come in as digests by block, different at the end; from which block on they are goes out."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from msgspec import Struct


class Seen(Struct, frozen=True):
    """What an index holds after block `number`: a digest of all tables, and of each by name."""

    number: int
    digest: str
    tables: dict[str, str]


Look = Callable[[int], Seen | None]
"""The newest digest that the other has of a block up to this one; None if it has none so far down."""


class Found(Struct, frozen=True):
    """They differ in `tables` after block `differs`, and agree after block `agrees` (None: nowhere as far as known).

    `is_exact` when nothing happened between the two that could hide the first difference.
    """

    differs: int
    agrees: int | None
    tables: tuple[str, ...]
    is_exact: bool


def first_difference(ours: Sequence[Seen], theirs: Look, differs: Seen) -> Found:
    """Halves the blocks until none is left between one that agrees and one that does not.

    `ours` is every block with anything of ours, oldest first; `differs` is what they have after one that differs.
    """
    numbers = [each.number for each in ours]

    def held_at(number: int) -> Seen | None:
        index = bisect_right(numbers, number)
        return ours[index - 1] if index else None

    low, high, agrees = -1, differs, None
    while high.number - low > 1:
        middle = (low + high.number) // 2
        there = theirs(middle)
        if there is None or there.number <= low:
            low = middle
            continue
        here = held_at(there.number)
        if here and here.digest == there.digest:
            low, agrees = middle, there.number
        else:
            high = there
    between = [number for number in numbers if (-1 if agrees is None else agrees) < number < high.number]
    here = held_at(high.number)
    tables = tuple(name for name, value in high.tables.items() if here is None or here.tables.get(name) != value)
    return Found(high.number, agrees, tables, not between)
