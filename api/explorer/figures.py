"""Figures over time: questions for hours, days and rankings come in, pages of what happened in them go out."""

from typing import Annotated, Any, Literal

from litestar import get
from litestar.openapi.spec.enums import OpenAPIFormat
from litestar.params import QueryParameter
from msgspec import Struct

from api.explorer.forms import second_of
from api.explorer.parameters import LIST_FAULTS, AsOf, Cursor, Limit, NodeStateFilter
from api.explorer.reading import Reader
from api.explorer.shapes import PageOut
from api.given import Given
from api.rendering import Time, Wei, render
from indexer.explorer.leaders import By, LeaderRow, Leading, Period
from indexer.explorer.periods import PeriodRow, Span, Unit
from indexer.explorer.rows import NodeState

From = Annotated[
    str | None,
    QueryParameter(name="from", format=OpenAPIFormat.DATE_TIME, description="Periods that begin at this time or later"),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", format=OpenAPIFormat.DATE_TIME, description="Periods that begin at this time or earlier"),
]
ByAge = Annotated[Literal["newest", "oldest"], QueryParameter(name="sort")]
PeriodFilter = Annotated[Period, QueryParameter(description="How long before the newest block the period begins")]
Ranking = Annotated[By, QueryParameter(name="sort", description="By what, the largest first")]


class PeriodOut(Struct, frozen=True):
    """An hour or a day from `start` on, UTC, and what happened in it, each thing at its own time.

    Tokens and seconds are those of published receipts; medians are null where there is none.
    """

    start: Time
    requested: int
    answered: int
    settled: int
    returned: int
    earned: Wei
    prompt_tokens: int
    completion_tokens: int
    inference_s_median: float | None
    gas_used_median: int | None


class LeaderOut(Struct, frozen=True):
    """A node's work in a period. `place` is its rank by earnings, whatever the list is sorted by.

    `settled_share` is the part of the answers given in the period that was paid; what is unproven raises nothing.
    """

    place: int
    address: str
    state: NodeState
    earned: Wei
    settled: int
    completed: int
    unproven: int
    settled_share: float | None
    completion_tokens: int
    tokens_per_s: float | None


@get("/stats/hourly", operation_id="listHours", summary="What happened in each hour", responses=LIST_FAULTS)
async def hours(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
) -> PageOut[PeriodOut]:
    return await _periods(reader, span_of("hour", since, until, sort), limit, cursor, as_of)


@get("/stats/daily", operation_id="listDays", summary="What happened on each day", responses=LIST_FAULTS)
async def days(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
) -> PageOut[PeriodOut]:
    return await _periods(reader, span_of("day", since, until, sort), limit, cursor, as_of)


@get(
    "/leaderboard",
    operation_id="listLeaders",
    summary="Nodes by what they earned in a period",
    description="Over all time every node has a place; in a period, those that answered or were paid in it.",
    responses=LIST_FAULTS,
)
async def leaders(
    reader: Given[Reader],
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
    period: PeriodFilter = "all",
    sort: Ranking = "earned",
    in_state: NodeStateFilter = None,
) -> PageOut[LeaderOut]:
    asked = Leading(period, sort, in_state)
    return await reader.page(
        "leaderboard",
        lambda queries, after, count: queries.leaders(asked, after, count),
        leader_out,
        asked,
        limit,
        cursor,
        as_of,
    )


def span_of(unit: Unit, since: str | None, until: str | None, sort: str) -> Span:
    """Raises BadParameter."""
    begin, end = second_of("from", since, is_least=True), second_of("to", until, is_least=False)
    return Span(unit, begin, None if end is None else end + 1, sort == "newest")


async def _periods(
    reader: Reader, span: Span, limit: int | None, cursor: str | None, as_of: str | None
) -> PageOut[PeriodOut]:
    return await reader.page(
        "periods",
        lambda queries, after, count: queries.periods(span, after, count),
        period_out,
        span,
        limit,
        cursor,
        as_of,
    )


def period_out(row: PeriodRow) -> PeriodOut:
    return render(row, PeriodOut)


def leader_out(row: LeaderRow) -> LeaderOut:
    return render(row, LeaderOut)


HANDLERS: list[Any] = [hours, days, leaders]
