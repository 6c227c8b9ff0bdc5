"""One page of a list: a request to a page comes in, rows, their number and links to go on come out.

Pages take the parameters of the API's lists, by the same grammar; fields that a form left empty are no values.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from litestar import Request
from msgspec import UNSET, Struct

from api.explorer.asking import read_query
from api.explorer.reading import Reader
from api.explorer.shapes import CountOut
from api.pages.site import link
from indexer.explorer.lists import Listing as Kind

R = TypeVar("R")


class Sort(Struct, frozen=True):
    name: str
    label: str


class Listing(Struct, Generic[R], frozen=True):
    """`asked` is what narrows and sorts it. The first and the next page are named if this is not the first or last."""

    rows: list[R]
    count: CountOut | None
    asked: dict[str, str]
    sorts: list[Sort]
    first_url: str
    next_url: str

    @property
    def is_newest(self) -> bool:
        """Whether news belong on this page."""
        usual = self.sorts[0].name
        return not self.first_url and self.asked.get("sort", usual) == usual


class Tab(Struct, frozen=True):
    path: str
    label: str
    is_here: bool


async def listed(
    reader: Reader, request: Request[Any, Any, Any], kind: Kind, of: dict[str, str] | None = None, own: str = ""
) -> Listing[Any]:
    """`of` are values that all rows have; `own` is a parameter of the page itself."""
    path, given = request.url.path, read_query(request.scope["query_string"])
    kept = {name: value for name, value in given.items() if value and name != own}
    request.scope["query_string"] = link("", **kept, count="true").removeprefix("?").encode()
    page = await reader.list(request, kind, as_it_is, of=of)
    cursor, asked = kept.pop("cursor", None), kept
    shown = asked | ({own: given[own]} if own in given else {})
    return Listing(
        rows=page.data,
        count=None if page.count is UNSET else page.count,
        asked=asked,
        sorts=[Sort(name, sort_label(name)) for name in kind.orders],
        first_url=link(path, **shown) if cursor else "",
        next_url=link(path, **shown, cursor=page.next) if page.next else "",
    )


def sort_label(name: str) -> str:
    """`-amount` is what is largest in amount first."""
    words = name.removeprefix("-").replace("_", " ")
    if name in ("newest", "oldest"):
        return f"{words.capitalize()} first"
    if words in ("address", "model id"):
        return f"By {words}" + (", from the end" if name.startswith("-") else "")
    return f"{'Most' if name.startswith('-') else 'Least'} {words}"


def tabs(path: str, name: str, labels: Mapping[str, str], here: str | None, asked: Mapping[str, Any]) -> list[Tab]:
    """A tab for each value that parameter `name` may have; '' stands for none."""
    others = {key: value for key, value in asked.items() if key != name}
    return [Tab(link(path, **others, **{name: value}), label, (here or "") == value) for value, label in labels.items()]


def as_it_is(row: R) -> R:
    """Pages show rows of the index themselves: their templates choose the words."""
    return row
