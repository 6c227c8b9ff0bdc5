"""What the world does by itself, as tasks: the chain grows and forks, views of it follow, weather comes and goes."""

import asyncio
import random

from msgspec import convert

from tests.simulation.chain import Chain
from tests.simulation.network import Network, Weather
from tests.simulation.people import People
from tests.simulation.plan import Plan
from tests.simulation.provider import Provider
from tests.simulation.trace import Trace

OUTAGE_S_MAX = 150.0
WEATHER_S = 20.0
BURST_MAX = 11


class Growth:
    """The chain's future."""

    def __init__(
        self, plan: Plan, chain: Chain, people: People, providers: list[Provider], chance: random.Random, trace: Trace
    ) -> None:
        self._plan = plan
        self._chain = chain
        self._people = people
        self._providers = providers
        self._chance = chance
        self._trace = trace

    def begin(self) -> None:
        """What stood before anybody looked."""
        while self._chain.head.number + 1 < self._plan.first_block:
            self._chain.mine(self._plan.block_s)
        self._people.found()
        for _ in range(1 + self._plan.blocks_before):
            self._chain.mine(self._plan.block_s)
            self._people.act()
        for provider in self._providers:
            provider.look()

    async def run(self) -> None:
        for _ in range(self._plan.blocks):
            await asyncio.sleep(self._chance.expovariate(1 / self._plan.block_s))
            self._people.act()
            if self._chain.depth_max() and self._chance.random() < self._plan.reorgs:
                self.fork()
            else:
                for _ in range(self._chance.choice((1, 1, 1, 1, 1, 2, 3, BURST_MAX))):
                    self._chain.mine(self._plan.block_s)
            self.spread()

    def fork(self) -> None:
        """A reorg of any depth that finality allows: to a longer, an equal, a shorter or an empty branch."""
        depth = self._chance.randint(1, self._chain.depth_max())
        length = self._chance.choice((depth + 1, depth + 1, depth, depth + 3, 1, self._chance.randint(0, depth)))
        most = self._chance.choice((6, 6, 0, 30))
        self._chain.reorganise(depth, length, keeps=self._plan.keeps, most=most)
        self._trace.tell(f"{depth} blocks replaced by {length}, head {self._chain.head.number}")

    def spread(self) -> None:
        """Each provider hears of it a little later, if at all."""
        loop = asyncio.get_running_loop()
        for provider in self._providers:
            loop.call_later(self._chance.random() * self._plan.lagging_s, provider.look)


async def weather(plan: Plan, network: Network, providers: list[Provider], chance: random.Random) -> None:
    """Changes who suffers what, now and then, for as long as it is not cancelled."""
    outages = plan.outages
    while True:
        for provider in providers:
            network.weather[provider.name] = _some(plan, chance)
            provider.is_stuck = chance.random() < plan.stuck
        await asyncio.sleep(chance.expovariate(1 / WEATHER_S))
        if outages and chance.random() < 0.3:
            outages -= 1
            for provider in providers:
                network.weather[provider.name].away = True
            await asyncio.sleep(chance.random() * OUTAGE_S_MAX)


def calm(network: Network, providers: list[Provider]) -> None:
    """Everything works again and tells the truth."""
    for provider in providers:
        provider.lies = provider.moves = 0.0
        provider.is_stuck = False
        network.weather[provider.name] = Weather()
        provider.look()


def _some(plan: Plan, chance: random.Random) -> Weather:
    """Two thirds of the plan's troubles at a time."""
    return convert({name: share for name, share in plan.troubles.items() if chance.random() < 0.66}, Weather)
