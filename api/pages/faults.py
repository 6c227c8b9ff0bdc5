"""What goes wrong on a page: an exception comes in, a page that says so and what to do goes out."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response
from litestar.exceptions import NotFoundException
from litestar.types import ExceptionHandlersMap

from api.pages.site import Site
from api.problems import HANDLERS, Problem, misused

PROGRAMS = ("/v1/", "/explorer/", "/api/", "/ipfs/", "/static/", "/openapi")
"""Beginnings of paths that are answered to programs alone."""

Handler = Callable[[Request[Any, Any, Any], Any], Response[Problem]]


def faults_of(site: Site) -> ExceptionHandlersMap:
    """The problems of the API, as pages."""
    return {kind: _as_page(site, handler) for kind, handler in HANDLERS.items()}


def lost(site: Site) -> Callable[[Request[Any, Any, Any], NotFoundException], Response[Any]]:
    """For a path that leads nowhere: a page for whoever reads pages, a problem for all others."""
    page = _as_page(site, misused)

    def handle(request: Request[Any, Any, Any], fault: NotFoundException) -> Response[Any]:
        reads_pages = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(PROGRAMS)
        return page(request, fault) if reads_pages else misused(request, fault)

    return handle


def _as_page(site: Site, handler: Any) -> Callable[[Request[Any, Any, Any], Exception], Response[str]]:
    def handle(request: Request[Any, Any, Any], fault: Exception) -> Response[str]:
        answer: Response[Problem] = handler(request, fault)
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-type"}
        return site.page("fault.html", status=answer.content.status, headers=headers, problem=answer.content)

    return handle
