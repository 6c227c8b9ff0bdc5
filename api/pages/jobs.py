"""Jobs and their receipts as pages: filters or a number come in, lists or the life of one job go out."""

import asyncio
from contextlib import suppress
from typing import Any

from litestar import Request, Response, get
from litestar.response import Redirect
from msgspec import Struct

from api.explorer.parameters import JobId
from api.explorer.reading import Reader
from api.given import Given
from api.pages.listing import as_it_is, listed, tabs
from api.pages.site import Site
from api.pages.timeline import life_of
from api.service.desks import Desks
from indexer.explorer import EventFilter, Queries
from indexer.explorer.lists import JOBS_LIST, RECEIPTS_LIST
from indexer.explorer.rows import EventRow, JobRow, ReceiptRow
from receipts.request import Request as Asked

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
async def jobs(request: Request[Any, Any, Any], reader: Given[Reader], site: Given[Site]) -> Response[str]:
    listing = await listed(reader, request, JOBS_LIST)
    states = tabs("/jobs", "state", JOB_STATES, listing.asked.get("state"), listing.asked)
    return site.page("jobs.html", here="/jobs", listing=listing, states=states)


@get("/receipts")
async def receipts(request: Request[Any, Any, Any], reader: Given[Reader], site: Given[Site]) -> Response[str]:
    listing = await listed(reader, request, RECEIPTS_LIST)
    states = tabs("/receipts", "state", RECEIPT_STATES, listing.asked.get("state"), listing.asked)
    return site.page("receipts.html", here="/receipts", listing=listing, states=states)


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


async def _prompt(desks: Desks, job: JobRow) -> Asked | None:
    with suppress(TimeoutError):
        return await asyncio.wait_for(desks.jobs.prompt(job), CONTENT_WAIT_S)
    return None


async def _answer(desks: Desks, job: JobRow) -> str | None:
    with suppress(TimeoutError):
        return await asyncio.wait_for(desks.jobs.answer(job), CONTENT_WAIT_S)
    return None
