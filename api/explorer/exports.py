"""/explorer/v1/export and /explorer/v1/snapshot.duckdb: lists, days of a table and the whole database, as files."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.openapi.datastructures import ResponseSpec

from api.explorer.asking import check_names, filter_of, read_query
from api.explorer.describing import TAKES
from api.explorer.downloads import Made, Shelf, sent
from api.explorer.forms import word_of
from api.explorer.parameters import TextPath
from api.given import Given
from api.problems import documented
from api.service.refusals import Absent
from api.service.suggesting import did_you_mean
from indexer.explorer import Queries
from indexer.explorer.explorer import Explorer
from indexer.explorer.exporting import Form, export
from indexer.explorer.filters import Where
from indexer.explorer.lists import BLOCKS_LIST, EVENTS_LIST, LISTINGS, Listing
from indexer.explorer.lists import Form as Value
from indexer.explorer.ordering import Order
from indexer.explorer.rows import Head

MEDIA_TYPES = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.NDJSON: "application/x-ndjson",
    Form.PARQUET: "application/vnd.apache.parquet",
}
DATABASE = "application/octet-stream"
ABOUT = (
    " It is written once for each head and then sent: its SHA-256 stands in `Repr-Digest` and `ETag`, the head it was "
    "taken at in `Tally-Head` (and in the metadata of Parquet), and a download that broke off goes on with `Range`."
)
ANSWERS = {
    200: ResponseSpec(bytes, description="The file", media_type="application/octet-stream", generate_examples=False),
    206: ResponseSpec(
        bytes, description="The bytes asked for", media_type="application/octet-stream", generate_examples=False
    ),
    **documented(
        s400="A filter, or the range of bytes, is malformed",
        s404="There is no such file",
        s429="As many files are being made as may be at once",
    ),
}
PLAIN = {"uncompressed": True}


class NoSuchExport(Absent):
    """There is no such file."""

    remedy = f"The lists are {', '.join(LISTINGS)}; the forms csv, ndjson and parquet."


@get(
    "/export/{name:str}",
    operation_id="exportList",
    summary="A whole list as CSV, NDJSON or Parquet",
    description="`jobs.parquet`, `receipts.csv`, ...: with the filters and `sort` of the list; without `sort` in the "
    "order of the table, which is the quickest." + ABOUT,
    responses=ANSWERS,
    opt={**PLAIN, TAKES: ()},
)
async def export_list(
    name: TextPath, request: Request[Any, Any, Any], explorer: Given[Explorer], shelf: Given[Shelf]
) -> Response[Any]:
    listing, form = _named(name)
    given = read_query(request.scope["query_string"])
    check_names(given, (*listing.narrowings, "sort"))
    order = listing.orders[word_of("sort", given["sort"], tuple(listing.orders))] if "sort" in given else None
    making = _rows(explorer, shelf, listing, filter_of(listing, given), order, form)
    return await sent(request, name, MEDIA_TYPES[form], making)


@get(
    "/export/{name:str}/{day:str}",
    operation_id="exportDay",
    summary="One day of a list as Parquet",
    description="`jobs/2026-11-27.parquet`: what has its time on this day, UTC. A day that is over and final stays as "
    "it is, but for jobs and receipts that are not at their end." + ABOUT,
    responses=ANSWERS,
    opt=PLAIN,
)
async def export_day(
    name: TextPath, day: TextPath, request: Request[Any, Any, Any], explorer: Given[Explorer], shelf: Given[Shelf]
) -> Response[Any]:
    listing, form = _named(f"{name}.parquet")
    where = _of_day(explorer.queries, listing, _day(day))
    making = _rows(explorer, shelf, listing, where, None, form)
    return await sent(request, f"{name}-{day}", MEDIA_TYPES[form], making)


@get(
    "/snapshot.duckdb",
    operation_id="getSnapshot",
    summary="The whole database, to open with DuckDB",
    description="A consistent copy made while the indexer goes on." + ABOUT,
    responses=ANSWERS
    | {200: ResponseSpec(bytes, description="The database", media_type=DATABASE, generate_examples=False)},
    opt=PLAIN,
)
async def snapshot(request: Request[Any, Any, Any], explorer: Given[Explorer], shelf: Given[Shelf]) -> Response[Any]:
    def make(path: Path) -> Head:
        head = explorer.head()
        explorer.snapshot(path)
        return head

    making = shelf.get(f"snapshot {_moment(explorer)}", ".duckdb", make)
    return await sent(request, "tallystick.duckdb", DATABASE, making)


async def _rows(
    explorer: Explorer, shelf: Shelf, listing: Listing, where: Where, order: Order | None, form: Form
) -> Made:
    key = msgspec.json.encode([listing.name, where, order.name if order else "", form, _moment(explorer)]).decode()
    return await shelf.get(
        key,
        f".{form}",
        lambda path: export(explorer.database, listing.table, where, order, form, path),
    )


def _moment(explorer: Explorer) -> str:
    head = explorer.head()
    return f"{head.number} {head.hash} {head.final} {explorer.position}"


def _named(name: str) -> tuple[Listing, Form]:
    """`jobs.csv`. Raises NoSuchExport."""
    listing, _, form = name.rpartition(".")
    if listing not in LISTINGS or form not in list(Form):
        known = [f"{each}.{form}" for each in LISTINGS for form in Form]
        raise NoSuchExport(f"there is no {name[:64]!r} to export", did_you_mean(name, known, NoSuchExport.remedy))
    return LISTINGS[listing], Form(form)


def _day(name: str) -> date:
    text, _, form = name.rpartition(".")
    try:
        return date.fromisoformat(text if form == Form.PARQUET else "")
    except ValueError:
        raise NoSuchExport(f"{name[:64]!r} is no day: name it as 2026-11-27.parquet") from None


def _of_day(queries: Queries, listing: Listing, day: date) -> Where:
    """What has its time on this day. Raises NoSuchExport for lists whose rows have none."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    first, last = int(begin.timestamp()), int((begin + timedelta(days=1)).timestamp()) - 1
    if listing is EVENTS_LIST:
        return _in_blocks(queries, first, last)
    if "from" not in listing.narrowings:
        raise NoSuchExport(f"{listing.name} have no time of their own: export all of them, as {listing.name}.parquet")
    since, until = listing.narrowings["from"], listing.narrowings["to"]
    if since.form is Value.MILLISECOND:
        first, last = first * 1000, last * 1000 + 999
    return (*since.conditions((first,)), *until.conditions((last,)))


def _in_blocks(queries: Queries, first: int, last: int) -> Where:
    """Events have the time of their block."""
    since, until = BLOCKS_LIST.narrowings["from"], BLOCKS_LIST.narrowings["to"]
    day = (*since.conditions((first,)), *until.conditions((last,)))
    ends = [queries.rows(BLOCKS_LIST.orders[sort], day, limit=1).rows for sort in ("oldest", "newest")]
    numbers = [rows[0].number if rows else 0 for rows in ends]
    least, most = EVENTS_LIST.narrowings["from_block"], EVENTS_LIST.narrowings["to_block"]
    return (*least.conditions((numbers[0],)), *most.conditions((numbers[1] if ends[0] else -1,)))


router = Router("/explorer/v1", route_handlers=[export_list, export_day, snapshot], tags=["explorer"])
