"""Applications and addresses come in; servers listen in one event loop until they are told to stop."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from msgspec import Struct

BACKLOG = 2048
GRACE_S = 3


class AddressInUse(Exception):
    """Another process listens where we should."""


class Door(Struct, frozen=True):
    """An application, and a socket that already listens for it."""

    name: str
    app: Any
    listener: socket.socket

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])


class _Server(uvicorn.Server):
    """Leaves signals to the process: several servers share it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def open_door(name: str, app: Any, host: str, port: int) -> Door:
    """Takes the address at once, so that a taken one is told before anything else starts. Raises AddressInUse."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise AddressInUse(
            f"{host}:{port}, where the {name} should listen: {fault.strerror}; end what uses it (`tallystick doctor`"
            " tells) or choose another port in [api]"
        ) from None
    listener.listen(BACKLOG)
    return Door(name, app, listener)


async def serve(doors: list[Door], stop: asyncio.Event) -> None:
    """Serves every door until `stop`, then lets requests under way finish for a moment."""
    servers = [_Server(_config(door)) for door in doors]
    tasks = [
        asyncio.create_task(server.serve(sockets=[door.listener]), name=door.name)
        for server, door in zip(servers, doors, strict=True)
    ]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)


def _config(door: Door) -> uvicorn.Config:
    return uvicorn.Config(
        door.app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        ws_per_message_deflate=False,  # what many readers hear would be compressed once for each
    )
