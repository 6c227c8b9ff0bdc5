"""What is kept of webhooks: endpoints, what is delivered to them, and each attempt at it. Times are Unix ms."""

import random
from typing import Literal

from msgspec import Struct

Finality = Literal["instant", "finalized"]
DeliveryState = Literal["waiting", "delivered", "dead"]

RETRY_S = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600)
"""Pauses after each attempt that failed; after the last the delivery is dead. Together a day and a third."""

JITTER = 0.25
ATTEMPTS_KEPT = 20
GIVE_UP_S = 3 * 86_400
"""An endpoint that failed for so long without a success is disabled."""

WAITING_MAX = 10_000
FINISHED_KEPT = 1_000
PREVIOUS_SECRET_S = 86_400
"""After a rotation the secret before signs too for so long."""


class Endpoint(Struct, frozen=True):
    """An address of the operator's choice. Its secrets are sealed; `failing_since` is None while deliveries succeed."""

    id: str
    url: str
    topics: tuple[str, ...]
    finality: Finality
    description: str
    secret: bytes
    created_at: int
    is_enabled: bool = True
    reason: str | None = None
    failing_since: int | None = None
    previous_secret: bytes | None = None
    previous_until: int = 0


class Attempt(Struct, frozen=True):
    """One try: what came back, or what went wrong instead."""

    at: int
    duration_ms: int
    status: int | None = None
    answer: str = ""
    error: str = ""

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Delivery(Struct, frozen=True):
    """One message for one endpoint. `id` is its `webhook-id`, the same at every attempt; `number` orders them."""

    number: int
    id: str
    endpoint: str
    type: str
    body: bytes
    state: DeliveryState
    created_at: int
    next_at: int
    attempts: tuple[Attempt, ...] = ()
    failures: int = 0


class Told(Struct, frozen=True):
    """A message to be delivered, before it has its place."""

    endpoint: str
    id: str
    type: str
    body: bytes
    at: int


def pause_ms(failures: int, source: random.Random) -> int | None:
    """How long to wait after this many failures; None when it is given up."""
    if failures > len(RETRY_S):
        return None
    return int(1000 * RETRY_S[failures - 1] * source.uniform(1 - JITTER, 1 + JITTER))
