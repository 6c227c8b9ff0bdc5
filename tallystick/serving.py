"""Settings come in; indexer, relayer and API run in one process, the only one that opens the explorer's DuckDB."""

import asyncio
import contextlib
import hashlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from msgspec import Struct

from api.app import Parts, create_app
from api.content.kubo import create_kubo_app
from api.service.ports import Order, OrderRefused, Orders
from api.settings import ApiSettings
from chain.contracts import Contracts
from chain.following import Follower
from chain.node import Node
from chain.relaying import Relayer
from chain.settings import ChainSettings
from chain.signing import Signer
from domain.ledger import Ledger, Tip
from domain.settings import DomainSettings
from indexer.enduring import enduring
from indexer.explorer import Explorer
from indexer.following import Indexer
from indexer.integrity import Checks
from indexer.leading import keep_showing, lead_of, leading, when_free
from indexer.settings import IndexerSettings
from receipts.content.store import BlockStore
from receipts.deployment import Deployment
from tallystick.content import ContentSettings, opened
from tallystick.gateway import NodeReader, RelayedOrders
from tallystick.listening import Door, open_door, serve
from tallystick.onchain import open_ledger, reading


class ServeSettings(Struct, frozen=True):
    """What `serve` and `index` need of every room."""

    chain: ChainSettings
    domain: DomainSettings
    indexer: IndexerSettings
    content: ContentSettings
    api: ApiSettings


class NoOrders:
    """An API without a wallet: everything can be read, nothing ordered."""

    async def place(self, order: Order) -> int:
        raise OrderRefused(
            f"this API has no wallet to order {order.model_id} with", "Start it with --keystore, or ask another API."
        )


class Shown(Struct, frozen=True):
    """One chain's ledger and an explorer over it. Several processes may show a ledger, each in its own explorer."""

    ledger: Ledger
    tip: Tip
    explorer: Explorer


class Index(Struct, frozen=True):
    """What is shown, and what keeps it in step with the node. One process at a time indexes into a ledger."""

    ledger: Ledger
    explorer: Explorer
    indexer: Indexer
    follower: Follower


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
        parts = Parts(
            explorer=shown.explorer,
            ledger=shown.ledger,
            content=content,
            orders=orders,
            chain=NodeReader(chain.node, Contracts(chain.node, deployment)),
            deployment=deployment,
            settings=settings.api,
        )
        doors = [open_door("API", create_app(parts), settings.api.host, settings.api.port)]
        if isinstance(content, BlockStore):
            name = hashlib.sha256(deployment.coordinator).hexdigest()
            kubo = create_kubo_app(content, name, settings.api.upload_bytes_max, settings.api.cors_origins)
            doors.append(open_door("IPFS RPC", kubo, settings.api.host, settings.api.kubo_port))
        await stack.enter_async_context(_indexing(settings, deployment, shown, chain.node))
        yield doors


async def run_api(settings: ServeSettings, deployment: Deployment, signer: Signer | None) -> None:
    """Until SIGTERM or SIGINT, or until the indexer meets what it must not go past."""
    with _stopping() as stop:
        async with serving(settings, deployment, signer) as doors:
            await serve(doors, stop)


async def run_index(settings: ServeSettings, deployment: Deployment) -> None:
    """The indexer alone, until SIGTERM or SIGINT."""
    with _stopping() as stop:
        async with (
            reading(settings.chain, deployment) as chain,
            showing(settings, deployment) as shown,
            _indexing(settings, deployment, shown, chain.node),
        ):
            await stop.wait()


@contextmanager
def open_index(settings: ServeSettings, deployment: Deployment, node: Node) -> Iterator[Index]:
    """Opens ledger and explorer, where a crash may have left them, and a follower from there on."""
    with open_shown(settings, deployment) as shown:
        yield indexing_into(shown, settings, deployment, node)


@contextmanager
def open_shown(settings: ServeSettings, deployment: Deployment) -> Iterator[Shown]:
    """Opens ledger and explorer, where a crash may have left them, and shows what they hold."""
    indexing, chain_id = settings.indexer, deployment.chain_id
    Path(indexing.database).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        ledger = open_ledger(settings.domain)
        stack.callback(ledger.close)
        tip = Tip(ledger, chain_id)
        explorer = Explorer(
            Path(indexing.database),
            ledger,
            tip,
            coordinator=deployment.contracts["InferenceCoordinator"].address,
            batch_events=indexing.batch_events,
            memory_limit_mib=indexing.memory_limit_mib,
            threads=indexing.threads,
        )
        stack.callback(explorer.close)
        explorer.refresh()
        yield Shown(ledger, tip, explorer)


@asynccontextmanager
async def showing(settings: ServeSettings, deployment: Deployment) -> AsyncIterator[Shown]:
    """The same as soon as the explorer's file is free: another process on the same files leads, and we take over."""
    async with AsyncExitStack() as stack:
        shown = await when_free(lambda: stack.enter_context(open_shown(settings, deployment)))
        yield shown


def indexing_into(shown: Shown, settings: ServeSettings, deployment: Deployment, node: Node) -> Index:
    """Where the last indexer stopped, whoever it was."""
    indexing, chain_id = settings.indexer, deployment.chain_id
    checks = Checks(
        shown.ledger,
        chain_id,
        node.place,
        level=indexing.level,
        blocks_max=indexing.integrity_blocks,
        open_max_s=indexing.integrity_s,
    )
    snapshot = shown.tip.snapshot()
    checks.recover(snapshot.final)
    shown.explorer.refresh()
    follower = Follower.of(node, deployment, snapshot.final, snapshot.blocks)
    return Index(shown.ledger, shown.explorer, Indexer(shown.ledger, shown.tip, shown.explorer, checks), follower)


@asynccontextmanager
async def _indexing(settings: ServeSettings, deployment: Deployment, shown: Shown, node: Node) -> AsyncIterator[None]:
    """Indexes while the block lasts, or stands by; a fatal end of the indexer ends the block with its reason."""
    owner = asyncio.current_task()
    assert owner is not None

    def end_block(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            owner.cancel()

    task = asyncio.create_task(_follow(settings, deployment, shown, node), name="indexer")
    task.add_done_callback(end_block)
    try:
        yield
    except asyncio.CancelledError:
        if task.done() and not task.cancelled():
            owner.uncancel()
            task.result()
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(settings: ServeSettings, deployment: Deployment, shown: Shown, node: Node) -> None:
    """Shows what another indexer records until we lead, then leads; goes on after what passes, like a full disk."""

    async def lead() -> None:
        index = await asyncio.to_thread(indexing_into, shown, settings, deployment, node)
        async with contextlib.aclosing(index.follower.news()) as news:
            await index.indexer.run(news)

    turn = lead_of(shown.ledger, deployment.chain_id)
    async with leading(turn, f"chain {deployment.chain_id}", lambda: keep_showing(shown.explorer, shown.tip)):
        await enduring(lead)


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
