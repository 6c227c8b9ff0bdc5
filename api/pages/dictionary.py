"""The data dictionary as a page: what the API tells of tables and columns comes in, what people read goes out."""

import asyncio

from litestar import Response, get

from api.explorer.dictionary import tables_of
from api.given import Given
from api.pages.site import Site
from indexer.explorer.explorer import Explorer


@get("/dictionary")
async def dictionary(site: Given[Site], explorer: Given[Explorer]) -> Response[str]:
    entries = await asyncio.to_thread(tables_of, explorer)
    return site.page("dictionary.html", here="/dictionary", entries=entries)
