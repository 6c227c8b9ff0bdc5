"""Troubles that pass, like a full disk, make the indexer wait and go on; everything else ends it with its reason."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from domain.ledger import LedgerBusy, LedgerFull, LedgerUnreachable
from indexer.explorer import DatabaseFull
from indexer.leading import LeadLost

PASSING = (LedgerFull, LedgerUnreachable, LedgerBusy, LeadLost, DatabaseFull)
"""Somebody makes room, or brings the database back: nothing of what was recorded is lost meanwhile."""

TRY_EVERY_S = 2.0
OVER_AFTER_S = 5.0

log = logging.getLogger(__name__)


async def enduring(
    work: Callable[[], Awaitable[None]], try_every_s: float = TRY_EVERY_S, over_after_s: float = OVER_AFTER_S
) -> None:
    """Runs `work`, anew from what is recorded after each trouble that passes. One line as it begins, one at its end."""
    loop = asyncio.get_running_loop()
    since: float | None = None
    over: asyncio.TimerHandle | None = None

    def tell_that_it_goes_on() -> None:
        nonlocal since
        log.info("indexing goes on after %.0f s", loop.time() - (since or 0))
        since = None

    while True:
        if since is not None:
            over = loop.call_later(over_after_s, tell_that_it_goes_on)
        try:
            return await work()
        except PASSING as trouble:
            if since is None:
                log.warning("indexing waits: %s", trouble)
                since = loop.time()
        finally:
            if over:
                over.cancel()
        await asyncio.sleep(try_every_s)
