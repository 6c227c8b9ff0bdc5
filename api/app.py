"""The main application: ready-made parts come in, a Litestar application goes out. Nothing is opened here but tasks."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from msgspec import Struct

from api.content import gateway
from api.explorer.conditional import ByHead
from api.explorer.dictionary import router as dictionary_router
from api.explorer.downloads import Shelf
from api.explorer.exports import router as exports_router
from api.explorer.keeping import Keeping
from api.explorer.reading import Reader
from api.explorer.routes import router as explorer_router
from api.explorer.search import keeping_names
from api.explorer.strictness import Strict
from api.limiting import Limiting, tell_limits
from api.live.hub import Hub
from api.live.routes import create_router as create_live_router
from api.observing import Counting, Metrics, name_answer
from api.operator import Operator
from api.pages import assets, docs, probes
from api.pages import routes as pages
from api.pages.faults import lost
from api.pages.pins import pins
from api.pages.site import Site
from api.problems import HANDLERS
from api.prompts.routes import create_router as create_prompts_router
from api.service.desks import Desks, build_desks
from api.service.ports import ChainReader, Indexing, Orders
from api.settings import ApiSettings
from api.sql.door import SqlDoor
from api.sql.routes import router as sql_router
from api.webhooks.desk import WebhookDesk
from api.webhooks.routes import router as webhooks_router
from api.webhooks.running import Webhooks
from api.webhooks.signing import Vault
from api.webhooks.store import Store
from api.workers import routes as workers
from domain.ledger import Ledger
from indexer.explorer.at_hand import keeping_rows
from indexer.explorer.explorer import Explorer
from receipts.content.access import Content
from receipts.deployment import DEVELOPMENT_CHAINS, Deployment

_log = logging.getLogger(__name__)


class Parts(Struct, frozen=True):
    """What the API works with; whoever wires the house has built and will close them."""

    explorer: Explorer
    ledger: Ledger
    content: Content
    orders: Orders
    chain: ChainReader
    indexing: Indexing
    deployment: Deployment
    settings: ApiSettings = ApiSettings()
    takes_orders: bool = True
    """Whether `orders` has a wallet to pay with."""
    sql: SqlDoor | None = None


def create_app(parts: Parts) -> Litestar:
    settings, explorer = parts.settings, parts.explorer
    metrics = Metrics()
    hub = Hub(explorer, settings)
    store, vault = Store(parts.ledger, parts.deployment.chain_id), Vault(Path(settings.webhook_key_file))
    webhooks = Webhooks(explorer, parts.ledger, store, vault, settings)
    desks = build_desks(explorer, parts.ledger, parts.content, parts.orders, parts.chain, parts.deployment, settings)

    files = assets.Assets(assets.FOLDERS)
    site = Site(explorer, files, takes_orders=parts.takes_orders)
    given = {
        "explorer": explorer,
        "reader": Reader(explorer, settings),
        "hub": hub,
        "webhooks": WebhookDesk(store, vault, settings.webhook_private_targets),
        "desks": desks,
        "desk": desks.work,
        "receipts": desks.receipts,
        "content": parts.content,
        "chain": parts.chain,
        "deployment": parts.deployment,
        "indexing": parts.indexing,
        "metrics": metrics,
        "settings": settings,
        "assets": files,
        "site": site,
        "sql": parts.sql,
        "shelf": Shelf(explorer.path.with_name(f"{explorer.path.stem}.exports"), settings.exports_at_once),
    }
    return Litestar(
        _routes(settings, site),
        dependencies={name: _provide(value) for name, value in given.items()},
        exception_handlers={**HANDLERS, NotFoundException: lost(site)},
        lifespan=[
            lambda _: _working(desks, explorer),
            lambda _: hub.running(),
            lambda _: webhooks.running(),
            lambda _: _asking(parts.sql),
        ],
        middleware=_middleware(parts, metrics),
        before_send=[name_answer, tell_limits],
        request_max_body_size=settings.body_bytes_max,
        cors_config=_cors(settings),
        compression_config=CompressionConfig("gzip", gzip_compress_level=5, exclude_opt_key="uncompressed"),
        openapi_config=_openapi(),
        state=State({"desks": desks, "operator": Operator(settings)}),
        logging_config=None,
    )


def _routes(settings: ApiSettings, site: Site) -> list[Any]:
    return [
        create_prompts_router(settings),
        workers.router,
        explorer_router,
        create_live_router(settings),
        exports_router,
        dictionary_router,
        sql_router,
        webhooks_router,
        gateway.get_content,
        gateway.head_content,
        probes.router,
        pages.create_router(site),
        assets.get_asset,
        pins,
        *docs.create_routers(settings.docs_assets),
    ]


def _middleware(parts: Parts, metrics: Metrics) -> list[Any]:
    """From the outermost in: what is kept is answered before any route is asked."""
    settings, explorer = parts.settings, parts.explorer
    return [
        Counting(metrics),
        *([Limiting(settings.requests_per_min)] if settings.requests_per_min else []),
        ByHead(explorer, _settled_age_s(parts)),
        Strict(),
        Keeping(explorer, settings.answers_bytes_max, settings.figures_age_s),
    ]


@asynccontextmanager
async def _working(desks: Desks, explorer: Explorer) -> AsyncIterator[None]:
    """Orders that a crash left unsent are sent, and readers kept informed, for as long as the server runs."""
    resent = await desks.orders.resume()
    if resent:
        _log.info("sent %d orders that were recorded but not sent before", resent)
    works = (desks.jobs.keep_up(), keeping_names(explorer), keeping_rows(explorer))
    beside = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


def _asking(sql: SqlDoor | None) -> AbstractAsyncContextManager[None]:
    return sql.open() if sql else nullcontext()


def _provide(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def _settled_age_s(parts: Parts) -> int:
    return 0 if parts.deployment.chain_id in DEVELOPMENT_CHAINS else parts.settings.settled_age_s


def _cors(settings: ApiSettings) -> CORSConfig | None:
    if not settings.cors_origins:
        return None
    shown = [
        "ETag",
        "Location",
        "Idempotency-Key",
        "Idempotent-Replayed",
        "X-Request-Id",
        "Link",
        "Tally-Cursor",
        "Tally-Head",
        "Tally-Finality",
        "RateLimit-Policy",
        "RateLimit",
        "Retry-After",
    ]
    return CORSConfig(allow_origins=list(settings.cors_origins), expose_headers=shown)


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Tallystick",
        version=version("tallystick"),
        description="A decentralised inference network whose every answer comes with a receipt that anyone can check.",
        path="/openapi",
        render_plugins=[],
        use_handler_docstrings=False,
    )
