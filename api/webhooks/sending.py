"""One attempt at a delivery: endpoint and message come in, what came back goes out; the address is checked anew."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx

from api.service.refusals import Refusal
from api.webhooks import signing
from api.webhooks.records import Attempt, Delivery, Endpoint
from api.webhooks.signing import Vault
from api.webhooks.targets import Resolve, Target, checked, resolved

ANSWER_BYTES_MAX = 1_024
REDIRECTS = range(300, 400)

Clock = Callable[[], int]


class Sender:
    """Sends from this process, straight to the address that was checked: no proxy, no redirect, no kept connection.

    A connection that was kept for one name could otherwise serve another name of the same address.
    """

    def __init__(
        self, vault: Vault, timeout_s: float, allow_private: bool, clock: Clock, resolve: Resolve = resolved
    ) -> None:
        self._vault, self._timeout_s, self._allow_private = vault, timeout_s, allow_private
        self._clock, self._resolve = clock, resolve
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout_s, limits=limits)

    async def close(self) -> None:
        await self._client.aclose()

    async def attempt(self, endpoint: Endpoint, delivery: Delivery) -> Attempt:
        """Never raises what the other side or its name did: that is part of the attempt."""
        at, began = self._clock(), time.monotonic()
        said: dict[str, Any] = {}
        try:
            async with asyncio.timeout(self._timeout_s):
                target = await checked(endpoint.url, self._allow_private, self._resolve)
                said = await self._send(endpoint, delivery, target, at)
        except TimeoutError:
            said = {"error": f"no answer within {self._timeout_s:g} s"}
        except Refusal as fault:
            said = {"error": fault.detail}
        except httpx.HTTPError as fault:
            said = {"error": f"{type(fault).__name__}: {fault}"}
        return Attempt(at, int(1000 * (time.monotonic() - began)), **said)

    async def _send(self, endpoint: Endpoint, delivery: Delivery, target: Target, at: int) -> dict[str, Any]:
        headers = signing.headers(self._secrets(endpoint, at), delivery.id, at // 1000, delivery.body)
        headers["host"] = target.host_header
        extensions = {"sni_hostname": target.host}
        async with self._client.stream(
            "POST", target.url, content=delivery.body, headers=headers, extensions=extensions
        ) as response:
            answer = await _beginning(response)
        error = "a redirect, which is not followed" if response.status_code in REDIRECTS else ""
        return {"status": response.status_code, "answer": answer, "error": error}

    def _secrets(self, endpoint: Endpoint, at: int) -> list[str]:
        """Raises KeyUnusable."""
        sealed = [endpoint.secret]
        if endpoint.previous_secret is not None and at < endpoint.previous_until:
            sealed.append(endpoint.previous_secret)
        return [self._vault.open(each, endpoint.id) for each in sealed]


async def _beginning(response: httpx.Response) -> str:
    """As much of the answer as is kept; the rest is not read."""
    read = b""
    async for piece in response.aiter_raw(ANSWER_BYTES_MAX):
        read += piece
        if len(read) >= ANSWER_BYTES_MAX:
            break
    return read[:ANSWER_BYTES_MAX].decode(errors="replace")
