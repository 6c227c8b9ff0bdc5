"""Child processes come up in order and go down in reverse; each writes to a log of its own and dies with its parent."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from chain.devnet import end_with_parent

TERM_GRACE_S = 20.0
LOG_TAIL_LINES = 15


class ChildDied(Exception):
    """A process that has to run ended; carries its name, how it ended and the end of its log."""

    def __init__(self, name: str, status: int, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:] if log.exists() else []
        ending = f"by signal {-status}" if status < 0 else f"with status {status}"
        super().__init__("\n".join([f"{name} ended {ending}; the end of {log}:", *(f"  {line}" for line in lines)]))
        self.name, self.status = name, status


class Supervisor:
    """Owns child processes. `async with` ends what is still running, last started first.

    `check_more` raises when something else that they need has ended.
    """

    def __init__(self, logs: Path, check_more: Callable[[], None] = lambda: None) -> None:
        self._logs, self._check_more = logs, check_more
        self._children: dict[str, asyncio.subprocess.Process] = {}
        logs.mkdir(parents=True, exist_ok=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in reversed(self._children):
            await self.stop(name)

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    async def start(
        self, name: str, argv: Sequence[str], environ: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> int:
        """Starts `argv` in a session of its own, so that Ctrl-C reaches the parent alone. Returns its pid."""
        with self.log(name).open("ab") as log:
            self._children[name] = await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environ or {})}, start_new_session=True, preexec_fn=end_with_parent(), cwd=folder,
            )  # fmt: skip
        return self._children[name].pid

    async def run(
        self, name: str, argv: Sequence[str], environ: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> None:
        """Runs `argv` to its end; raises ChildDied unless it exits with 0."""
        await self.start(name, argv, environ, folder)
        status = await self._children.pop(name).wait()
        if status != 0:
            raise ChildDied(name, status, self.log(name))

    def pid(self, name: str) -> int:
        return self._children[name].pid

    def check(self) -> None:
        """Raises ChildDied for a child that ended by itself."""
        self._check_more()
        for name, child in self._children.items():
            if child.returncode is not None:
                raise ChildDied(name, child.returncode, self.log(name))

    async def until(self, what: str, ready: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Waits until `ready()`; raises ChildDied when a child ends meanwhile, TimeoutError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not await ready():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} was not ready within {timeout_s:.0f} s; see the logs in {self._logs}")
            await asyncio.sleep(0.05)

    async def stop(self, name: str) -> None:
        """SIGTERM to the child, which ends its own children in order; SIGKILL to its whole session after the grace."""
        child = self._children[name]
        if child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), TERM_GRACE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
