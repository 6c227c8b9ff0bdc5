"""Tables of any contract's events come in, a Litestar application that lists them goes out.

`GET /events/v1/events?name=Transfer&arg.to=0x..&from_block=1` newest first, `/events/v1/tables` and `/integrity` beside
it, `/health`, `/ready`, `/metrics`. Filters are equalities; an argument's bears its column's name behind `arg.`.
"""

import asyncio
import time
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from msgspec import Struct

from api.figures import PROMETHEUS, page
from api.given import Given
from api.problems import HANDLERS, documented
from api.readiness import CATCH_UP_S, ReadyOut, behind
from api.service.ports import Indexing
from api.service.refusals import Invalid
from indexer.events import EventFilter, EventQueries, FoundEvent, UnknownEvent
from indexer.events.queries import LIMIT, LIMIT_MAX

ARGUMENT = "arg."
WORDS, NUMBERS = ("name", "contract", "tx_hash"), ("block", "from_block", "to_block")
NUMBER_MAX = 2**63 - 1
LOOK_S = 0.05


class BadFilter(Invalid):
    """The question names what the tables do not have."""

    remedy = "GET /events/v1/tables lists events with their columns; numbers are decimal, from 0 on."


class EventOut(Struct, frozen=True):
    """`args` is null for a log that the ABI does not describe; that one has `topics` and `data`."""

    block: int
    log_index: int
    tx_hash: str
    contract: str
    name: str | None
    args: msgspec.Raw | None
    topics: list[str] | None
    data: str | None
    is_final: bool


class PageOut(Struct, frozen=True):
    """`next` is the `cursor` of the page after this, null at the end."""

    data: list[EventOut]
    next: str | None
    head: int
    final: int


class ColumnOut(Struct, frozen=True):
    name: str
    type: str
    comment: str


class TableOut(Struct, frozen=True):
    event: str
    table: str
    columns: list[ColumnOut]


class HealthOut(Struct, frozen=True):
    status: str
    head: int
    final: int


@get("/events/v1/events", operation_id="listEvents", summary="Events, newest first")
async def events(queries: Given[EventQueries], request: Request[Any, Any, Any]) -> PageOut:
    where, after, limit = read_question(dict(request.query_params))
    try:
        found = await asyncio.to_thread(queries.events, where, after, limit)
    except UnknownEvent as fault:
        raise BadFilter(str(fault)) from None
    head = await asyncio.to_thread(queries.head)
    following = f"{found.next[0]}-{found.next[1]}" if found.next else None
    return PageOut([_shown(each) for each in found.events], following, head.number, head.final)


@get("/events/v1/tables", operation_id="listTables", summary="Kinds of events, with their columns")
async def tables(queries: Given[EventQueries]) -> list[TableOut]:
    return [
        TableOut(
            each.event, each.table, [ColumnOut(field.name, field.kind.sql, field.comment) for field in each.fields]
        )
        for each in queries.layouts
    ]


@get("/events/v1/integrity", operation_id="listIntegrity", summary="What was checked, newest range first")
async def integrity(queries: Given[EventQueries]) -> list[dict[str, Any]]:
    return await asyncio.to_thread(queries.integrity)


@get("/health", operation_id="getHealth", summary="Alive, and how far the tables are")
async def health(queries: Given[EventQueries]) -> HealthOut:
    head = await asyncio.to_thread(queries.head)
    return HealthOut("ok", head.number, head.final)


@get(
    "/ready",
    operation_id="getReady",
    summary="Whether the tables are at the chain's head",
    responses=documented(s503="They are behind it, or it is not known yet"),
)
async def ready(indexing: Given[Indexing]) -> ReadyOut:
    deadline = time.monotonic() + CATCH_UP_S
    while True:
        now = await asyncio.to_thread(indexing.figures)
        if now.head is not None and not now.lag_blocks:
            return ReadyOut(True, now.indexed, now.final, now.head, 0)
        if time.monotonic() > deadline:
            raise behind(now.head, now.indexed, now)
        await asyncio.sleep(LOOK_S)


@get("/metrics", operation_id="getMetrics", summary="Figures for Prometheus", media_type="text/plain")
async def metrics(indexing: Given[Indexing]) -> Response[bytes]:
    return Response(page(await asyncio.to_thread(indexing.figures)), media_type=PROMETHEUS)


def create_events_app(queries: EventQueries, indexing: Indexing) -> Litestar:
    return Litestar(
        [events, tables, integrity, health, ready, metrics],
        dependencies={
            "queries": Provide(lambda: queries, sync_to_thread=False),
            "indexing": Provide(lambda: indexing, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        openapi_config=OpenAPIConfig(title="Events", version="1", path="/openapi"),
        logging_config=None,
    )


def read_question(given: dict[str, str]) -> tuple[EventFilter, tuple[int, int] | None, int]:
    """The filter, the place to go on from, and how many. Raises BadFilter."""
    arguments = {name[len(ARGUMENT) :]: value for name, value in given.items() if name.startswith(ARGUMENT)}
    for name in given:
        if name not in (*WORDS, *NUMBERS, "cursor", "limit") and not name.startswith(ARGUMENT):
            raise BadFilter(f"there is no parameter {name!r}: arguments of events are asked for as {ARGUMENT}{name}")
    filters: dict[str, Any] = {name: _number(name, given[name]) for name in NUMBERS if name in given}
    filters |= {name: given[name] for name in WORDS if name in given}
    limit = min(_number("limit", given["limit"]), LIMIT_MAX) if "limit" in given else LIMIT
    return EventFilter(**filters, arguments=arguments), _place(given.get("cursor")), limit


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= NUMBER_MAX):
        raise BadFilter(f"{name} is {text[:80]!r}, not a number from 0 on")
    return int(text)


def _place(cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    block, dash, log_index = cursor.partition("-")
    if not dash:
        raise BadFilter(f"cursor {cursor[:80]!r} is none of ours: take it from `next` of a page, unchanged")
    return _number("cursor", block), _number("cursor", log_index)


def _shown(found: FoundEvent) -> EventOut:
    return EventOut(
        block=found.block,
        log_index=found.log_index,
        tx_hash=found.tx_hash,
        contract=found.contract,
        name=found.name,
        args=None if found.args is None else msgspec.Raw(found.args.encode()),
        topics=found.topics,
        data=found.data,
        is_final=found.is_final,
    )
