"""The habits of our own JSON: a stored row comes in, the struct that clients read comes out.

Wei become decimal text, Unix times ISO 8601 in UTC: the annotation of a field in the outgoing struct says which.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from msgspec import Meta, Struct

Out = TypeVar("Out", bound=Struct)
Step = Callable[[Any], Any]


class As(Struct, frozen=True):
    """Mark of an annotation: how the stored value becomes the one shown."""

    step: Step


LAST_S = 253_402_300_799  # the end of the year 9999: the chain takes later deadlines, ISO 8601 does not


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
    steps = _steps(type(row), kind)
    shown = {name: _apply(step, getattr(row, name)) for name, step in steps.items() if name not in given}
    return kind(**shown, **given)


def _apply(step: Step | None, value: Any) -> Any:
    return value if step is None or value is None else step(value)


@cache
def _steps(source: type[Struct], kind: type[Struct]) -> dict[str, Step | None]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: _step(hints[name]) for name in kind.__struct_fields__ if name in source.__struct_fields__}


def _step(hint: Any) -> Step | None:
    marks = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, As)]
    if marks:
        return marks[0].step
    nested = [step for part in get_args(hint) if (step := _step(part)) is not None]
    return nested[0] if nested else None
