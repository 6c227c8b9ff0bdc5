"""Tables of any contract's events come in; an API over them listens for as long as the block lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.events.app import create_events_app
from chain.effort import Effort
from indexer.events import Events
from tallystick.gauging import IndexerGauges
from tallystick.listening import Door, open_door, serve


@asynccontextmanager
async def served(tables: Events, effort: Effort, host: str, port: int) -> AsyncIterator[Door]:
    """Raises AddressInUse before anything else begins."""
    door = open_door("API", create_events_app(tables.queries, IndexerGauges(effort, tables)), host, port)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve([door], stop), name="API")
    try:
        yield door
    finally:
        stop.set()
        await serving
