"""A command goes in; how long it ran, what its processes burnt, and how much memory they held at most comes out."""

import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from chain.devnet import end_with_parent

SAMPLE_S = 0.03
PAGE_BYTES = resource.getpagesize()
POLL_S = 0.005
ASK_S = 0.1
"""Asking whether all is there costs the one who is measured a little; so it is asked seldom."""


class Run(Struct, frozen=True):
    """One run from the start of the process to its last row; memory is that of the whole process tree."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    said: str = ""


class RunFailed(Exception):
    """The command ended badly, or not at all; the message holds its last words."""


def measure(
    command: Sequence[str],
    log: Path,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    is_done: Callable[[], bool] | None = None,
    timeout_s: float = 900.0,
) -> Run:
    """Runs the command until it ends or, where `is_done` is given, until that is true: then it is ended."""
    with log.open("wb") as output:
        began, burnt = time.perf_counter(), _burnt_s()
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environ, cwd=folder, preexec_fn=end_with_parent()
        )
        watch = Watch(process.pid)
        try:
            _await(process, began + timeout_s, is_done, log)
            wall_s = time.perf_counter() - began
        finally:
            watch.stop()
            _end(process)
    said = log.read_text(errors="replace")
    if is_done is None and process.returncode != 0:
        raise RunFailed(f"{command[0]} ended with {process.returncode}: {said[-2000:]}")
    return Run(wall_s, _burnt_s() - burnt, watch.peak_mib, said.strip().rpartition("\n")[2])


class Watch:
    """Looks at the memory of a process and its descendants again and again, in a thread of its own."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak_mib = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self.peak_mib = max(self.peak_mib, sum(map(resident_mib, family(self._pid))))


def family(pid: int) -> list[int]:
    """A process and its descendants, as the kernel lists them: cheaper than a look at every process there is."""
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        found.append(each)
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            with suppress(OSError):
                waiting += map(int, children.read_text().split())
    return found


def resident_mib(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20
    except (OSError, IndexError):
        return 0.0


def _burnt_s() -> float:
    """CPU seconds of all processes that we waited for so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _await(process: "subprocess.Popen[bytes]", deadline: float, is_done: Callable[[], bool] | None, log: Path) -> None:
    while time.perf_counter() < deadline:
        if is_done is not None and is_done():
            return
        if process.poll() is not None:
            if is_done is None:
                return
            said = log.read_text(errors="replace")[-2000:]
            raise RunFailed(f"{process.args!r} ended with {process.returncode} before it was done: {said}")
        time.sleep(POLL_S if is_done is None else ASK_S)
    raise RunFailed(f"{process.args!r} was not done in time")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends it and its descendants, if it still runs."""
    if process.poll() is not None:
        return
    descendants = family(process.pid)[1:]
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in descendants:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
