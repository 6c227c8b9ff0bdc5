"""An address as a page: its books, what it ordered, what it earned and what it sent, tab by tab."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from litestar import Request, Response, get
from litestar.params import QueryParameter
from msgspec import Struct

from api.explorer.parameters import AddressPath
from api.explorer.reading import Reader
from api.given import Given
from api.pages.checksum import checksummed
from api.pages.listing import as_it_is, listed, tabs
from api.pages.site import Site
from indexer.explorer import Queries
from indexer.explorer.lists import JOBS_LIST, RECEIPTS_LIST, TRANSACTIONS_LIST
from indexer.explorer.lists import Listing as Kind
from indexer.explorer.rows import AccountRow, NodeRow

Tab = Literal["ordered", "worked", "receipts", "sent"]
TABS: Mapping[str, tuple[Kind, str]] = {
    "ordered": (JOBS_LIST, "controller"),
    "worked": (JOBS_LIST, "worker"),
    "receipts": (RECEIPTS_LIST, "worker"),
    "sent": (TRANSACTIONS_LIST, "sender"),
}
LABELS: Mapping[str, str] = {"ordered": "Ordered", "worked": "Worked on", "receipts": "Receipts", "sent": "Sent"}

TabField = Annotated[Tab | None, QueryParameter(name="tab")]


class Holder(Struct, frozen=True):
    """Who is behind an address, as far as our contracts know it."""

    account: AccountRow | None
    node: NodeRow | None


@get("/address/{address:str}")
async def address(
    address: AddressPath,
    request: Request[Any, Any, Any],
    reader: Given[Reader],
    site: Given[Site],
    tab: TabField = None,
) -> Response[str]:
    named = address.lower()
    holder = (await reader.one(lambda queries: _holder(queries, named), as_it_is, f"address {address}")).data
    shown = tab or ("receipts" if holder.node else "ordered")
    kind, column = TABS[shown]
    return site.page(
        "address.html",
        named=named,
        holder=holder,
        shown=shown,
        tabs=tabs(f"/address/{checksummed(named)}", "tab", LABELS, shown, {}),
        listing=await listed(reader, request, kind, {column: named}, "tab"),
    )


def _holder(queries: Queries, named: str) -> Holder:
    return Holder(queries.account(named), queries.node(named))
