"""How often one client may ask: requests come in, all are told how many are left, too many when to come again.

The headers are those of the IETF's draft (RateLimit-Policy, RateLimit): `q` requests in `w` seconds, `r` are left, and
in `t` seconds all of them are there again.
"""

import ipaddress
import time
from collections.abc import Callable
from functools import lru_cache
from math import ceil

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from api.service.refusals import Crowded

WINDOW_S = 60
CLIENTS_MAX = 100_000
ROUNDED_S = 1e-6
NETWORK_BITS = 64
"""An IPv6 client is its network: it has more addresses of its own than could be counted."""

UNLIMITED = "unlimited"
TOLD = "rate_limit"


class TooManyRequests(Crowded):
    """This client asks too often."""


class Allowance(Struct, frozen=True):
    """What a client has left: `wait_s` is 0 unless it must wait."""

    left: int
    full_in_s: float
    wait_s: float


class Buckets:
    """A bucket of `most` requests for each client, filled again evenly over a window: one number a client."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._each_s = WINDOW_S / most
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, client: str) -> Allowance:
        now = self._clock()
        full_at = max(self._full_at.pop(client, now), now) + self._each_s
        wait_s = full_at - now - WINDOW_S
        if wait_s < ROUNDED_S:
            wait_s = 0.0
        else:
            full_at -= self._each_s
        self._full_at[client] = full_at
        self._forget(now)
        return Allowance(int((WINDOW_S - full_at + now + ROUNDED_S) / self._each_s), full_at - now, wait_s)

    def _forget(self, now: float) -> None:
        """Who did not ask for longest goes first; a full bucket is as good as none."""
        while self._full_at and (len(self._full_at) > CLIENTS_MAX or self._full_at[next(iter(self._full_at))] <= now):
            del self._full_at[next(iter(self._full_at))]


class Limiting(ASGIMiddleware):
    """Refuses what is beyond `per_min` requests a minute of one client; routes may opt out. Raises TooManyRequests."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, per_min: int) -> None:
        self._per_min = per_min
        self._buckets = Buckets(per_min)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if not scope["route_handler"].opt.get(UNLIMITED):
            allowance = self._buckets.take(client_of(scope))
            scope["state"][TOLD] = {
                "RateLimit-Policy": f'"default";q={self._per_min};w={WINDOW_S}',
                "RateLimit": f'"default";r={allowance.left};t={ceil(allowance.full_in_s)}',
            }
            if allowance.wait_s:
                raise _refusal(self._per_min, ceil(allowance.wait_s))
        await next_app(scope, receive, send)


async def tell_limits(message: Message, scope: Scope) -> None:
    """Hook for every message that leaves, refusals too."""
    if message["type"] == "http.response.start" and (told := scope["state"].get(TOLD)):
        MutableScopeHeaders.from_message(message).update(told)


def client_of(scope: Scope) -> str:
    address = (scope["client"] or ("",))[0]
    return _network_of(address) if ":" in address else address


@lru_cache(maxsize=4096)
def _network_of(address: str) -> str:
    try:
        return str(ipaddress.ip_network((address, NETWORK_BITS), strict=False))
    except ValueError:
        return address


def _refusal(per_min: int, wait_s: int) -> TooManyRequests:
    fault = TooManyRequests(
        f"more than {per_min} requests came from you within a minute",
        f"Wait {wait_s} s as Retry-After says, ask for longer pages, or follow what changes by one stream.",
    )
    fault.retry_after_s = wait_s
    return fault
