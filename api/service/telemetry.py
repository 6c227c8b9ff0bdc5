"""How workers' machines fare: readings come in, facts in each node's stream go out, as often as is useful."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from api.service.stories import unix_ms
from domain.facts import GpuSample, TelemetrySampled
from domain.ledger import Conflict, Ledger, Recorded, streams

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


class Telemetry:
    """Records at most one sample a second of each node; a sample's time is the version, so none is kept twice."""

    def __init__(self, ledger: Ledger, clock: Callable[[], int] = unix_ms) -> None:
        self._ledger, self._clock = ledger, clock
        self._newest: dict[str, int] = {}

    async def sampled(self, address: str, reading: Reading) -> bool:
        """Whether the reading was kept."""
        now = self._clock()
        if now - self._newest.get(address, 0) < SAMPLE_GAP_MS:
            return False
        self._newest[address] = now
        node = bytes.fromhex(address.removeprefix("0x"))
        gpus = tuple(
            GpuSample(g.name, g.uuid, g.utilisation_percent, g.memory_used, g.memory_total, g.temperature_c, g.power_w)
            for g in reading.gpus
        )
        fact = TelemetrySampled(node, now, reading.cpu_percent, reading.memory_used, reading.memory_total, gpus)
        try:
            await asyncio.to_thread(self._ledger.record, Recorded(streams.node(node), now, fact))
        except Conflict:
            return False
        return True
