"""A process that has imported everything comes first; each process that a test starts is forked from it in no time.

What is started is real: a process and session of its own with its own arguments, environment and output, which may be
killed. Only what every one of them would do alike, more than a second of importing, is done once.
"""

import atexit
import contextlib
import importlib
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from chain.devnet import end_with_parent

ROOT = Path(__file__).resolve().parent.parent
PRELOADED = (
    "tallystick.cli.serving",
    "tallystick.cli.working",
    "tallystick.serving",
    "tallystick.working",
    "uvloop",
    "worker.openai_engine",
)
POLL_S = 0.01


class Start(Struct, frozen=True, tag=True):
    """`python -m module words`, its output added to a file."""

    module: str
    words: tuple[str, ...]
    environ: dict[str, str]
    folder: str
    output: str


class Status(Struct, frozen=True, tag=True):
    """How the process ended, if it did."""

    pid: int


_asked = msgspec.json.Decoder(Start | Status).decode


class Started:
    """A process, to be watched and ended like one of `subprocess`."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask(Status(self.pid))
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
            time.sleep(POLL_S)
        return status

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Nursery:
    """One for all tests of a process, with which it ends."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            subprocess.Popen(
                [sys.executable, "-u", "-m", "tests.nursery", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                preexec_fn=end_with_parent(),
            )
        self._line, self._answers = ours, ours.makefile("rb")
        self._lock = Lock()

    def start(
        self, module: str, words: Sequence[str], environ: Mapping[str, str], folder: Path, output: Path
    ) -> Started:
        """As `python -m module words` in a session of its own."""
        pid = self.ask(Start(module, tuple(words), dict(environ), str(folder), str(output)))
        assert pid is not None
        return Started(self, pid)

    def ask(self, question: Start | Status) -> int | None:
        with self._lock:
            self._line.sendall(msgspec.json.encode(question) + b"\n")
            return msgspec.json.decode(self._answers.readline(), type=int | None)


@cache
def nursery() -> Nursery:
    return Nursery()


def serve(line: socket.socket) -> None:
    """In the process that forks: answers until nobody asks any more."""
    for name in PRELOADED:
        importlib.import_module(name)
    bind = end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions = line.makefile("rb")
    while question := questions.readline():
        asked = _asked(question)
        answer = _ended(asked.pid) if isinstance(asked, Status) else os.fork()
        if answer == 0 and isinstance(asked, Start):
            if bind is not None:
                bind()
            line.close()
            _live(asked)
        line.sendall(msgspec.json.encode(answer) + b"\n")


def _live(start: Start) -> NoReturn:
    """In the child: is what was to be started."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open(start.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environ)
    sys.argv = [start.module, *start.words]
    _end(_status_of(start.module))


def _status_of(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(status: int) -> NoReturn:
    """As Python ends, but for the destructors of C libraries: some wait for threads that a fork leaves behind."""
    ending: Any = threading
    ending._shutdown()
    atexit._run_exitfuncs()
    os._exit(status)


def _ended(pid: int) -> int | None:
    with contextlib.suppress(ChildProcessError):
        found, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if found else None
    return None


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
