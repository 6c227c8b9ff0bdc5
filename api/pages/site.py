"""The frame of all pages: a template's name and its values go in, a page with a strict policy comes out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from msgspec import Struct

from api.pages.assets import Assets
from api.pages.showing import FILTERS
from indexer.explorer.explorer import Explorer

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types tallystick"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

Params = Mapping[str, Any]


class Way(Struct, frozen=True):
    """A place of the navigation."""

    path: str
    label: str


WAYS = (
    Way("/jobs", "Jobs"),
    Way("/receipts", "Receipts"),
    Way("/nodes", "Nodes"),
    Way("/models", "Models"),
    Way("/blocks", "Blocks"),
    Way("/leaderboard", "Leaderboard"),
    Way("/sql", "SQL"),
)
MORE_WAYS = (
    Way("/charts", "Charts"),
    Way("/transactions", "Transactions"),
    Way("/reorgs", "Reorganisations"),
    Way("/status", "Status"),
    Way("/dictionary", "Data dictionary"),
    Way("/verify", "Verify"),
)


class Site:
    """Renders pages; each says at which head it was read."""

    def __init__(self, explorer: Explorer, assets: Assets, *, takes_orders: bool) -> None:
        self._explorer = explorer
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= FILTERS | {"segment": segment}
        self._templates.globals |= {
            "asset": assets.url,
            "link": link,
            "ways": WAYS,
            "more_ways": MORE_WAYS,
            "takes_orders": takes_orders,
        }

    def page(
        self, template: str, /, *, here: str = "", status: int = 200, headers: Params | None = None, **values: Any
    ) -> Response[str]:
        """`here` is the path of the navigation's place that the page belongs to."""
        text = self._templates.get_template(template).render(here=here, head=self._explorer.head(), **values)
        return Response(text, status_code=status, media_type="text/html", headers=HEADERS | dict(headers or {}))


def segment(text: str) -> str:
    """Text of strangers as one segment of a path."""
    return quote(text, safe="")


def link(path: str, /, **params: Any) -> str:
    """A path with those parameters that have a value."""
    given = {name: value for name, value in params.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path
