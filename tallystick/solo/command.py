"""An order comes in; it is carried out with a bar, a last line, and an end by Ctrl-C, SIGTERM or at the head."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from indexer.lean import be_lean
from tallystick.solo.running import Order, Progress, index, opened
from tallystick.solo.telling import last_line, showing

if TYPE_CHECKING:
    from chain.node import Node
    from tallystick.solo.store import Store


async def run(order: Order) -> None:
    """Raises what no waiting will mend. However it ends, what was indexed stays, and the next run goes on there."""
    began = time.monotonic()
    be_lean()
    async with _interruptible(), opened(order) as (node, ground, store):
        progress = Progress(order.subject.first, ground.head)
        async with _answering(order, node, store), showing(progress):
            await index(order, node, store, progress)
        click.echo(last_line(store.rows(), progress, began, order.chain.level))


@asynccontextmanager
async def _answering(order: Order, node: "Node", store: "Store") -> AsyncIterator[None]:
    """Serves the tables meanwhile, where that is wanted; what only serving needs is imported only then."""
    if order.serve_at is None:
        yield
        return
    from indexer.events import Events
    from tallystick.solo.serving import served

    assert isinstance(store.tables, Events), "the command line lets nobody else serve"
    async with served(store.tables, node.effort, *order.serve_at) as door:
        click.echo(f"http://{order.serve_at[0]}:{door.port}/events/v1/events", err=True)
        yield


@asynccontextmanager
async def _interruptible() -> AsyncIterator[None]:
    """SIGTERM and SIGINT end the block early and quietly."""
    loop, owner = asyncio.get_running_loop(), asyncio.current_task()
    assert owner is not None
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        owner.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not stopped:
            raise
        owner.uncancel()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
