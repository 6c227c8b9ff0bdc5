"""A disk and a way to the network go in; one life of the production indexer comes out, to its end or to its murder."""

import asyncio
import random

from chain.node import Node
from chain.settings import ChainSettings
from domain.settings import DomainSettings
from indexer.explorer import Explorer
from indexer.settings import IndexerSettings
from receipts.deployment import Deployment
from tallystick.indexing import IndexSettings, indexing, showing
from tests.simulation.disk import Disk
from tests.simulation.network import Door


class Killed(BaseException):
    """The process ends here, without another word."""


class Machine:
    """One process. `explorer` is there while it serves readers."""

    def __init__(self, settings: IndexSettings, deployment: Deployment, door: Door, chance: random.Random) -> None:
        self._settings = settings
        self._deployment = deployment
        self._door = door
        self._chance = chance
        self.is_dead = False
        self.explorer: Explorer | None = None

    async def run(self) -> None:
        """Until it is cancelled or killed, or ends with what no waiting will mend."""
        settings, deployment = self._settings, self._deployment
        async with (
            Node(settings.chain, self._door, chance=self._chance) as node,
            showing(settings, deployment) as shown,
        ):
            self.explorer = shown.explorer
            try:
                async with indexing(settings, deployment, shown, node):
                    await asyncio.Event().wait()
            finally:
                self.explorer = None

    async def die(self, task: asyncio.Task[None]) -> None:
        """Lets what was running unwind, though it can no longer reach disk or network."""
        self.is_dead = True
        self.explorer = None
        await self._door.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def settings_of(disk: Disk, chain: ChainSettings, batch_events: int) -> IndexSettings:
    return IndexSettings(
        chain=chain,
        domain=DomainSettings(disk.ledger_url),
        indexer=IndexerSettings(disk.database, batch_events=batch_events, threads=1),
    )
