"""Settings come in; one chain is indexed into ledger and explorer, by us as long as we lead, else by another."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from msgspec import Struct

from chain.following import Follower
from chain.node import Node
from chain.settings import ChainSettings
from domain.ledger import Ledger, Tip
from domain.settings import DomainSettings
from indexer.enduring import enduring
from indexer.errands import doing_errands
from indexer.explorer import Explorer, OlderDatabase, upgrade
from indexer.following import Indexer
from indexer.integrity import Checks
from indexer.leading import keep_showing, lead_of, leading, when_free
from indexer.levelling import keeping_digests
from indexer.settings import IndexerSettings
from receipts.deployment import Deployment
from tallystick.onchain import open_ledger, reading

log = logging.getLogger(__name__)


class IndexSettings(Struct, frozen=True):
    """What indexing needs of the rooms."""

    chain: ChainSettings
    domain: DomainSettings
    indexer: IndexerSettings


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


async def run_index(settings: IndexSettings, deployment: Deployment) -> None:
    """The indexer alone, until SIGTERM or SIGINT."""
    with stopping() as stop:
        async with (
            reading(settings.chain, deployment) as chain,
            showing(settings, deployment) as shown,
            indexing(settings, deployment, shown, chain.node),
        ):
            await stop.wait()


@contextmanager
def open_index(settings: IndexSettings, deployment: Deployment, node: Node) -> Iterator[Index]:
    """Opens ledger and explorer, where a crash may have left them, and a follower from there on."""
    with open_shown(settings, deployment) as shown:
        yield indexing_into(shown, settings, deployment, node)


@contextmanager
def open_shown(settings: IndexSettings, deployment: Deployment) -> Iterator[Shown]:
    """Opens ledger and explorer, where a crash may have left them, and shows what they hold."""
    chosen, chain_id = settings.indexer, deployment.chain_id
    Path(chosen.database).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        ledger = open_ledger(settings.domain)
        stack.callback(ledger.close)
        tip = Tip(ledger, chain_id)
        explorer = _open_explorer(
            Path(chosen.database),
            lambda path: Explorer(
                path,
                ledger,
                tip,
                coordinator=deployment.contracts["InferenceCoordinator"].address,
                batch_events=chosen.batch_events,
                memory_limit_mib=chosen.memory_limit_mib,
                threads=chosen.threads,
                history_blocks=chosen.history_blocks,
            ),
        )
        stack.callback(explorer.close)
        explorer.refresh()
        yield Shown(ledger, tip, explorer)


def _open_explorer(path: Path, opened: Callable[[Path], Explorer]) -> Explorer:
    """The explorer; one of an older version is built anew first."""
    try:
        return opened(path)
    except OlderDatabase as older:
        log.warning("%s; doing that now, no node is asked and readers are let in when it is done", older)
        began = time.monotonic()
        upgrade(path, opened)
        log.info("explorer database %s is of this version now, after %.1f s", path, time.monotonic() - began)
        return opened(path)


@asynccontextmanager
async def showing(settings: IndexSettings, deployment: Deployment) -> AsyncIterator[Shown]:
    """The same as soon as the explorer's file is free: another process on the same files leads, and we take over."""
    async with AsyncExitStack() as stack:
        shown = await when_free(lambda: stack.enter_context(open_shown(settings, deployment)))
        yield shown


def indexing_into(shown: Shown, settings: IndexSettings, deployment: Deployment, node: Node) -> Index:
    """Where the last indexer stopped, whoever it was."""
    chosen, chain_id = settings.indexer, deployment.chain_id
    checks = Checks(
        shown.ledger,
        chain_id,
        node.place,
        level=settings.chain.level,
        blocks_max=chosen.integrity_blocks,
        open_max_s=chosen.integrity_s,
    )
    snapshot = shown.tip.snapshot()
    checks.recover(snapshot.final)
    shown.explorer.refresh()
    follower = Follower.of(node, deployment, snapshot.final, snapshot.blocks)
    indexer = Indexer(shown.ledger, shown.tip, shown.explorer, checks, node.effort)
    return Index(shown.ledger, shown.explorer, indexer, follower)


@asynccontextmanager
async def indexing(settings: IndexSettings, deployment: Deployment, shown: Shown, node: Node) -> AsyncIterator[None]:
    """Indexes while the block lasts, or stands by; a fatal end of the indexer ends the block with its reason."""
    owner = asyncio.current_task()
    assert owner is not None

    def end_block(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            owner.cancel()

    beside = [asyncio.create_task(work) for work in (keeping_digests(shown.explorer), doing_errands(shown.explorer))]
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
        for each in (task, *beside):
            each.cancel()
        await asyncio.gather(task, *beside, return_exceptions=True)


async def _follow(settings: IndexSettings, deployment: Deployment, shown: Shown, node: Node) -> None:
    """Shows what another indexer records until we lead, then leads; goes on after what passes, like a full disk."""

    turn, chain = lead_of(shown.ledger, deployment.chain_id), f"chain {deployment.chain_id}"

    async def lead() -> None:
        async with leading(turn, chain, lambda: keep_showing(shown.explorer, shown.tip)):
            index = await asyncio.to_thread(indexing_into, shown, settings, deployment, node)
            async with contextlib.aclosing(index.follower.news()) as news:
                await index.indexer.run(news)

    await enduring(lead)


@contextmanager
def stopping() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
