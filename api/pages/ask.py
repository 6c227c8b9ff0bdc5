"""A question from a page: a form comes in, the job that answers it is where the reader is sent."""

import asyncio
import uuid
from typing import Annotated, Any
from urllib.parse import urlsplit

from litestar import Request, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect
from msgspec import Struct

from api.given import Given
from api.pages.site import Site
from api.problems import status_of
from api.service.desks import Desks
from api.service.orders import Question
from api.service.refusals import Denied, Invalid, Refusal
from api.settings import ApiSettings
from indexer.explorer import ModelFilter
from indexer.explorer.explorer import Explorer
from receipts.request import SCHEMA
from receipts.request import Request as Asked

MODELS = 100
TOKENS_DIGITS_MAX = 7


class ForeignForm(Denied):
    """The form is of another site."""

    remedy = "Ask from this site's own page: orders cost its operator money."


class BadTokens(Invalid):
    """The most tokens are no number."""

    remedy = "Write a whole number of 1 or more, or leave it empty."


class AskForm(Struct, frozen=True):
    """`key` names the order, so that a form that is sent twice is one order."""

    prompt: str = ""
    model: str = ""
    max_tokens: str = ""
    key: str = ""


AskBody = Annotated[AskForm, Body(media_type=RequestEncodingType.URL_ENCODED)]


@get("/ask")
async def form(site: Given[Site], explorer: Given[Explorer], settings: Given[ApiSettings]) -> Response[str]:
    return await _page(site, explorer, settings, AskForm(key=uuid.uuid4().hex))


@post("/ask")
async def ask(
    data: AskBody,
    request: Request[Any, Any, Any],
    site: Given[Site],
    desks: Given[Desks],
    explorer: Given[Explorer],
    settings: Given[ApiSettings],
) -> Response[str] | Redirect:
    try:
        check_origin(request)
        placed = await desks.orders.place(_question(data), data.key or uuid.uuid4().hex)
    except Refusal as fault:
        return await _page(site, explorer, settings, data, fault)
    return Redirect(f"/jobs/{placed.job.job_id}", status_code=303)


def check_origin(request: Request[Any, Any, Any]) -> None:
    """A browser says where a form came from: one of another site must not spend this one's money."""
    origin, host = request.headers.get("origin"), request.headers.get("host")
    is_foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if is_foreign or (origin is not None and urlsplit(origin).netloc != host):
        raise ForeignForm(f"the form was sent from {origin or 'another site'}")


def _question(form: AskForm) -> Question:
    digits = form.max_tokens.strip()
    if digits and not (digits.isascii() and digits.isdigit() and 0 < int(digits[:TOKENS_DIGITS_MAX]) == int(digits)):
        raise BadTokens(f"the most tokens are {digits[:20]!r}")
    request = Asked(schema=SCHEMA, prompt=form.prompt, max_tokens=int(digits) if digits else None)
    return Question(request=request, model=form.model or None, value=None)


async def _page(
    site: Site, explorer: Explorer, settings: ApiSettings, form: AskForm, fault: Refusal | None = None
) -> Response[str]:
    active = await asyncio.to_thread(explorer.queries.models, ModelFilter(is_active=True), None, MODELS)
    return site.page(
        "ask.html",
        here="/ask",
        status=200 if fault is None else status_of(fault),
        form=form,
        models=active.rows,
        chosen=form.model or settings.default_model,
        most_tokens=settings.default_max_tokens,
        fault=fault,
    )
