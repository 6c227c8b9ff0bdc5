"""Several indexers of one chain on one store: one leads, the others wait and say so, and the next takes over."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from domain.ledger import Ledger, LedgerError, Tip
from domain.ledger.turns import Turn, turn_of
from indexer.explorer import DatabaseInUse, Explorer

ASK_EVERY_S = 0.5
"""A dead leader is followed within this time, and what the database needs to notice its end."""

WATCH_EVERY_S = 1.0
LOOK_EVERY_S = 0.1

T = TypeVar("T")
Meanwhile = Callable[[], Awaitable[object]]

log = logging.getLogger(__name__)


class LeadLost(LedgerError):
    """The database gave up our turn, by a restart for one; another indexer may have taken it."""


def lead_of(ledger: Ledger, chain_id: int) -> Turn:
    """The right to write a chain's blocks."""
    return turn_of(ledger.database, f"lead-{chain_id}")


@asynccontextmanager
async def leading(turn: Turn, what: str, meanwhile: Meanwhile | None = None) -> AsyncIterator[None]:
    """Waits until we lead, doing what is to be done `meanwhile`, and leads while the block lasts.

    Raises LeadLost inside the block when the turn is gone.
    """
    await _take(turn, what, meanwhile)
    owner = asyncio.current_task()
    assert owner is not None
    is_lost = False

    def end_block(task: asyncio.Task[None]) -> None:
        nonlocal is_lost
        if not task.cancelled():
            is_lost = True
            owner.cancel()

    watch = asyncio.create_task(_lost(turn))
    watch.add_done_callback(end_block)
    try:
        yield
    except asyncio.CancelledError:
        if is_lost:
            raise LeadLost(f"lost the lead of {what}: the database was away, another indexer may lead now") from None
        raise
    finally:
        if is_lost:
            owner.uncancel()
        watch.remove_done_callback(end_block)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await asyncio.to_thread(turn.release)


async def when_free(opened: Callable[[], T]) -> T:
    """What `opened` opens, as soon as no other process has it open."""
    told = False
    while True:
        try:
            return await asyncio.to_thread(opened)
        except DatabaseInUse as fault:
            if not told:
                log.info("waiting to take over: %s", fault)
            told = True
        await asyncio.sleep(ASK_EVERY_S)


async def keep_showing(explorer: Explorer, tip: Tip) -> None:
    """Shows what another process records, without end."""
    shown = -1
    while True:
        version = await asyncio.to_thread(tip.version)
        if version != shown or await asyncio.to_thread(explorer.ledger.position) > explorer.position:
            await asyncio.to_thread(explorer.refresh)
        shown = version
        await asyncio.sleep(LOOK_EVERY_S)


async def _take(turn: Turn, what: str, meanwhile: Meanwhile | None) -> None:
    """Asks until it is our turn; tells once that it waits, and when that is over."""
    if await asyncio.to_thread(turn.take):
        return
    with contextlib.suppress(LedgerError):
        log.info("%s leads %s: standing by to take over", await asyncio.to_thread(turn.holder), what)
    waiting = asyncio.ensure_future(meanwhile() if meanwhile else asyncio.Event().wait())
    try:
        while not await asyncio.to_thread(turn.take):
            await asyncio.wait((waiting,), timeout=ASK_EVERY_S)
            if waiting.done():
                waiting.result()
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    log.info("took over the lead of %s", what)


async def _lost(turn: Turn) -> None:
    """Returns when we do not lead any more."""
    while await asyncio.to_thread(turn.is_held):  # noqa: ASYNC110  nobody but the database could tell us
        await asyncio.sleep(WATCH_EVERY_S)
