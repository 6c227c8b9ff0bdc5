"""Keeps a gate running: a plan comes in on standard input, gates come and go; `python -m api.sql.warden SOCKET`.

It has imported everything that a gate needs and opened nothing, so that the next gate is a fork away. The socket stays
while gates change: who asks meanwhile waits for the next.
"""

import logging
import os
import select
import signal
import socket
import sys
import time
from itertools import count

import msgspec

from api.sql import gate
from api.sql.gate import Plan

SILENT_S_MAX = 15.0
"""A gate that has told nothing for so long is stuck."""

PAUSE_S, PAUSE_S_MAX = 0.02, 5.0
LIVED_S = 10.0
BACKLOG = 256

log = logging.getLogger(__name__)


def keep(plan: Plan, listener: socket.socket) -> None:
    """One gate after another, without end. One that lives too shortly makes the next wait longer."""
    pause = PAUSE_S
    for life in count(time.time_ns() // 1_000_000):
        began = time.monotonic()
        status = _one_life(plan, listener, life)
        pause = PAUSE_S if status == gate.STUCK or time.monotonic() - began > LIVED_S else min(2 * pause, PAUSE_S_MAX)
        log.warning("the SQL gate ended with status %d; the next one begins", status)
        time.sleep(pause)


def _one_life(plan: Plan, listener: socket.socket, life: int) -> int:
    """How a gate ended: its exit status, or minus the signal."""
    hearing, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hearing)
        _live(plan, listener, life, telling)
    os.close(telling)
    try:
        while select.select([hearing], [], [], SILENT_S_MAX)[0]:
            if not os.read(hearing, 4096):
                break
        else:
            log.warning("the SQL gate is silent for %g s", SILENT_S_MAX)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    finally:
        os.close(hearing)


def _live(plan: Plan, listener: socket.socket, life: int, telling: int) -> None:
    try:
        gate.run(plan, listener, life, lambda: _beat(telling))
    except BaseException:
        logging.exception("the SQL gate failed")
    finally:
        os._exit(1)


def _beat(telling: int) -> None:
    try:
        os.write(telling, b".")
    except BrokenPipeError:
        os._exit(1)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for our parent, which ends us
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan, dec_hook=lambda kind, value: kind(value))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(BACKLOG)
    keep(plan, listener)


if __name__ == "__main__":
    main()
