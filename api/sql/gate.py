"""The process that answers SQL: questions come in over a socket, or by Quack; nothing that they do can hurt another.

It ends itself when a query does not stop in time, and when its parent is gone; whoever watches it starts the next.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import duckdb
import msgspec
from msgspec import Struct

from api.sql import quack
from api.sql.asking import Desk, Known
from api.sql.replica import Following, Source, lock, opened, show
from api.sql.settings import MIB, SqlSettings
from api.sql.tokens import hashes
from api.sql.wire import Outcome, Question, Reply, frame, receive
from indexer.explorer.extensions import load

GRACE_S = 1.0  # what a query gets to stop after it was interrupted
WATCH_EVERY_S = 0.1
BUSY_SHARE = 0.3  # of a processor
BLOATED_SHARE = 0.7
"""A gate whose address space is so full makes room by starting anew: freed memory does not always come back."""

PR_SET_PDEATHSIG, M_ARENA_MAX = 1, -8
STUCK = 75
"""Exit status: a query would not stop."""

log = logging.getLogger(__name__)


class Plan(Struct, frozen=True):
    """What a gate is started with."""

    source: Source
    settings: SqlSettings


def run(plan: Plan, listener: socket.socket, life: int, beat: Callable[[], None]) -> None:
    """Answers until the process ends. `beat` tells the parent that we are alive."""
    _confine(plan.settings)
    with opened(plan.source, plan.settings) as (explorer, tip):
        cursor = explorer.database.outside()
        known = show(cursor)
        has_quack = plan.settings.quack and _serve_quack(cursor, known, plan.settings)
        lock(cursor)
        following = Following(explorer, tip, life)
        threading.Thread(
            target=_watch, args=(cursor, plan.settings, has_quack, beat), daemon=True, name="watching"
        ).start()
        asyncio.run(_serve(listener, Answering(explorer.database.outside, known, plan.settings, following)))


class Answering:
    """Desks for as many questions as may run at once."""

    def __init__(
        self,
        cursor: Callable[[], duckdb.DuckDBPyConnection],
        known: Known,
        settings: SqlSettings,
        following: Following,
    ) -> None:
        self._settings, self.following = settings, following
        self._desks: SimpleQueue[Desk] = SimpleQueue()
        for _ in range(settings.queries_at_once):
            self._desks.put(Desk(cursor(), known, settings))
        self._threads = ThreadPoolExecutor(settings.queries_at_once, "answering")

    async def answer(self, question: Question, gone: asyncio.Future[None]) -> Reply:
        """Stops when the time is up, or when whoever asked is gone."""
        desk = self._desks.get()
        try:
            standing = self.following.standing
            running = asyncio.get_running_loop().run_in_executor(self._threads, desk.answer, question, standing)
            await asyncio.wait((running, gone), timeout=self._settings.seconds_max, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await _stop(desk, running)
            reply = running.result()
        finally:
            self._desks.put(desk)
        if reply.outcome is Outcome.TOO_SLOW:
            return Reply(
                Outcome.TOO_SLOW, f"the query took longer than the {self._settings.seconds_max:g} s it may take"
            )
        return reply


async def _stop(desk: Desk, running: asyncio.Future[Reply]) -> None:
    """Interrupts until the query stops; ends the process if it will not."""
    until = time.monotonic() + GRACE_S
    while not running.done():
        if time.monotonic() > until:
            log.warning("a query does not stop: the SQL gate starts anew")
            os._exit(STUCK)
        desk.interrupt()
        await asyncio.wait((running,), timeout=GRACE_S / 20)


async def _serve(listener: socket.socket, answering: Answering) -> None:
    free = asyncio.Semaphore(answering._settings.queries_at_once)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            while True:
                question = await receive(reader, Question)
                if not question.text:
                    await _tell(answering.following, writer)
                async with free:
                    gone = asyncio.ensure_future(_eof(reader))
                    try:
                        reply = await answering.answer(question, gone)
                    finally:
                        gone.cancel()
                writer.write(frame(reply))
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(talk, sock=listener)
    await server.serve_forever()


async def _eof(reader: asyncio.StreamReader) -> None:
    """Returns when the other side has hung up; it sends nothing while it waits."""
    while not reader.at_eof():  # noqa: ASYNC110  a stream tells of its end to readers alone
        await asyncio.sleep(WATCH_EVERY_S)


async def _tell(following: Following, writer: asyncio.StreamWriter) -> None:
    """What the tables hold, now and after every change, until the other side is gone."""
    told = None
    while True:
        standing = following.standing
        if standing != told:
            writer.write(frame(standing))
            await writer.drain()
            told = standing
        await asyncio.sleep(WATCH_EVERY_S / 4)


def _confine(settings: SqlSettings) -> None:
    """No more address space than agreed, less of the processors than others, and an end with the parent."""
    most = settings.address_space_mib * MIB
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(settings.niceness)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.mallopt(M_ARENA_MAX, 2)  # each arena takes 64 MiB of addresses


def _serve_quack(cursor: duckdb.DuckDBPyConnection, known: Known, settings: SqlSettings) -> bool:
    """Whether it could be done: without it, HTTP still answers."""
    try:
        load(cursor, "httpfs", "quack")
        quack.serve(cursor, known, settings, hashes(settings.tokens))
    except (ImportError, duckdb.Error) as fault:
        log.error("nobody can attach by Quack at %s:%d: %s", settings.quack_host, settings.quack_port, fault)
        return False
    return True


def _watch(cursor: duckdb.DuckDBPyConnection, settings: SqlSettings, has_quack: bool, beat: Callable[[], None]) -> None:
    """Ends the process when a query that came by Quack runs too long: nothing else stops one.

    One whose client is slow to fetch its rows keeps no processor busy, and may.
    """
    changed, busy_s = _changed_at(settings.tokens), 0.0
    while True:
        before = time.process_time()
        time.sleep(WATCH_EVERY_S)
        busy_s = busy_s + WATCH_EVERY_S if time.process_time() - before > BUSY_SHARE * WATCH_EVERY_S else 0.0
        beat()
        if _address_space() > BLOATED_SHARE * settings.address_space_mib * MIB and busy_s == 0:
            log.info("the SQL gate has become too big, and starts anew")
            os._exit(STUCK)
        if not has_quack:
            continue
        if busy_s > settings.seconds_max / 2 and quack.longest_s(cursor) > settings.seconds_max:
            log.warning("a query by Quack took longer than %g s: the SQL gate starts anew", settings.seconds_max)
            os._exit(STUCK)
        if changed != (now := _changed_at(settings.tokens)):
            changed = now
            quack.admit(cursor, hashes(settings.tokens))


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _changed_at(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0
