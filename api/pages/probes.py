"""For those who watch over the service: alive, ready, and figures for Prometheus."""

import asyncio
import time
from importlib.metadata import version

from litestar import Response, Router, get
from msgspec import Struct

from api.figures import PROMETHEUS
from api.given import Given
from api.limiting import UNLIMITED
from api.live.hub import Hub
from api.observing import Metrics
from api.problems import documented
from api.readiness import CATCH_UP_S, ReadyOut, behind
from api.rendering import render
from api.service.desks import Desks
from api.service.ports import ChainReader, Indexing
from indexer.explorer.explorer import Explorer


class HealthOut(Struct, frozen=True):
    status: str
    version: str


class IndexerOut(Struct, frozen=True):
    """Counts and seconds are since the process started; `reorgs` and `parked` are on record for good.

    `busiest` is the stage (waiting, fetching, checking, decoding, storing) that held the others back of late: waiting
    means that the index is level with the chain. `eta_s` is null where the index does not come nearer to the head.
    """

    head: int | None
    indexed: int
    final: int
    lag_blocks: int
    lag_s: float
    eta_s: float | None
    blocks_per_s: float
    busiest: str
    seconds: dict[str, float]
    provider_errors: dict[str, int]
    requests: int
    retries: int
    blocks: int
    logs: int
    parked: int
    reorgs: int
    memory_bytes: int


@get("/health", operation_id="health", summary="Is the service alive", sync_to_thread=False, opt={UNLIMITED: True})
def health() -> HealthOut:
    return HealthOut("ok", version("tallystick"))


@get(
    "/ready",
    operation_id="ready",
    summary="Is the index at the chain's head",
    opt={UNLIMITED: True},
    description="Needs no inference engine: an order can be placed and will be answered when a worker comes.",
    responses=documented(s503="The index is behind the chain, or the chain does not answer"),
)
async def ready(explorer: Given[Explorer], chain: Given[ChainReader], indexing: Given[Indexing]) -> ReadyOut:
    chain_head = await chain.head()
    deadline = time.monotonic() + CATCH_UP_S
    while True:
        seen = explorer.version
        head = explorer.head()
        left_s = deadline - time.monotonic()
        if head.number >= chain_head:
            return ReadyOut(True, head.number, head.final, chain_head, max(0, chain_head - head.number))
        if left_s <= 0:
            raise behind(chain_head, head.number, await asyncio.to_thread(indexing.figures))
        await explorer.changed(seen, left_s)


@get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for Prometheus",
    media_type="text/plain",
    opt={UNLIMITED: True},
)
async def metrics(
    metrics: Given[Metrics],
    explorer: Given[Explorer],
    indexing: Given[Indexing],
    desks: Given[Desks],
    hub: Given[Hub],
) -> Response[bytes]:
    stats = await asyncio.to_thread(explorer.queries.stats)
    metrics.indexer.figures = await asyncio.to_thread(indexing.figures)
    for state in ("open", "claimed", "answered", "settled", "cancelled", "expired"):
        metrics.jobs.labels(state).set(getattr(stats, state))
    metrics.streams.set(desks.stories.streams)
    metrics.live.set(hub.readers)
    metrics.workers.set(desks.work.connected)
    return Response(metrics.page(), media_type=PROMETHEUS)


@get(
    "/explorer/v1/indexer",
    operation_id="indexer",
    summary="How far the index is, how fast, and what holds it back",
    description="The same figures as `tallystick_indexer_*` in /metrics, for people: `tallystick status --watch`.",
    responses=documented(s400="A parameter is named: it takes none"),
)
async def indexer(indexing: Given[Indexing]) -> IndexerOut:
    figures = await asyncio.to_thread(indexing.figures)
    return render(figures, IndexerOut, lag_blocks=figures.lag_blocks)


router = Router("/", route_handlers=[health, ready, metrics, indexer], tags=["operation"])
