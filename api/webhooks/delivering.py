"""Deliveries that wait are sent, each endpoint's in their order, and again after a pause until they are given up."""

import asyncio
import logging
import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from msgspec.structs import replace

from api.webhooks.records import ATTEMPTS_KEPT, GIVE_UP_S, WAITING_MAX, Attempt, Delivery, Endpoint, pause_ms
from api.webhooks.sending import Sender
from api.webhooks.store import Store

LOOK_EVERY_S = 0.25

log = logging.getLogger(__name__)


class Deliveries:
    """One endpoint that is slow or away holds up no other."""

    def __init__(self, store: Store, sender: Sender, clock: Callable[[], int], source: random.Random) -> None:
        self._store, self._sender, self._clock, self._source = store, sender, clock, source
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled; what is under way then is sent again by whoever goes on, under the same id."""
        try:
            while True:
                for endpoint in await asyncio.to_thread(self._open):
                    if endpoint.id not in self._busy or self._busy[endpoint.id].done():
                        self._busy[endpoint.id] = asyncio.create_task(self._deliver(endpoint.id))
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _deliver(self, endpoint_id: str) -> None:
        """As long as something is due."""
        while due := await asyncio.to_thread(self._due, endpoint_id):
            endpoint, delivery = due
            attempt = await self._sender.attempt(endpoint, delivery)
            await asyncio.to_thread(self._settle, endpoint, delivery, attempt)

    def _due(self, endpoint_id: str) -> tuple[Endpoint, Delivery] | None:
        endpoint, delivery = self._store.endpoint(endpoint_id), self._store.first_waiting(endpoint_id)
        if endpoint is None or not endpoint.is_enabled or delivery is None or delivery.next_at > self._clock():
            return None
        return endpoint, delivery

    def _settle(self, endpoint: Endpoint, delivery: Delivery, attempt: Attempt) -> None:
        """What the attempt means for the delivery and for its endpoint."""
        tried = replace(delivery, attempts=(*delivery.attempts, attempt)[-ATTEMPTS_KEPT:])
        if attempt.succeeded:
            self._store.tried(replace(tried, state="delivered"), **_healthy(endpoint))
            return
        since = endpoint.failing_since or attempt.at
        pause = pause_ms(delivery.failures + 1, self._source)
        state = "dead" if pause is None or attempt.status == HTTPStatus.GONE else "waiting"
        failed = replace(tried, state=state, failures=delivery.failures + 1, next_at=attempt.at + (pause or 0))
        self._store.tried(failed, failing_since=since)
        if attempt.status == HTTPStatus.GONE:
            self._disable(endpoint, "it answered 410 Gone: it wants no more")
        elif attempt.at - since > 1000 * GIVE_UP_S:
            self._disable(endpoint, f"every delivery failed for {GIVE_UP_S // 86_400} days")

    def _disable(self, endpoint: Endpoint, reason: str) -> None:
        log.warning("webhook %s to %s is disabled: %s", endpoint.id, endpoint.url, reason)
        self._store.change(endpoint.id, is_enabled=False, reason=reason)
        self._store.bury(endpoint.id)

    def _open(self) -> list[Endpoint]:
        """Endpoints that are delivered to; one for which too much waits is disabled."""
        enabled = [endpoint for endpoint in self._store.endpoints() if endpoint.is_enabled]
        waiting = self._store.waiting() if enabled else {}
        crowded = [endpoint for endpoint in enabled if waiting.get(endpoint.id, 0) > WAITING_MAX]
        for endpoint in crowded:
            self._disable(endpoint, f"more than {WAITING_MAX} deliveries wait")
        return [endpoint for endpoint in enabled if endpoint not in crowded]


def _healthy(endpoint: Endpoint) -> dict[str, Any]:
    return {} if endpoint.failing_since is None else {"failing_since": None}
