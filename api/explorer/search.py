"""One box over everything: a text comes in, the things that it may name go out, each with where to read on."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

from litestar import get
from litestar.params import QueryParameter
from msgspec import Struct

from api.explorer.reading import Reader
from api.explorer.shapes import OneOut
from api.given import Given
from api.problems import documented
from api.rendering import render
from indexer.explorer import Explorer, Hit, HitField, HitKind, Match

TEXT_MAX = 128
HITS, HITS_MAX = 20, 50
PAUSE_S, IDLE_S, TROUBLE_S = 1.0, 60.0, 10.0

SearchText = Annotated[
    str,
    QueryParameter(
        min_length=1,
        max_length=TEXT_MAX,
        description="The number of a job or block, a CID, a hash, an address, a model's id or name; or how one begins",
    ),
]
SearchLimit = Annotated[int, QueryParameter(ge=1, le=HITS_MAX, description="The most hits")]

LINKS: dict[HitKind, tuple[str, str]] = {
    "job": ("/explorer/v1/jobs/{}", "/jobs/{}"),
    "block": ("/explorer/v1/blocks/{}", "/blocks/{}"),
    "transaction": ("/explorer/v1/transactions/{}", "/tx/{}"),
    "receipt": ("/explorer/v1/receipts/{}", "/jobs/{}"),
    "node": ("/explorer/v1/nodes/{}", "/address/{}"),
    "account": ("/explorer/v1/accounts/{}", "/address/{}"),
    "model": ("/explorer/v1/models/{}", "/models/{}"),
}
"""Where the API and the pages tell of a thing of each kind, by its id."""

_log = logging.getLogger(__name__)


class HitOut(Struct, frozen=True):
    """One thing that the text may name: `field` of it holds `text`, which matches wholly, at its begin or in part.

    `detail` says in a word what it is; `link` is where the API tells all, `page` where people read.
    """

    kind: HitKind
    id: str
    field: HitField
    text: str
    match: Match
    detail: str
    is_final: bool
    link: str
    page: str


@get(
    "/search",
    operation_id="search",
    summary="What a text may name, the best first",
    description="What matches wholly comes first, then what begins so, then models with the text in their name; a few "
    "of each kind. Nothing found is an empty list.",
    responses=documented(s400="The text is empty or too long, or the limit out of range"),
)
async def search(q: SearchText, reader: Given[Reader], limit: SearchLimit = HITS) -> OneOut[list[HitOut]]:
    return await reader.one(lambda queries: queries.search(q, limit), hits_out, "answer")


def hits_out(hits: Sequence[Hit]) -> list[HitOut]:
    return [_hit_out(hit) for hit in hits]


def _hit_out(hit: Hit) -> HitOut:
    link, page = (form.format(quote(hit.id, safe="")) for form in LINKS[hit.kind])
    return render(hit, HitOut, link=link, page=page)


async def keeping_names(explorer: Explorer) -> None:
    """Keeps what is searched for in order, as long as it runs; without it the same is found more slowly."""
    while True:
        version = explorer.version
        try:
            while await asyncio.to_thread(explorer.names.keep_up):
                pass
        except Exception:
            _log.warning("the names for the search could not be kept in order", exc_info=True)
            await asyncio.sleep(TROUBLE_S)
        await explorer.changed(version, IDLE_S)
        await asyncio.sleep(PAUSE_S)


HANDLERS: list[Any] = [search]
