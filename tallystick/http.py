"""Requests to the network's API go out; what it declines comes back as one sentence with its remedy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

TIMEOUT_S = 90.0


class ApiDown(Exception):
    """Nobody answers at the API's address, or not in time."""


class Declined(Exception):
    """The API answered with a problem."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@asynccontextmanager
async def connected(api_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API at `api_url`. Whatever the transport raises within becomes ApiDown."""
    try:
        async with httpx.AsyncClient(base_url=api_url, timeout=TIMEOUT_S) as client:
            yield client
    except httpx.TransportError as fault:
        reason = str(fault) or type(fault).__name__
        raise ApiDown(f"{api_url}: {reason}; start the network with `tallystick up`, or correct --api-url") from None
    except httpx.InvalidURL as fault:
        raise ApiDown(f"{api_url!r} is no URL ({fault}): give one such as http://127.0.0.1:8001") from None


def answer(response: httpx.Response) -> httpx.Response:
    """The response if it succeeded. Raises Declined with what the problem says of itself."""
    if response.is_success:
        return response
    try:
        problem: dict[str, Any] = response.json()
        said = ". ".join(str(problem[name]).rstrip(".") for name in ("detail", "remedy") if problem.get(name))
    except (ValueError, TypeError, AttributeError):
        said = response.text[:200]
    raise Declined(said or f"{response.request.url}: status {response.status_code}", response.status_code)
