"""Charts of the network's hours or days: periods of the index come in, one picture for each figure goes out."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated

from litestar import Response, get
from litestar.params import QueryParameter
from msgspec import Struct

from api.given import Given
from api.pages.listing import tabs
from api.pages.plots import Plot, Point, time_bars
from api.pages.site import Site
from indexer.explorer.explorer import Explorer
from indexer.explorer.periods import SECONDS, PeriodRow, Span, Unit

PerField = Annotated[Unit, QueryParameter(name="per")]

PERIODS: dict[Unit, int] = {"hour": 48, "day": 60}
LABELS = {"hour": "By hour", "day": "By day"}
WEI_IN_GWEI = 10**9


class Figure(Struct, frozen=True):
    """What is drawn of each period; without a value there is no bar."""

    title: str
    unit: str
    of: Callable[[PeriodRow], float | None]


FIGURES = (
    Figure("Jobs ordered", "", lambda each: each.requested),
    Figure("Jobs paid", "", lambda each: each.settled),
    Figure("Paid to workers", "gwei", lambda each: each.earned / WEI_IN_GWEI),
    Figure("Tokens answered", "", lambda each: each.completion_tokens),
    Figure("Inference, median", "s", lambda each: each.inference_s_median),
    Figure("Gas of a settlement, median", "", lambda each: each.gas_used_median),
)


@get("/charts")
async def charts(site: Given[Site], explorer: Given[Explorer], per: PerField = "hour") -> Response[str]:
    found = await asyncio.to_thread(explorer.queries.periods, Span(per), None, PERIODS[per])
    return site.page(
        "charts.html",
        here="/charts",
        units=tabs("/charts", "per", LABELS, per, {}),
        per=per,
        plots=plots_of(found.rows, per),
    )


def plots_of(rows: Sequence[PeriodRow], unit: Unit) -> list[Plot]:
    """Of the newest periods; those in which nothing happened have their place, without a bar."""
    if not rows:
        return []
    step, known = SECONDS[unit], {each.start: each for each in rows}
    last = max(known)
    first = max(min(known), last - step * (PERIODS[unit] - 1))
    periods = [(start, known.get(start)) for start in range(first, last + 1, step)]
    return [time_bars(each.title, each.unit, _points(each, periods)) for each in FIGURES]


def _points(figure: Figure, periods: Sequence[tuple[int, PeriodRow | None]]) -> list[Point]:
    """Up to the last period that has a value, which is told beside the chart."""
    valued = [(start, figure.of(row) if row else None) for start, row in periods]
    while valued and valued[-1][1] is None:
        valued.pop()
    return [(start, value or 0.0) for start, value in valued]
