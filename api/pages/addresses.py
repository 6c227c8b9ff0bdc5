"""An address as a page: its books, what it ordered, what it earned and what it sent, tab by tab."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from litestar import Response, get
from litestar.params import QueryParameter
from msgspec import Struct

from api.explorer.parameters import AddressPath, Cursor
from api.explorer.reading import Reader
from api.given import Given
from api.pages.checksum import checksummed
from api.pages.listing import Listing, as_it_is, listed, tabs
from api.pages.site import Site
from indexer.explorer import JobFilter, Queries, ReceiptFilter, TransactionFilter
from indexer.explorer.rows import AccountRow, NodeRow

Tab = Literal["ordered", "worked", "receipts", "sent"]
LABELS: Mapping[str, str] = {"ordered": "Ordered", "worked": "Worked on", "receipts": "Receipts", "sent": "Sent"}

TabField = Annotated[Tab | None, QueryParameter(name="tab")]


class Holder(Struct, frozen=True):
    """Who is behind an address, as far as our contracts know it."""

    account: AccountRow | None
    node: NodeRow | None


@get("/address/{address:str}")
async def address(
    address: AddressPath, reader: Given[Reader], site: Given[Site], tab: TabField = None, cursor: Cursor = None
) -> Response[str]:
    named = address.lower()
    holder = (await reader.one(lambda queries: _holder(queries, named), as_it_is, f"address {address}")).data
    shown = tab or ("receipts" if holder.node else "ordered")
    path = f"/address/{checksummed(named)}"
    return site.page(
        "address.html",
        named=named,
        holder=holder,
        shown=shown,
        tabs=tabs(path, "tab", LABELS, shown, {}),
        listing=await _listing(reader, named, shown, path, cursor),
        is_live=cursor is None,
    )


def _holder(queries: Queries, named: str) -> Holder:
    return Holder(queries.account(named), queries.node(named))


async def _listing(reader: Reader, named: str, shown: str, path: str, cursor: str | None) -> Listing[Any]:
    where: Any = {
        "ordered": JobFilter(controller=named),
        "worked": JobFilter(worker=named),
        "receipts": ReceiptFilter(worker=named),
        "sent": TransactionFilter(sender=named),
    }[shown]
    table = {"ordered": "jobs", "worked": "jobs", "receipts": "receipts", "sent": "transactions"}[shown]
    page = await reader.page(
        f"pages/address/{shown}",
        lambda queries, after, count: getattr(queries, table)(where, after, count),
        as_it_is,
        where,
        None,
        cursor,
    )
    return listed(page, path, cursor, {"tab": shown})
