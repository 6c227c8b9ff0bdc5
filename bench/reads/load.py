"""A load comes in on stdin; connections put it to a server for a while, and how it was answered goes out as JSON.

A process of its own, `python -m bench.reads.load`, over bare sockets: what it can do at most is measured with the rest.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import psutil  # type: ignore[import-untyped]
import uvloop
from msgspec import Struct

from chain.devnet import end_with_parent

CONNECTIONS = 32
BEGINNING_S = 2.0
"""What a process takes to begin."""

SETTLING_S = 5.0
"""How long answers under way are waited for."""


class Load(Struct, frozen=True):
    """Requests from one template each: `{}` in target and body stands for a value, the values come in turn.

    With `rate`, so many requests a second whatever becomes of them, and waiting counts from when each was due.
    """

    port: int
    target: str
    values: list[str]
    body: str = ""
    connections: int = CONNECTIONS
    warm_s: float = 1.0
    seconds: float = 5.0
    rate: float = 0.0
    pids: tuple[int, ...] = ()
    """The processes of the server."""


class Loaded(Struct, frozen=True):
    """What came of a load, the warm-up left out; one answer where there was none.

    `failed` counts answers that were not 200, by what they were.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    answered: int
    failed: dict[str, int]
    bytes_each: float
    cpu_us: float
    """What one answer cost the server's processes, with all that they did beside."""


class Book:
    """What all connections of a run have in common."""

    def __init__(self, load: Load) -> None:
        self.requests: Iterator[bytes] = itertools.cycle([_request(load, value) for value in load.values])
        self.pause_s = load.connections / load.rate if load.rate else 0.0
        self.waits: list[float] = []
        self.failed: Counter[str] = Counter()
        self.bytes = 0
        self.is_counting = self.is_over = False


class Connection(asyncio.Protocol):
    """Asks, waits for the whole answer, and asks again."""

    def __init__(self, book: Book, delay_s: float) -> None:
        self._book = book
        self._due = time.perf_counter() + delay_s
        self._read = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._read += data
        if length := _whole(self._read):
            self._answered(bytes(self._read[9:12]), length)
            del self._read[:]
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self._book.is_over:
            self._book.failed["connection lost"] += 1

    def _next(self) -> None:
        book = self._book
        if book.is_over:
            self._transport.close()
        elif book.pause_s:
            self._due += book.pause_s
            asyncio.get_running_loop().call_later(max(0.0, self._due - time.perf_counter()), self._ask)
        else:
            self._due = time.perf_counter()
            self._ask()

    def _ask(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(next(self._book.requests))

    def _answered(self, status: bytes, length: int) -> None:
        if not self._book.is_counting:
            return
        self._book.waits.append(time.perf_counter() - self._due)
        self._book.bytes += length
        if status != b"200":
            self._book.failed[status.decode()] += 1


def run(load: Load) -> Loaded:
    """In a process of its own, which ends with this one."""
    process = _start()
    said, _ = process.communicate(msgspec.json.encode(load))
    if process.returncode != 0:
        raise SystemExit(f"the load generator ended with {process.returncode}")
    return msgspec.json.decode(said, type=Loaded)


@contextmanager
def beside(load: Load) -> Iterator[None]:
    """While the block lasts, which must be less than the load does."""
    process = _start()
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(load))
    process.stdin.close()
    time.sleep(BEGINNING_S)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _start() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "bench.reads.load"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=end_with_parent())


async def put(load: Load) -> Loaded:
    book, loop = Book(load), asyncio.get_running_loop()
    for i in range(load.connections):
        made: Callable[[], Connection] = lambda i=i: Connection(book, book.pause_s * i / load.connections)  # type: ignore[misc]  # noqa: E731
        await loop.create_connection(made, "127.0.0.1", load.port)
    await asyncio.sleep(load.warm_s)
    book.is_counting, began, burnt = True, time.perf_counter(), burnt_s(load.pids)
    await asyncio.sleep(load.seconds)
    spent, book.is_counting, book.is_over = time.perf_counter() - began, False, True
    burnt = burnt_s(load.pids) - burnt
    waits = np.array(book.waits or [SETTLING_S])
    p50, p99 = (float(each) * 1000 for each in np.percentile(waits, (50, 99)))
    answered = len(book.waits)
    return Loaded(max(1, answered) / spent, p50, p99, answered, dict(book.failed), book.bytes / max(1, answered),
                  burnt / max(1, answered) * 1e6)  # fmt: skip


def burnt_s(pids: Sequence[int]) -> float:
    """CPU seconds so far of these processes and of what they started."""
    spent = 0.0
    for process in map(psutil.Process, pids):
        own = process.cpu_times()
        spent += own.user + own.system + own.children_user + own.children_system
        children = [each.cpu_times() for each in process.children(recursive=True)]
        spent += sum(each.user + each.system for each in children)
    return spent


def _request(load: Load, value: str) -> bytes:
    body = load.body.replace("{}", value).encode()
    target = load.target.replace("{}", value)
    what = f"POST {target} HTTP/1.1" if body else f"GET {target} HTTP/1.1"
    about = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
    return f"{what}\r\nhost: 127.0.0.1\r\naccept: application/json\r\n{about}\r\n".encode() + body


def _whole(read: bytearray) -> int:
    """The length of the answer if all of it is there, else 0."""
    end = read.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = bytes(read[:end]).lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        length = end + 4 + int(head[at + 17 :].split(b"\r\n", 1)[0])
        return length if len(read) >= length else 0
    return len(read) if read.endswith(b"0\r\n\r\n") else 0


if __name__ == "__main__":
    loaded = uvloop.run(put(msgspec.json.decode(sys.stdin.buffer.read(), type=Load)))
    sys.stdout.buffer.write(msgspec.json.encode(loaded))
