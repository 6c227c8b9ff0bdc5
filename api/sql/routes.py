"""/explorer/v1/sql: a query comes in by POST or in the URL, its answer goes out as JSON, CSV or an Arrow stream."""

import asyncio
from typing import Annotated, Any

from litestar import Request, Response, Router, get, post, route
from litestar.enums import HttpMethod
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.given import Given
from api.problems import documented
from api.sql.door import Key, SqlDoor, SqlOff
from api.sql.formats import TableOut
from api.sql.wire import Format, Reply

MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}
ROWS_MAX = 1_000_000
DESCRIPTION = (
    "One SELECT in DuckDB's SQL over the tables of /explorer/v1/dictionary. The answer is cut after so many rows, and "
    "says so (`truncated`, `Tally-Truncated`); a query that takes too long or too much memory is ended. "
    "`Accept` chooses the format where `format` does not. HUGEINT and other wide integers are decimal text in JSON."
)
FAULTS = documented(
    s400="The statement may not be asked, or can not be answered, or takes too long or too much",
    s429="Too many queries run at once",
    s503="The process that answers SQL is not there, or switched off",
)

Text = Annotated[str, Meta(min_length=1, description="One SELECT in DuckDB's SQL")]
Rows = Annotated[int, Meta(ge=1, le=ROWS_MAX, description="The most rows wanted; the server has a limit of its own")]


class SqlIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A query, and how its answer should look."""

    query: Text
    format: Format | None = None
    rows: Rows | None = None


def _answers() -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(TableOut, description="The rows", generate_examples=False), **FAULTS}


@post(
    "/sql",
    operation_id="askSql",
    summary="Asks with SQL",
    description=DESCRIPTION,
    responses=_answers(),
    status_code=200,
)
async def ask_sql(
    data: JSONBody[SqlIn], request: Request[Any, Any, Any], sql: Given[SqlDoor | None]
) -> Response[bytes]:
    return await _answered(request, sql, data.query, data.format, data.rows)


@get(
    "/sql",
    operation_id="getSql",
    summary="Asks with SQL, in a URL that can be kept",
    description=DESCRIPTION,
    responses=_answers(),
)
async def get_sql(
    request: Request[Any, Any, Any],
    sql: Given[SqlDoor | None],
    q: Annotated[str, QueryParameter(min_length=1, description="One SELECT in DuckDB's SQL")],
    format: Annotated[Format | None, QueryParameter(description="Else what `Accept` names")] = None,
    rows: Annotated[int | None, QueryParameter(ge=1, le=ROWS_MAX, description="The most rows wanted")] = None,
) -> Response[bytes]:
    return await _answered(request, sql, q, format, rows)


@route("/sql", http_method=HttpMethod.OPTIONS, include_in_schema=False, sync_to_thread=False)
def sql_options() -> Response[None]:
    """Litestar's own answer names the methods of one handler only."""
    return Response(None, status_code=204, headers={"Allow": "GET, OPTIONS, POST"})


async def _answered(
    request: Request[Any, Any, Any], sql: SqlDoor | None, text: str, form: Format | None, rows: int | None
) -> Response[bytes]:
    if sql is None:
        raise SqlOff("SQL is switched off here")
    sql.check_length(text)
    chosen = form or _accepted(request.headers.get("accept", ""))
    key = Key(text, chosen, min(rows or sql.settings.rows_max, sql.settings.rows_max))
    reply = sql.known(key) or await _while_connected(request, sql, key)
    if reply is None:
        return Response(b"", status_code=204)  # nobody reads it
    return Response(reply.body, media_type=MEDIA_TYPES[chosen], headers=_told(reply))


async def _while_connected(request: Request[Any, Any, Any], sql: SqlDoor, key: Key) -> Reply | None:
    """The answer, or none for a client that hung up meanwhile: its query is stopped."""
    client = request.client.host if request.client else ""
    asking = asyncio.ensure_future(sql.answer(key, client))
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((asking, gone), return_when=asyncio.FIRST_COMPLETED)
        return await asking if asking.done() else None
    finally:
        for each in (asking, gone):
            each.cancel()
        await asyncio.gather(asking, gone, return_exceptions=True)


async def _disconnected(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _accepted(accept: str) -> Format:
    wanted = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for form, kind in MEDIA_TYPES.items():
        if kind.split(";")[0] in wanted:
            return form
    return Format.JSON


def _told(reply: Reply) -> dict[str, str]:
    now = reply.standing
    return {
        "Tally-Head": f"{now.head} {now.head_hash}",
        "Tally-Finality": f"{now.final} {now.final_hash}",
        "Tally-Rows": str(reply.rows),
        "Tally-Truncated": "true" if reply.is_cut else "false",
        "Server-Timing": f"query;dur={reply.ms}",
        "Cache-Control": "no-cache",
    }


router = Router("/explorer/v1", route_handlers=[sql_options, ask_sql, get_sql], tags=["explorer"])
