"""The habits of our own JSON: a stored row comes in, the struct that clients read comes out.

Wei become decimal text, Unix times ISO 8601 in UTC: the annotation of a field in the outgoing struct says which.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from msgspec import Meta, Struct

Out = TypeVar("Out", bound=Struct)
Step = Callable[[Any], Any]


class As(Struct, frozen=True):
    """Mark of an annotation: how the stored value becomes the one shown."""

    step: Step


TIMES_KEPT = 1 << 14
"""A block's time stands in every row that it touched."""

LAST_S = 253_402_300_799  # the end of the year 9999: the chain takes later deadlines, ISO 8601 does not


@lru_cache(TIMES_KEPT)
def iso_of_s(unix_s: int) -> str:
    unix_s = min(unix_s, LAST_S)
    return datetime.fromtimestamp(unix_s, UTC).isoformat().replace("+00:00", "Z")


def iso_of_ms(unix_ms: int) -> str:
    moment = datetime.fromtimestamp(min(unix_ms / 1000, LAST_S), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Wei = Annotated[str, Meta(pattern="^[0-9]+$", description="wei, as decimal text"), As(str)]
Word = Annotated[str, Meta(pattern="^0x[0-9a-f]{64}$")]
Time = Annotated[str, Meta(description="ISO 8601, UTC", extra_json_schema={"format": "date-time"}), As(iso_of_s)]
TimeMs = Annotated[str, Meta(description="ISO 8601, UTC", extra_json_schema={"format": "date-time"}), As(iso_of_ms)]


def render(row: Struct, kind: type[Out], **given: Any) -> Out:
    """Builds `kind` from the fields of `row` that bear the same names, and from those given."""
    names, taken, steps = _plan(type(row), kind, frozenset(given))
    values = list(taken(row))
    for i, step in steps:
        if values[i] is not None:
            values[i] = step(values[i])
    return kind(**dict(zip(names, values, strict=True)), **given)


@cache
def _plan(
    source: type[Struct], kind: type[Struct], given: frozenset[str]
) -> tuple[tuple[str, ...], Callable[[Any], Sequence[Any]], tuple[tuple[int, Step], ...]]:
    """Which fields are taken over, how, and which of them are changed on the way."""
    hints = get_type_hints(kind, include_extras=True)
    names = tuple(name for name in kind.__struct_fields__ if name in source.__struct_fields__ and name not in given)
    steps = tuple((i, step) for i, name in enumerate(names) if (step := _step(hints[name])))
    return names, _taken(names), steps


def _taken(names: tuple[str, ...]) -> Callable[[Any], Sequence[Any]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda row: tuple(getattr(row, name) for name in names)


def _step(hint: Any) -> Step | None:
    marks = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, As)]
    if marks:
        return marks[0].step
    nested = [step for part in get_args(hint) if (step := _step(part)) is not None]
    return nested[0] if nested else None
