"""The search as a page: what was typed comes in, the one thing that it names or all that it may name goes out."""

from typing import Annotated

from litestar import Response, get
from litestar.params import QueryParameter
from litestar.response import Redirect

from api.explorer.reading import Reader
from api.explorer.search import HITS_MAX, TEXT_MAX, hits_out
from api.given import Given
from api.pages.site import Site

SearchField = Annotated[str, QueryParameter(name="q", max_length=TEXT_MAX)]


@get("/search")
async def search(reader: Given[Reader], site: Given[Site], asked: SearchField = "") -> Response[str] | Redirect:
    text = asked.strip()
    if not text:
        return site.page("search.html", asked="", hits=[])
    hits = (await reader.one(lambda queries: queries.search(text, HITS_MAX), hits_out, "answer")).data
    exact = [hit for hit in hits if hit.match == "exact"]
    if len(exact) == 1:
        return Redirect(exact[0].page)
    return site.page("search.html", asked=text, hits=hits)
