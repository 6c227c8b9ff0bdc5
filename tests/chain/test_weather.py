"""Three providers in changing weather, over simulated time: what must hold of every call, whatever the weather."""

import asyncio
import json
import logging
import random
from typing import Any

import pytest

from chain.errors import Retryable
from chain.node import Node
from chain.settings import ChainSettings, ProviderSettings
from chain.transport import Reply, Socket
from tests.simulation.loop import VirtualLoop

pytestmark = pytest.mark.thorough

NAMES = ("first", "second", "third")
SEEDS = range(25)
LASTS_S = 600.0
TROUBLES = ("hang", "reset", "refused", "busy", "limited", "garbage", "slow", "other chain's error")
SETTINGS = ChainSettings(
    providers=tuple(ProviderSettings(url=f"http://{name}", name=name) for name in NAMES), chain_id=7
)


class Sky:
    """Which trouble each provider is in; answers each request accordingly, or not at all."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.trouble = dict.fromkeys(NAMES, "")
        self.well_since = dict.fromkeys(NAMES, 0.0)
        self.asked: list[str] = []

    async def post(self, url: str, body: bytes, timeout_s: float) -> Reply:
        name = url.removeprefix("http://")
        self.asked.append(name)
        await asyncio.sleep(self.chance.uniform(0.01, 0.2))
        match self.trouble[name]:
            case "hang":
                await asyncio.sleep(timeout_s * 1000)
            case "slow":
                await asyncio.sleep(timeout_s * self.chance.uniform(0.5, 1.5))
            case "reset" | "refused" as how:
                raise (ConnectionResetError if how == "reset" else ConnectionRefusedError)(how)
            case "busy" | "limited" as how:
                return Reply(503 if how == "busy" else 429, {}, b"not now")
            case "garbage":
                return Reply(200, {}, body[: len(body) // 2])
            case "other chain's error":
                return Reply(200, {}, _answers(body, {"error": {"code": -32603, "message": "Internal error"}}))
        return Reply(200, {}, _answers(body, {"result": "0x7"}))

    async def connect(self, url: str) -> Socket:
        raise ConnectionRefusedError(url)

    async def close(self) -> None:
        """Nothing is held."""

    async def change(self) -> None:
        """Every now and then another trouble befalls somebody, or leaves him."""
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / 15))
            name = self.chance.choice(NAMES)
            self.turn(name, self.chance.choice(("", *TROUBLES)))

    def turn(self, name: str, trouble: str) -> None:
        self.trouble[name] = trouble
        self.well_since[name] = asyncio.get_running_loop().time() if not trouble else float("inf")


def _answers(body: bytes, told: dict[str, Any]) -> bytes:
    asked = json.loads(body)
    if isinstance(asked, list):
        return json.dumps([{"id": each["id"], **told} for each in asked]).encode()
    return json.dumps({"id": asked["id"], **told}).encode()


async def call_often(node: Node, sky: Sky) -> None:
    """Each call ends by its deadline, and well if anybody was well for as long as it took."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        failure = None
        try:
            assert await node.call("eth_gasPrice") == "0x7"
        except Retryable as error:
            failure = error
        assert loop.time() - began <= SETTINGS.deadline_s + 1e-6
        well = [name for name in NAMES if sky.well_since[name] < began - SETTINGS.backoff_max_s]
        assert failure is None or not well, f"{', '.join(well)} would have answered, and yet: {failure}"
        await asyncio.sleep(sky.chance.expovariate(1))


async def live(chance: random.Random) -> None:
    sky = Sky(chance)
    async with Node(SETTINGS, sky, chance=chance) as node:
        weather = asyncio.create_task(sky.change())
        callers = [asyncio.create_task(call_often(node, sky)) for _ in range(3)]
        await asyncio.sleep(LASTS_S)
        weather.cancel()
        for name in NAMES:
            sky.turn(name, "")
        await asyncio.sleep(120)
        sky.asked.clear()
        await asyncio.sleep(30)
        for caller in callers:
            caller.cancel()
        for ended in await asyncio.gather(*callers, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                raise ended  # type: ignore[misc]
    assert set(sky.asked) == {"first"}, "after the storm all is asked of the first again"


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_weather_calls_end_in_time_and_well_if_anybody_answers(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    chance = random.Random(seed)
    loop = VirtualLoop(chance)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(live(chance))
    for name in NAMES:
        told = [each.getMessage() for each in caplog.records if f"provider {name}" in each.getMessage()]
        assert [each.startswith("over after") for each in told] == [False, True] * (len(told) // 2)
