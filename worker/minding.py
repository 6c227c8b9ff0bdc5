"""Engine, chain and machine are looked at, over and over; whether each speaks against taking work is noted."""

import asyncio
import logging
import time

from chain.errors import Retryable
from chain.following import Follower
from receipts.canonical import to_hex

from .coordinator import Coordinator
from .engine import Engine, EngineError
from .health import Health
from .telemetry import Gauges
from .uplink import Uplink
from .watching import Watcher

LOOK_S = 1.0
STANDING_LOOK_S = 0.2
RESTART_S = 2.0
RESTART_S_MAX = 60.0

log = logging.getLogger(__name__)


async def mind_engine(engine: Engine, health: Health) -> None:
    """Starts the engine again when it died; until it answers, no work is taken."""
    pause_s = RESTART_S
    while True:
        trouble = await engine.health()
        health.note("engine", trouble)
        if trouble is not None and not health.has("draining"):
            try:
                await engine.start()
                pause_s = RESTART_S
                continue
            except EngineError as fault:
                log.warning("the engine does not start: %s; again in %.0f s", fault, pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(RESTART_S_MAX, pause_s * 2)
        await asyncio.sleep(LOOK_S)


async def mind_chain(
    follower: Follower, watcher: Watcher, coordinator: Coordinator, worker: bytes, health: Health
) -> None:
    """Learns whether the chain is heard, and whether we may claim on it."""
    while True:
        health.note("chain", follower.trouble)
        if follower.trouble is None and watcher.standing_changed:
            watcher.standing_changed = False
            try:
                health.note("standing", await _standing(coordinator, worker))
            except Retryable:
                watcher.standing_changed = True
            watcher.wake()
        await asyncio.sleep(STANDING_LOOK_S)


async def _standing(coordinator: Coordinator, worker: bytes) -> str | None:
    if await coordinator.may_claim():
        return None
    return f"node {to_hex(worker)} may not claim: register it, or add stake, with `tallystick node`"


async def mind_machine(gauges: Gauges, worker: bytes, every_s: float, health: Health, uplink: Uplink) -> None:
    """Samples the machine, tells the API, and notes a GPU that is lost or too hot."""
    try:
        while True:
            reading = await asyncio.to_thread(gauges.read, worker, time.time_ns() // 1_000_000)
            health.note("gpu", reading.trouble)
            uplink.sample(reading.sample)
            await asyncio.sleep(every_s)
    finally:
        gauges.close()
