"""What a route takes and answers, for its OpenAPI entry: a list's grammar comes in, keywords of a route go out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from litestar.openapi.spec import Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType

from api.explorer.asking import CURSOR_LENGTH_MAX, LIMIT, names_of
from api.explorer.forms import schema_of
from api.explorer.parameters import AS_OF_IS, BLOCK_NAME, ITEM_FAULTS, LIST_FAULTS
from indexer.explorer.lists import Form, Listing, Narrowing

TAKES = "takes"
"""The option of a route under which the names of its parameters stand, where it reads the query itself."""

AS_OF = Parameter(
    "as_of",
    "query",
    Schema(type=OpenAPIType.STRING, pattern=BLOCK_NAME),
    AS_OF_IS,
)
PAGE = (
    Parameter("limit", "query", LIMIT.schema, "Rows a page; this server caps it"),
    Parameter(
        "cursor",
        "query",
        Schema(type=OpenAPIType.STRING, max_length=CURSOR_LENGTH_MAX),
        "`next` of the page before; it belongs to this list, filter and order",
    ),
    Parameter(
        "count",
        "query",
        Schema(type=OpenAPIType.BOOLEAN),
        "Whether to count the rows too: exact up to a limit, estimated above it, said which",
    ),
)


def listed(
    listing: Listing, operation_id: str, summary: str, related: Iterable[str] = (), **words: Any
) -> dict[str, Any]:
    """Keywords for the route of a list."""
    related = tuple(related)
    described = [_narrowing(each) for each in listing.narrowings.values()]
    sort = Schema(type=OpenAPIType.STRING, enum=list(listing.orders), default=next(iter(listing.orders)))
    about = "The order; `-` before a column means the largest first. What a row does not have comes last."
    parameters = [*described, Parameter("sort", "query", sort, about), AS_OF, *PAGE, *_include(related)]
    return _described(parameters, names_of(listing, related)) | {
        "operation_id": operation_id, "summary": summary, "responses": LIST_FAULTS, **words,
    }  # fmt: skip


def item(operation_id: str, summary: str, related: Iterable[str] = (), **words: Any) -> dict[str, Any]:
    """Keywords for the route of one thing."""
    related = tuple(related)
    names = ("as_of", *(("include",) if related else ()))
    return _described([AS_OF, *_include(related)], names) | {
        "operation_id": operation_id, "summary": summary, "responses": ITEM_FAULTS, **words,
    }  # fmt: skip


def _described(parameters: list[Parameter], names: tuple[str, ...]) -> dict[str, Any]:
    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or ()), *parameters]

    return {"operation_class": Described, "opt": {TAKES: names}}


def _narrowing(narrowing: Narrowing) -> Parameter:
    several = narrowing.form is Form.WORDS
    return Parameter(
        narrowing.name,
        "query",
        schema_of(narrowing),
        narrowing.about or None,
        style="form" if several else None,
        explode=False if several else None,
    )


def _include(related: tuple[str, ...]) -> list[Parameter]:
    schema = Schema(type=OpenAPIType.ARRAY, items=Schema(enum=list(related)), min_items=1)
    about = "What else to bring, with commas between: it stands in `included`"
    return [Parameter("include", "query", schema, about, style="form", explode=False)] if related else []
