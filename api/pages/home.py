"""The front page: what the index holds right now comes in, the network's life at a glance goes out."""

import asyncio

from litestar import Response, get
from msgspec import Struct

from api.given import Given
from api.pages.site import Site
from indexer.explorer import JobFilter, ModelFilter, Queries, Soundness
from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import BlockRow, JobRow, ModelRow, ReorgRow, StatsRow

BLOCKS, JOBS, MODELS = 10, 12, 5


class Glance(Struct, frozen=True):
    """What the front page shows, read at one go."""

    stats: StatsRow
    blocks: tuple[BlockRow, ...]
    jobs: tuple[JobRow, ...]
    models: tuple[ModelRow, ...]
    soundness: Soundness
    reorgs: tuple[ReorgRow, ...]


def read(queries: Queries) -> Glance:
    return Glance(
        stats=queries.stats(),
        blocks=queries.blocks(None, BLOCKS).rows,
        jobs=queries.jobs(JobFilter(), None, JOBS).rows,
        models=queries.models(ModelFilter(is_active=True), None, MODELS).rows,
        soundness=queries.soundness(),
        reorgs=queries.reorgs(None, 1).rows,
    )


@get("/")
async def home(site: Given[Site], explorer: Given[Explorer]) -> Response[str]:
    glance = await asyncio.to_thread(read, explorer.queries)
    return site.page("home.html", glance=glance, here="/")
