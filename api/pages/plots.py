"""Charts as SVG: points come in, shapes and the words beside them come out, so that a page draws without script."""

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from api.pages.showing import DAY_S, clock, day, rough

HEIGHT, LEFT, BOTTOM, TOP = 180, 44, 22, 8
WIDE, NARROW = 640, 380
"""Widths of a chart that has the page's main column, or half of it, for itself."""
GRID_LINES = 4
LABELS = 5
BAR_SHARE = 0.72
CLOCK_UP_TO_S = 2 * DAY_S

Point = tuple[float, float]
"""A moment in Unix seconds, and the value then."""
Named = tuple[str, float]


class Tick(Struct, frozen=True):
    """A label at a place of an axis."""

    at: float
    label: str


class Bar(Struct, frozen=True):
    x: float
    y: float
    width: float
    height: float
    label: str
    value: float


class Plot(Struct, frozen=True):
    """What a template draws. `values` are what is drawn, by name, for those who can not see it."""

    title: str
    unit: str
    values: tuple[Named, ...]
    line: str = ""
    area: str = ""
    bars: tuple[Bar, ...] = ()
    rows: tuple[Tick, ...] = ()
    columns: tuple[Tick, ...] = ()
    width: int = WIDE
    height: int = HEIGHT
    left: int = LEFT
    base: float = HEIGHT - BOTTOM


def line_plot(title: str, unit: str, points: Sequence[Point], top: float | None = None, width: int = WIDE) -> Plot:
    """Values over time, by straight lines."""
    highest = round_up(max((value for _, value in points), default=0.0)) if top is None else top
    first, last = (points[0][0], points[-1][0]) if points else (0.0, 1.0)
    named, base = _named(points), HEIGHT - BOTTOM
    places = [(_x(when, first, last, width), _y(value, highest)) for when, value in points]
    line = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in places) if places else ""
    area = f"{line} L{places[-1][0]:.1f} {base} L{places[0][0]:.1f} {base} Z" if places else ""
    columns = _columns([(x, label) for (x, _), (label, _) in zip(places, named, strict=True)])
    return Plot(title, unit, named, line, area, (), _rows(highest), columns, width)


def time_bars(title: str, unit: str, points: Sequence[Point], width: int = WIDE) -> Plot:
    """One bar for each period, in the order given."""
    return bar_plot(title, unit, _named(points), width)


def bar_plot(title: str, unit: str, named: Sequence[Named], width: int = WIDE) -> Plot:
    """One bar for each name, in the order given."""
    highest = round_up(max((value for _, value in named), default=0.0))
    step = (width - LEFT) / max(1, len(named))
    bars = tuple(_bar(LEFT + i * step, step, label, value, highest) for i, (label, value) in enumerate(named))
    columns = _columns([(bar.x + bar.width / 2, bar.label) for bar in bars])
    return Plot(title, unit, tuple(named), bars=bars, rows=_rows(highest), columns=columns, width=width)


def round_up(value: float) -> float:
    """To a number that divides well: 1, 2, 4, 6, 8 or 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * 0.999_999)


def _named(points: Sequence[Point]) -> tuple[Named, ...]:
    """By the time of day, or by the day where there are several or all are days."""
    span = points[-1][0] - points[0][0] if points else 0.0
    name: Callable[[float], str] = (
        clock if abs(span) <= CLOCK_UP_TO_S and any(when % DAY_S for when, _ in points) else day
    )
    return tuple((name(when), value) for when, value in points)


def _bar(x: float, step: float, label: str, value: float, highest: float) -> Bar:
    y = _y(value, highest)
    return Bar(x + step * (1 - BAR_SHARE) / 2, y, step * BAR_SHARE, HEIGHT - BOTTOM - y, label, value)


def _x(when: float, first: float, last: float, width: int) -> float:
    return LEFT + (width - LEFT) * ((when - first) / (last - first) if last > first else 0.5)


def _y(value: float, highest: float) -> float:
    return TOP + (HEIGHT - BOTTOM - TOP) * (1 - min(1.0, max(0.0, value) / highest if highest else 0.0))


def _rows(highest: float) -> tuple[Tick, ...]:
    values = [highest * i / GRID_LINES for i in range(GRID_LINES + 1)]
    return tuple(Tick(_y(value, highest), rough(value)) for value in values)


def _columns(places: Sequence[tuple[float, str]]) -> tuple[Tick, ...]:
    """A few of them, evenly apart."""
    step = max(1, math.ceil(len(places) / LABELS))
    return tuple(Tick(x, label) for x, label in places[::step])
