"""Where may be delivered to: a URL comes in, and is refused, or goes out with the one address that was checked.

A name is resolved once for each delivery and the connection goes to what was checked then: a name that answers
otherwise the next moment gains nothing. Redirects are never followed, proxies of the environment are not asked.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from api.service.refusals import Invalid

URL_CHARACTERS_MAX = 2_048
PORTS = {"http": 80, "https": 443}
RESOLVING_S = 5.0

Resolve = Callable[[str, int], Awaitable[list[str]]]

CLOSED = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10", "100::/64", "::/96",
    )
)  # fmt: skip
"""What `ipaddress` takes for public in one version or another, or what leads on to an address inside it."""


class BadTarget(Invalid):
    """Nothing is delivered to this address."""

    remedy = "Name an http or https URL whose host has public addresses; [api] webhook_private_targets lets others in."


class Target(Struct, frozen=True):
    """A URL taken apart, and the address that its host had when it was checked."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def url(self) -> str:
        """Of the address itself."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{address}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


async def resolved(host: str, port: int) -> list[str]:
    """Every address that the system finds for the name."""
    async with asyncio.timeout(RESOLVING_S):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def checked(url: str, allow_private: bool = False, resolve: Resolve = resolved) -> Target:
    """Raises BadTarget."""
    scheme, host, port, path = _parts(url)
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError, TimeoutError) as fault:
        raise BadTarget(f"the host {host!r} is not found: {fault or 'no answer in time'}") from None
    if not addresses:
        raise BadTarget(f"the host {host!r} has no address")
    for address in addresses:
        if not allow_private and not is_public(address):
            raise BadTarget(f"the host {host!r} has the address {address}, which is not public")
    return Target(scheme, host, port, path, addresses[0])


def is_public(text: str) -> bool:
    """Whether everybody on the internet would reach the same there."""
    try:
        address = ip_address(text)
    except ValueError:
        return False  # with a zone, as link-local ones are
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast and not _is_closed(address)


def _is_closed(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in CLOSED if network.version == address.version)


def _parts(url: str) -> tuple[str, str, int, str]:
    if len(url) > URL_CHARACTERS_MAX or any(character <= " " or character == "\\" for character in url):
        raise BadTarget("the URL is too long, or holds a space, a backslash or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        raise BadTarget(f"the URL cannot be read: {fault}") from None
    if parts.scheme not in PORTS:
        raise BadTarget(f"the URL's scheme is {parts.scheme!r}: http or https is taken")
    if "@" in parts.netloc:
        raise BadTarget("the URL holds a user or a password before its host")
    if not parts.hostname or port == 0:
        raise BadTarget("the URL names no host, or port 0")
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme], _path(parts)


def _path(parts: Any) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
