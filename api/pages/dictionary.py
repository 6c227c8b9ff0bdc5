"""The data dictionary: the tables' own descriptions come in, a page goes out that says what every column means."""

from collections.abc import Iterator

from litestar import Response, get
from msgspec import Struct

from api.given import Given
from api.pages.site import Site
from indexer.explorer.aggregates import DOCUMENTS, RECEIPTS
from indexer.explorer.table import Table
from indexer.explorer.tables import IS_FINAL, OVERLAID, TABLES
from indexer.explorer.views import VIEWS


class Entry(Struct, frozen=True):
    """A table or view. Columns are names, types and meanings; a view's types are left to the query."""

    name: str
    comment: str
    columns: tuple[tuple[str, str, str], ...]


def entries() -> tuple[Entry, ...]:
    tables = [Entry(table.name, table.comment, tuple(_columns(table))) for table in TABLES]
    views = [Entry(v.name, v.comment, tuple((name, "", text) for name, text in v.columns.items())) for v in VIEWS]
    return (*tables, *views)


def _columns(table: Table) -> Iterator[tuple[str, str, str]]:
    """As readers see them: with finality, and a receipt with what its document says."""
    own = {each.name for each in table.columns}
    documents = [each for each in DOCUMENTS.columns if each.name not in own] if table is RECEIPTS else []
    for each in (*table.columns, *documents):
        yield each.name, each.kind.value.sql, each.comment
    if table in OVERLAID:
        yield "is_final", "BOOLEAN", IS_FINAL


@get("/dictionary", sync_to_thread=False)
def dictionary(site: Given[Site]) -> Response[str]:
    return site.page("dictionary.html", here="/dictionary", entries=entries())
