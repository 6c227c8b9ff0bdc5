"""Jobs and their receipts as pages: filters or a number come in, lists or the life of one job go out."""

import asyncio
from contextlib import suppress

from litestar import Response, get
from litestar.response import Redirect
from msgspec import Struct

from api.explorer.parameters import Cursor, JobId, JobStateFilter, ReceiptStateFilter
from api.explorer.reading import Reader
from api.given import Given
from api.pages.listing import as_it_is, listed, tabs
from api.pages.parameters import AddressField, TextField, address_in, text_in
from api.pages.site import Site
from api.pages.timeline import life_of
from api.service.desks import Desks
from indexer.explorer import EventFilter, JobFilter, Queries, ReceiptFilter
from indexer.explorer.rows import EventRow, JobRow, ReceiptRow
from receipts.request import Request

JOB_STATES = {"": "All", "open": "Open", "claimed": "Claimed", "answered": "Answered", "settled": "Settled",
              "cancelled": "Cancelled", "expired": "Expired"}  # fmt: skip
RECEIPT_STATES = {"": "All", "verified": "Verified", "pending": "Pending", "failed": "Failed", "unproven": "Unproven"}
EVENTS_SHOWN = 50
CONTENT_WAIT_S = 2.0


class Case(Struct, frozen=True):
    """A job with all that the index knows of it."""

    job: JobRow
    receipt: ReceiptRow | None
    events: tuple[EventRow, ...]


@get("/jobs")
async def jobs(
    reader: Given[Reader],
    site: Given[Site],
    cursor: Cursor = None,
    in_state: JobStateFilter = None,
    controller: AddressField = None,
    worker: AddressField = None,
    model_id: TextField = None,
) -> Response[str]:
    where = JobFilter(in_state, address_in(controller), address_in(worker), text_in(model_id))
    page = await reader.page(
        "pages/jobs", lambda queries, after, count: queries.jobs(where, after, count), as_it_is, where, None, cursor
    )
    asked = {"state": in_state, "controller": controller, "worker": worker, "model_id": model_id}
    return site.page(
        "jobs.html",
        here="/jobs",
        listing=listed(page, "/jobs", cursor, asked),
        states=tabs("/jobs", "state", JOB_STATES, in_state, asked),
        asked=asked,
        is_live=cursor is None,
    )


@get("/receipts")
async def receipts(
    reader: Given[Reader],
    site: Given[Site],
    cursor: Cursor = None,
    in_state: ReceiptStateFilter = None,
    controller: AddressField = None,
    worker: AddressField = None,
    model_id: TextField = None,
) -> Response[str]:
    where = ReceiptFilter(in_state, address_in(worker), address_in(controller), text_in(model_id))
    page = await reader.page(
        "pages/receipts",
        lambda queries, after, count: queries.receipts(where, after, count),
        as_it_is,
        where,
        None,
        cursor,
    )
    asked = {"state": in_state, "controller": controller, "worker": worker, "model_id": model_id}
    return site.page(
        "receipts.html",
        here="/receipts",
        listing=listed(page, "/receipts", cursor, asked),
        states=tabs("/receipts", "state", RECEIPT_STATES, in_state, asked),
        asked=asked,
        is_live=cursor is None,
    )


@get("/receipts/{job_id:int}")
async def receipt(job_id: JobId) -> Redirect:
    """A receipt is known by its job, and shown there."""
    return Redirect(f"/jobs/{job_id}#receipt")


@get("/jobs/{job_id:int}")
async def job(job_id: JobId, reader: Given[Reader], site: Given[Site], desks: Given[Desks]) -> Response[str]:
    def read(queries: Queries) -> Case | None:
        found = queries.job(job_id)
        if found is None:
            return None
        events = queries.events(EventFilter(job_id=job_id), None, EVENTS_SHOWN)
        return Case(found, queries.receipt(job_id), events.rows)

    case = (await reader.one(read, as_it_is, f"job {job_id}")).data
    request, answer = await asyncio.gather(_prompt(desks, case.job), _answer(desks, case.job))
    return site.page(
        "job.html",
        here="/jobs",
        case=case,
        request=request,
        answer=answer,
        life=life_of(case.job, case.receipt),
    )


async def _prompt(desks: Desks, job: JobRow) -> Request | None:
    with suppress(TimeoutError):
        return await asyncio.wait_for(desks.jobs.prompt(job), CONTENT_WAIT_S)
    return None


async def _answer(desks: Desks, job: JobRow) -> str | None:
    with suppress(TimeoutError):
        return await asyncio.wait_for(desks.jobs.answer(job), CONTENT_WAIT_S)
    return None
