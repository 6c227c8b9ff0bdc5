"""SQL as a page: a query comes in with the URL, its rows go out as a table, and as a chart where they make one."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.params import QueryParameter
from msgspec import Struct

from api.given import Given
from api.pages.plots import Plot
from api.pages.results import Result, chart_of, result_of
from api.pages.site import Site
from api.problems import status_of
from api.service.refusals import Refusal
from api.sql.door import Key, SqlDoor, SqlOff
from api.sql.formats import TableOut
from api.sql.wire import Format

ROWS_SHOWN = 500

QueryField = Annotated[str, QueryParameter(name="q")]


class Example(Struct, frozen=True):
    title: str
    query: str


EXAMPLES = (
    Example("Jobs paid by hour", "SELECT hour, settled FROM hourly_stats ORDER BY hour"),
    Example("Ether earned by day", "SELECT day, earned / 1e18 AS eth FROM daily_stats ORDER BY day"),
    Example(
        "Who earns", "SELECT address, earned / 1e18 AS eth, settled, tokens_per_s\nFROM leaderboard ORDER BY place"
    ),
    Example(
        "How long workers take, by model",
        "SELECT model_id, count(*) AS jobs, median(epoch(completed_at - started_at)) AS seconds\n"
        "FROM receipts WHERE state = 'verified' GROUP BY model_id ORDER BY jobs DESC",
    ),
    Example(
        "What a thousand tokens cost in the end",
        "SELECT model_id, sum(amount) / sum(prompt_tokens + completion_tokens) * 1000 / 1e9 AS gwei\n"
        "FROM receipts WHERE completion_tokens IS NOT NULL GROUP BY model_id ORDER BY gwei",
    ),
    Example(
        "The dearest jobs",
        "SELECT job_id, model_id, worker, amount FROM jobs\nORDER BY amount DESC NULLS LAST LIMIT 20",
    ),
    Example("Events by name", "SELECT name, count(*) AS events FROM events GROUP BY name ORDER BY events DESC"),
)


@get("/sql")
async def sql(
    request: Request[Any, Any, Any], site: Given[Site], sql: Given[SqlDoor | None], asked: QueryField = ""
) -> Response[str]:
    text, fault, result = asked.strip(), None, None
    if text:
        try:
            result = await _asked(sql, text, request.client.host if request.client else "")
        except Refusal as refusal:
            fault = refusal
    return site.page(
        "sql.html",
        here="/sql",
        status=200 if fault is None else status_of(fault),
        query=text,
        examples=EXAMPLES,
        limits=sql.settings if sql else None,
        rows_shown=ROWS_SHOWN,
        origin=str(request.base_url).rstrip("/"),
        fault=fault,
        result=result,
        plot=_plot(result),
    )


async def _asked(sql: SqlDoor | None, text: str, client: str) -> Result:
    """Raises what the door declines."""
    if sql is None:
        raise SqlOff("SQL is switched off here")
    sql.check_length(text)
    reply = await sql.answer(Key(text, Format.JSON, ROWS_SHOWN), client)
    return result_of(msgspec.json.decode(reply.body, type=TableOut), reply.ms)


def _plot(result: Result | None) -> Plot | None:
    return chart_of(result) if result else None
