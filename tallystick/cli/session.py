"""What every command shares: the session it runs in, its settings, its terminal, and how it runs coroutines."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tallystick.settings import Sources, read_sources

if TYPE_CHECKING:
    from rich.console import Console

ROOMS = frozenset({"api", "chain", "content", "domain", "indexer", "receipts", "sql", "wallet", "worker"})

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CHATTY_LOGGERS = ("httpx", "uvicorn.error")
WIDTH_WITHOUT_TERMINAL = 120

Result = TypeVar("Result")
Room = TypeVar("Room")


class Session:
    """One run of the command line: where its settings come from, and the terminal it talks to."""

    def __init__(self, config: Path | None, environ: Mapping[str, str], debug: bool) -> None:
        self._config, self.environ, self.debug = config, environ, debug

    @cached_property
    def console(self) -> "Console":
        from rich.console import Console  # slow to import: not every command shows tables

        console = Console(highlight=False)
        return console if console.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)

    @cached_property
    def sources(self) -> Sources:
        return read_sources(self._config, self.environ, ROOMS)

    def settings(self, kind: type[Room], **flags: object) -> Room:
        """The room's settings, with the flags that were given. Raises BadSettings."""
        return self.sources.room(kind, room_of(kind), **flags)

    @property
    def person(self) -> Callable[[str], str] | None:
        """Asks whoever sits at the terminal for a secret; None where nobody does."""
        return self.ask_secret if sys.stdin.isatty() else None

    def ask_secret(self, question: str) -> str:
        answer: str = click.prompt(question, hide_input=True, err=True)
        return answer

    def ask_new_secret(self, question: str) -> str:
        answer: str = click.prompt(question, hide_input=True, confirmation_prompt=True, err=True)
        return answer


def start_logging() -> None:
    """One line an event on standard error; libraries that tell of every request only tell of trouble."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, force=True)
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def room_of(kind: type) -> str:
    """The section of a settings struct: its room's name, or its module's where it is our own."""
    room, module, *_ = kind.__module__.split(".")
    return module if room == "tallystick" else room


def pass_session(command: Callable[..., Result]) -> Callable[..., Result]:
    """Hands the session to a command as its first argument."""
    return click.make_pass_decorator(Session)(command)


def run_async(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs a command's coroutine on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
