"""The webhooks of one chain at work: one process of a ledger feeds and delivers, the others stand by to take over."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from api.settings import ApiSettings
from api.webhooks.delivering import Deliveries
from api.webhooks.feed import Clock, Feed, unix_ms
from api.webhooks.sending import Sender
from api.webhooks.signing import Vault
from api.webhooks.store import Store
from api.webhooks.targets import Resolve, resolved
from domain.ledger import Ledger, LedgerError
from domain.ledger.turns import Turn, turn_of
from indexer.explorer import Changes
from indexer.explorer.explorer import Explorer

ASK_EVERY_S = 1.0
TOGETHER_S = 0.25
FORGET_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Webhooks:
    """Feeds and delivers while it runs and has the turn."""

    def __init__(
        self,
        explorer: Explorer,
        ledger: Ledger,
        store: Store,
        vault: Vault,
        settings: ApiSettings,
        clock: Clock = unix_ms,
        resolve: Resolve = resolved,
    ) -> None:
        self._explorer, self._ledger, self._store = explorer, ledger, store
        self._vault, self._settings, self._clock, self._resolve = vault, settings, clock, resolve
        self._turn: Turn = turn_of(ledger.database, f"webhooks-{explorer.sources.chain_id}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self._store.prepare)
        task = asyncio.create_task(self._lead())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _lead(self) -> None:
        """Works whenever it has the turn; after trouble with the ledger it goes on from what is recorded."""
        while True:
            try:
                if await asyncio.to_thread(self._turn.take):
                    await self._work()
            except LedgerError as fault:
                log.warning("webhooks wait: %s", fault)
            except Exception:
                log.exception("webhooks begin anew")
            finally:
                await asyncio.shield(asyncio.to_thread(self._turn.release))
            await asyncio.sleep(ASK_EVERY_S)

    async def _work(self) -> None:
        """Until the turn is lost."""
        loop, commits = asyncio.get_running_loop(), asyncio.Queue[Changes]()

        def tell(changes: Changes) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody delivers any more
                loop.call_soon_threadsafe(commits.put_nowait, changes)

        feed = Feed(self._explorer, self._ledger, self._store, self._clock)
        private = self._settings.webhook_private_targets
        sender = Sender(self._vault, self._settings.webhook_timeout_s, private, self._clock, self._resolve)
        deliveries = Deliveries(self._store, sender, self._clock, random.Random())
        end = self._explorer.follow(tell)
        tasks = []
        try:
            await asyncio.to_thread(feed.resume)
            work = (_feed(feed, commits), deliveries.run(), self._forget(), self._watch())
            tasks = [asyncio.create_task(each) for each in work]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await sender.close()

    async def _forget(self) -> None:
        while True:
            await asyncio.to_thread(self._store.forget_old)
            await asyncio.sleep(FORGET_EVERY_S)

    async def _watch(self) -> None:
        while await asyncio.to_thread(self._turn.is_held):  # noqa: ASYNC110  nobody but the database could tell us
            await asyncio.sleep(ASK_EVERY_S)


async def _feed(feed: Feed, commits: "asyncio.Queue[Changes]") -> None:
    """What comes within a moment is recorded at once."""
    while True:
        taken = [await commits.get()]
        while not commits.empty():
            taken.append(commits.get_nowait())
        await asyncio.to_thread(feed.take, taken)
        await asyncio.sleep(TOGETHER_S)
