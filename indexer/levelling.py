"""Once the explorer is level with the chain, each final block's digest is kept: it is too dear on the way there."""

import asyncio
import logging

from indexer.enduring import PASSING
from indexer.explorer import Explorer

LOOK_EVERY_S = 1.0
FACTS_A_LOOK = 50
"""What comes in more slowly than this comes in at the head."""

log = logging.getLogger(__name__)


async def keeping_digests(explorer: Explorer, look_every_s: float = LOOK_EVERY_S) -> None:
    """Begins whenever the explorer is level and does not keep them; a backfill ends it."""
    before = explorer.position
    while True:
        await asyncio.sleep(look_every_s)
        now, gained = explorer.position, explorer.position - before
        before = now
        if explorer.keeps_digests or gained > FACTS_A_LOOK:
            continue
        try:
            await asyncio.to_thread(explorer.keep_digests)
        except PASSING as trouble:
            log.warning("digests are not kept for now: %s", trouble)
