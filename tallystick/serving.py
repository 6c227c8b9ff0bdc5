"""Settings come in; indexer, relayer and API run in one process, the only one that opens the explorer's DuckDB."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from api.app import Parts, create_app
from api.content.kubo import create_kubo_app
from api.service.ports import Order, OrderRefused, Orders
from api.settings import ApiSettings
from api.sql.settings import SqlSettings
from chain.contracts import Contracts
from chain.relaying import Relayer
from chain.signing import Signer
from receipts.content.store import BlockStore
from receipts.deployment import Deployment
from tallystick.content import ContentSettings, opened
from tallystick.gateway import NodeReader, RelayedOrders
from tallystick.gauging import IndexerGauges
from tallystick.indexing import IndexSettings, indexing, showing, stopping
from tallystick.listening import Door, open_door, serve
from tallystick.onchain import reading
from tallystick.sql import plan_of, sql_door


class ServeSettings(IndexSettings, frozen=True):
    """What `serve` needs of every room."""

    content: ContentSettings
    api: ApiSettings
    sql: SqlSettings


class NoOrders:
    """An API without a wallet: everything can be read, nothing ordered."""

    async def place(self, order: Order) -> int:
        raise OrderRefused(
            f"this API has no wallet to order {order.model_id} with", "Start it with --keystore, or ask another API."
        )


@asynccontextmanager
async def serving(settings: ServeSettings, deployment: Deployment, signer: Signer | None) -> AsyncIterator[list[Door]]:
    """Indexes and relays while the block lasts; yields the doors to serve. Raises what no waiting will mend."""
    async with AsyncExitStack() as stack:
        chain = await stack.enter_async_context(reading(settings.chain, deployment))
        shown = await stack.enter_async_context(showing(settings, deployment))
        content = await stack.enter_async_context(opened(settings.content))
        orders: Orders = NoOrders()
        if signer is not None:
            relayer = await stack.enter_async_context(Relayer(chain.node, shown.ledger, signer))
            orders = RelayedOrders(relayer, chain.contracts, deployment, settings.api.order_wait_s)
        sql = None
        if settings.sql.enabled:
            plan = plan_of(settings.sql, settings.domain, settings.indexer, deployment)
            sql = await stack.enter_async_context(sql_door(plan))
        parts = Parts(
            explorer=shown.explorer,
            ledger=shown.ledger,
            content=content,
            orders=orders,
            indexing=IndexerGauges(chain.node.effort, shown.explorer),
            chain=NodeReader(chain.node, Contracts(chain.node, deployment)),
            deployment=deployment,
            settings=settings.api,
            takes_orders=signer is not None,
            sql=sql,
        )
        doors = [open_door("API", create_app(parts), settings.api.host, settings.api.port)]
        if isinstance(content, BlockStore):
            name = hashlib.sha256(deployment.coordinator).hexdigest()
            kubo = create_kubo_app(content, name, settings.api.upload_bytes_max, settings.api.cors_origins)
            doors.append(open_door("IPFS RPC", kubo, settings.api.host, settings.api.kubo_port))
        await stack.enter_async_context(indexing(settings, deployment, shown, chain.node))
        yield doors


async def run_api(settings: ServeSettings, deployment: Deployment, signer: Signer | None) -> None:
    """Until SIGTERM or SIGINT, or until the indexer meets what it must not go past."""
    with stopping() as stop:
        async with serving(settings, deployment, signer) as doors:
            await serve(doors, stop)
