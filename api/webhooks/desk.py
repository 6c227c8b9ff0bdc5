"""What the operator does with webhooks: orders come in, checked, and the store holds what follows from them."""

import asyncio
import secrets
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from api.live.topics import Topics, topics_named
from api.rendering import iso_of_ms
from api.service.refusals import Absent, Clashing, Crowded, Invalid
from api.webhooks.feed import Clock, unix_ms
from api.webhooks.records import PREVIOUS_SECRET_S, Delivery, DeliveryState, Endpoint, Finality, Told
from api.webhooks.signing import Vault, new_secret
from api.webhooks.store import Store
from api.webhooks.targets import Resolve, checked, resolved

ENDPOINTS_MAX = 100


class UnknownEndpoint(Absent):
    """There is no such webhook."""

    remedy = "GET /explorer/v1/webhooks lists them."


class UnknownDelivery(Absent):
    """There is no such delivery, or it is so old that it was forgotten."""

    remedy = "GET /explorer/v1/webhooks/{id}/deliveries lists those that are kept."


class NoRows(Invalid):
    """The topic tells of no rows."""

    remedy = "Webhooks tell of blocks, jobs, receipts, job:NUMBER and address:0x...; figures are read or streamed."


class EndpointDisabled(Clashing):
    """Nothing is delivered to a webhook that is disabled."""

    remedy = "Enable it first."


class TooManyEndpoints(Crowded):
    """As many webhooks as are allowed."""

    remedy = "Delete one that nobody needs."


class Made(Struct, frozen=True):
    """An endpoint, and its secret, which is never shown again."""

    endpoint: Endpoint
    secret: str


class WebhookDesk:
    """Where the operator's orders are carried out."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        allow_private: bool,
        clock: Clock = unix_ms,
        resolve: Resolve = resolved,
    ) -> None:
        self._store, self._vault, self._allow_private = store, vault, allow_private
        self._clock, self._resolve = clock, resolve

    async def add(self, url: str, topics: Iterable[str], finality: Finality, description: str) -> Made:
        """Raises BadTarget, BadTopic, NoRows, TooManyEndpoints, KeyUnusable."""
        followed = _rows_only(topics_named(topics))
        await checked(url, self._allow_private, self._resolve)
        return await asyncio.to_thread(self._add, url, followed, finality, description)

    async def all(self) -> list[Endpoint]:
        return await asyncio.to_thread(self._store.endpoints)

    async def one(self, endpoint_id: str) -> Endpoint:
        """Raises UnknownEndpoint."""
        return _found(await asyncio.to_thread(self._store.endpoint, endpoint_id), endpoint_id)

    async def remove(self, endpoint_id: str) -> None:
        """Raises UnknownEndpoint."""
        if not await asyncio.to_thread(self._store.remove, endpoint_id):
            raise UnknownEndpoint(f"there is no webhook {endpoint_id}")

    async def enable(self, endpoint_id: str) -> Endpoint:
        """Raises UnknownEndpoint."""
        changes = {"is_enabled": True, "reason": None, "failing_since": None}
        return _found(await asyncio.to_thread(lambda: self._store.change(endpoint_id, **changes)), endpoint_id)

    async def disable(self, endpoint_id: str) -> Endpoint:
        """What waits stays, and goes on when it is enabled. Raises UnknownEndpoint."""
        changes = {"is_enabled": False, "reason": "disabled by the operator"}
        return _found(await asyncio.to_thread(lambda: self._store.change(endpoint_id, **changes)), endpoint_id)

    async def rotate(self, endpoint_id: str) -> Made:
        """A new secret; the one before signs too for a day. Raises UnknownEndpoint, KeyUnusable."""
        return await asyncio.to_thread(self._rotate, await self.one(endpoint_id))

    async def test(self, endpoint_id: str) -> Delivery:
        """Queues a message that tells of nothing. Raises UnknownEndpoint, EndpointDisabled."""
        endpoint = await self.one(endpoint_id)
        _check_enabled(endpoint)
        message_id, now = f"msg_{secrets.token_hex(12)}", self._clock()
        body = msgspec.json.encode({"type": "test", "timestamp": iso_of_ms(now), "data": {"webhook": endpoint.id}})
        await asyncio.to_thread(self._store.tell, [Told(endpoint.id, message_id, "test", body, now)], None)
        return await self.delivery(endpoint_id, message_id)

    async def deliveries(
        self, endpoint_id: str, state: DeliveryState | None, limit: int, before: int | None
    ) -> list[Delivery]:
        """Newest first. Raises UnknownEndpoint."""
        await self.one(endpoint_id)
        return await asyncio.to_thread(self._store.deliveries, endpoint_id, state, limit, before)

    async def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery:
        """Raises UnknownEndpoint, UnknownDelivery."""
        await self.one(endpoint_id)
        found = await asyncio.to_thread(self._store.delivery, endpoint_id, delivery_id)
        if found is None:
            raise UnknownDelivery(f"webhook {endpoint_id} has no delivery {delivery_id}")
        return found

    async def resend(self, endpoint_id: str, delivery_id: str | None = None) -> int:
        """A delivery, or all that are dead, under the same ids. Raises UnknownEndpoint, UnknownDelivery, and
        EndpointDisabled."""
        _check_enabled(await self.one(endpoint_id))
        if delivery_id is not None:
            await self.delivery(endpoint_id, delivery_id)
        return await asyncio.to_thread(self._store.revive, endpoint_id, self._clock(), delivery_id)

    def _add(self, url: str, topics: Topics, finality: Finality, description: str) -> Made:
        if len(self._store.endpoints()) >= ENDPOINTS_MAX:
            raise TooManyEndpoints(f"there are {ENDPOINTS_MAX} webhooks")
        endpoint_id, secret = f"ep_{secrets.token_hex(8)}", new_secret()
        sealed = self._vault.seal(secret, endpoint_id)
        endpoint = Endpoint(endpoint_id, url, tuple(sorted(topics)), finality, description, sealed, self._clock())
        self._store.add(endpoint)
        return Made(endpoint, secret)

    def _rotate(self, endpoint: Endpoint) -> Made:
        secret = new_secret()
        changed = self._store.change(
            endpoint.id,
            secret=self._vault.seal(secret, endpoint.id),
            previous_secret=endpoint.secret,
            previous_until=self._clock() + 1000 * PREVIOUS_SECRET_S,
        )
        return Made(_found(changed, endpoint.id), secret)


def _rows_only(topics: Topics) -> Topics:
    if "stats" in topics or not topics:
        raise NoRows("the topic stats tells of no rows" if topics else "no topic is named")
    return topics


def _found(endpoint: Endpoint | None, endpoint_id: str) -> Endpoint:
    if endpoint is None:
        raise UnknownEndpoint(f"there is no webhook {endpoint_id}")
    return endpoint


def _check_enabled(endpoint: Endpoint) -> None:
    if not endpoint.is_enabled:
        raise EndpointDisabled(f"webhook {endpoint.id} is disabled: {endpoint.reason}")
