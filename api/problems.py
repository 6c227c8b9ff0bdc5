"""Errors as the client reads them: an exception goes in, a problem document (RFC 9457) with a remedy comes out."""

import logging
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap
from msgspec import Struct

from api.service.refusals import Absent, Clashing, Crowded, Denied, Invalid, Refusal, Unready
from domain.ledger import LedgerError
from receipts.content.access import StorageFailed, Unreachable

MEDIA_TYPE = "application/problem+json"
BLANK_TYPE = "about:blank"
RETRY_AFTER_S = "1"

STATUS: dict[type[Refusal], int] = {Invalid: 400, Denied: 403, Absent: 404, Clashing: 409, Crowded: 429, Unready: 503}

REMEDIES = {
    400: "Compare the request with /docs, correct it and send it again.",
    401: "Send the credentials that this route asks for.",
    404: "Check the address; /docs lists every route.",
    405: "Use one of the methods in the Allow header.",
    413: "Send a smaller body.",
    415: "Send the body with the content type that /docs names.",
    500: "Try again; if it stays so, report the request id to the operator.",
    503: "Try again in a moment.",
}

_log = logging.getLogger(__name__)


class Problem(Struct, frozen=True):
    """What went wrong, with which value, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    instance: str


def slug(kind: type[Refusal]) -> str:
    """`UnknownModel` -> `/problems/unknown-model`."""
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)
    return f"/problems/{words.lstrip('-')}"


def status_of(fault: Refusal) -> int:
    return next((STATUS[root] for root in type(fault).__mro__ if root in STATUS), 400)


def refused(request: Request[Any, Any, Any], fault: Refusal) -> Response[Problem]:
    title = (type(fault).__doc__ or type(fault).__name__).strip().splitlines()[0]
    status = status_of(fault)
    headers = {"Retry-After": str(fault.retry_after_s)} if status in (429, 503) else {}
    return _answer(Problem(slug(type(fault)), title, status, fault.detail, fault.remedy, request.url.path), headers)


def misused(request: Request[Any, Any, Any], fault: HTTPException) -> Response[Problem]:
    """The framework's own refusals: no such route, wrong method, body too large, malformed JSON, wrong types."""
    status = 400 if fault.status_code == 422 else fault.status_code
    if status >= 500:
        return broken(request, fault)
    remedy = REMEDIES.get(status, REMEDIES[400])
    detail = too_large(request) if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else _explain(fault)
    problem = Problem(BLANK_TYPE, HTTPStatus(status).phrase, status, detail, remedy, request.url.path)
    return _answer(problem, fault.headers or {})


def too_large(request: Request[Any, Any, Any]) -> str:
    """Names the limit of the route that a body is beyond."""
    handler = request.route_handler
    limit = handler.resolve_request_max_body_size() if isinstance(handler, HTTPRouteHandler) else None
    return f"the body has more than the {limit} bytes that this route takes"


def broken(request: Request[Any, Any, Any], fault: Exception) -> Response[Problem]:
    """Our own fault: the reader gets no inner detail, the log gets all of it."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=fault)
    detail = "Something failed on this side while answering."
    problem = Problem(BLANK_TYPE, HTTPStatus(500).phrase, 500, detail, REMEDIES[500], request.url.path)
    return _answer(problem, {})


def unreadable(request: Request[Any, Any, Any], fault: Exception) -> Response[Problem]:
    """Bodies that the JSON decoder gives up on: text that is not UTF-8, or nested deeper than anything sensible."""
    detail = "the body is not UTF-8" if isinstance(fault, UnicodeDecodeError) else "the body is nested too deeply"
    return _answer(Problem(BLANK_TYPE, HTTPStatus(400).phrase, 400, detail, REMEDIES[400], request.url.path), {})


def unrecorded(request: Request[Any, Any, Any], fault: LedgerError | StorageFailed | Unreachable) -> Response[Problem]:
    """A full or failing disk, a database that is away: nothing was done, the operator reads in the log why."""
    _log.error("%s %s could not be recorded: %s", request.method, request.url.path, fault)
    detail = "the request could not be recorded; nothing was done"
    problem = Problem("/problems/unrecorded", HTTPStatus(503).phrase, 503, detail, REMEDIES[503], request.url.path)
    return _answer(problem, {"Retry-After": RETRY_AFTER_S})


HANDLERS: ExceptionHandlersMap = {
    Refusal: refused,
    HTTPException: misused,
    UnicodeDecodeError: unreadable,
    RecursionError: unreadable,
    LedgerError: unrecorded,
    StorageFailed: unrecorded,
    Unreachable: unrecorded,
    Exception: broken,
}


def documented(**faults: str) -> dict[int, ResponseSpec]:
    """Error answers of a route for its OpenAPI entry, as `documented(s400="...", s404="...")`. Any may be limited."""
    return {
        int(name.removeprefix("s")): ResponseSpec(
            Problem, description=text, media_type=MEDIA_TYPE, generate_examples=False
        )
        for name, text in ({"s429": "Too many requests: Retry-After says when to come again"} | faults).items()
    }


def _answer(problem: Problem, headers: dict[str, str]) -> Response[Problem]:
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def _explain(fault: HTTPException) -> str:
    """One sentence for the reader: which field, and what is wrong with it."""
    if isinstance(fault, ValidationException) and isinstance(fault.extra, list):
        return "; ".join(_explain_entry(entry) for entry in fault.extra) or fault.detail
    return fault.detail


def _explain_entry(entry: dict[str, str]) -> str:
    name, message = entry.get("key") or "body", entry.get("message", "")
    if name == "data" and message in ("'data'", ""):
        return "the body is not the object that this route takes"
    return f"{name}: {message}"
