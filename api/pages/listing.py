"""One page of a list: an answer of the reader and the way it was asked come in, rows and links to go on come out."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

from api.explorer.shapes import PageOut
from api.pages.site import link

R = TypeVar("R")


class Listing(Struct, Generic[R], frozen=True):
    """Rows, and where the first and the next page are, if this is not the first or not the last."""

    rows: list[R]
    first_url: str
    next_url: str


class Tab(Struct, frozen=True):
    path: str
    label: str
    is_here: bool


def listed(page: PageOut[R], path: str, cursor: str | None, asked: Mapping[str, Any]) -> Listing[R]:
    """`asked` are the parameters that narrow the list."""
    first = link(path, **asked) if cursor else ""
    return Listing(page.data, first, link(path, **asked, cursor=page.next) if page.next else "")


def tabs(path: str, name: str, labels: Mapping[str, str], here: str | None, asked: Mapping[str, Any]) -> list[Tab]:
    """A tab for each value that parameter `name` may have; '' stands for none."""
    others = {key: value for key, value in asked.items() if key != name}
    return [Tab(link(path, **others, **{name: value}), label, (here or "") == value) for value, label in labels.items()]


def as_it_is(row: R) -> R:
    """Pages show rows of the index themselves: their templates choose the words."""
    return row
