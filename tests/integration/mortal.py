"""The command line, in a process that brings `kill -9` over itself or others when a fact of a certain kind is recorded.

Run as `python -m tests.integration.mortal` with the arguments of `tallystick`; the will is in the environment.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from domain.ledger import Ledger, Recorded
from domain.ledger.database import Database
from tallystick.cli import run

WILL_VARIABLE = "MORTAL_WILL"


class Will(msgspec.Struct, frozen=True, kw_only=True):
    """At the first fact of each tag, `is_before` it is recorded or after: another process ends, or we, or both.

    The other's pid is in the file `other`; while there is no such file nobody is to end, and the tag waits. With
    SIGSTOP for a `sign` the process stands still instead, until SIGCONT.
    """

    tags: tuple[str, ...]
    is_before: bool = False
    other: str = ""
    spares_itself: bool = False
    sign: int = signal.SIGKILL


class Executor:
    """Carries a will out, each of its tags once."""

    def __init__(self, will: Will) -> None:
        self._will = will
        self._left = set(will.tags)
        self._is_due = False

    def install(self) -> None:
        """Has every ledger of this process ask first, and tell after its transactions."""
        append, writing = Ledger.append, Database.writing
        executor = self

        def watched_append(ledger: Ledger, connection: Connection, *facts: Recorded) -> int:
            executor.meets(facts)
            return append(ledger, connection, *facts)

        @contextmanager
        def watched_writing(database: Database) -> Iterator[Connection]:
            with writing(database) as connection:
                yield connection
            executor.committed()

        replaced: Any = Ledger, Database
        replaced[0].append, replaced[1].writing = watched_append, watched_writing

    def meets(self, facts: tuple[Recorded, ...]) -> None:
        met = self._left & {str(fact.fact.__struct_config__.tag) for fact in facts}
        if met and (not self._will.other or Path(self._will.other).exists()):
            self._left -= met
            self._is_due = True
            if self._will.is_before:
                self._execute()

    def committed(self) -> None:
        if self._is_due:
            self._execute()

    def _execute(self) -> None:
        self._is_due = False
        if self._will.other:
            pid = int(Path(self._will.other).read_text())
            Path(self._will.other).unlink()
            os.kill(pid, self._will.sign)
        if not self._will.spares_itself:
            os.kill(os.getpid(), self._will.sign)


if __name__ == "__main__":
    Executor(msgspec.json.decode(os.environ[WILL_VARIABLE], type=Will)).install()
    run()
