"""How workers' machines fare: readings come in, facts in each node's stream go out, as often as is useful."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

from msgspec import Meta, Struct

from api.service.refusals import Denied
from api.service.stories import unix_ms
from domain.facts import GpuSample, TelemetrySampled
from domain.ledger import Conflict, Ledger, Recorded, streams
from indexer.explorer.explorer import Explorer

Percent = Annotated[float, Meta(ge=0, le=100)]
Bytes = Annotated[int, Meta(ge=0, le=2**53)]
Name = Annotated[str, Meta(max_length=128)]

SAMPLE_GAP_MS = 1_000


class Gpu(Struct, frozen=True):
    """One GPU's readings. Null means that the driver does not tell."""

    name: Name
    uuid: Name
    utilisation_percent: Percent
    memory_used: Bytes
    memory_total: Bytes
    temperature_c: float | None = None
    power_w: float | None = None


class Reading(Struct, frozen=True):
    """A machine at one moment. `at` is Unix ms by its own clock; what is kept is when it arrived, by ours."""

    at: Annotated[int, Meta(ge=0, le=2**53)]
    cpu_percent: Percent
    memory_used: Bytes
    memory_total: Bytes
    gpus: Annotated[tuple[Gpu, ...], Meta(max_length=64)] = ()


class NotANode(Denied):
    """Only registered nodes are listened to."""

    remedy = "Register it first: `tallystick node register`."


class Telemetry:
    """Records at most one sample a second of each node; a sample's time is the version, so none is kept twice."""

    def __init__(self, ledger: Ledger, explorer: Explorer, clock: Callable[[], int] = unix_ms) -> None:
        self._ledger, self._explorer, self._clock = ledger, explorer, clock
        self._newest: dict[str, int] = {}

    async def sampled(self, address: str, reading: Reading) -> None:
        """Raises NotANode: whoever may write into the ledger has a stake to lose."""
        now = self._clock()
        if now - self._newest.get(address, 0) < SAMPLE_GAP_MS:
            return
        if await asyncio.to_thread(self._explorer.queries.node, address) is None:
            raise NotANode(f"{address} is no registered node")
        self._newest[address] = now
        node = bytes.fromhex(address.removeprefix("0x"))
        gpus = tuple(
            GpuSample(g.name, g.uuid, g.utilisation_percent, g.memory_used, g.memory_total, g.temperature_c, g.power_w)
            for g in reading.gpus
        )
        fact = TelemetrySampled(node, now, reading.cpu_percent, reading.memory_used, reading.memory_total, gpus)
        with suppress(Conflict):  # another replica kept one of this very millisecond
            await asyncio.to_thread(self._ledger.record, Recorded(streams.node(node), now, fact))
