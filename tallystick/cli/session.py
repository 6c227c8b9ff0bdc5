"""What every command shares: the session it runs in, its settings, its terminal, and how it runs coroutines."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from api.settings import ApiSettings
from chain.settings import ChainSettings
from domain.settings import DomainSettings
from indexer.settings import IndexerSettings
from receipts.settings import ReceiptSettings
from tallystick.settings import Sources, read_sources
from tallystick.wallet import WalletSettings
from worker.settings import Settings as WorkerSettings

ROOMS: dict[type, str] = {
    ApiSettings: "api",
    ChainSettings: "chain",
    DomainSettings: "domain",
    IndexerSettings: "indexer",
    ReceiptSettings: "receipts",
    WalletSettings: "wallet",
    WorkerSettings: "worker",
}

Result = TypeVar("Result")
Room = TypeVar("Room")


class Session:
    """One run of the command line: where its settings come from, and the terminal it talks to."""

    def __init__(self, config: Path | None, environ: Mapping[str, str], debug: bool) -> None:
        self._config, self.environ, self.debug = config, environ, debug
        self.console = Console(highlight=False)

    @cached_property
    def sources(self) -> Sources:
        return read_sources(self._config, self.environ, frozenset(ROOMS.values()))

    def settings(self, kind: type[Room], **flags: object) -> Room:
        """The room's settings, with the flags that were given. Raises BadSettings."""
        return self.sources.room(kind, ROOMS[kind], **flags)

    def ask_secret(self, question: str) -> str:
        answer: str = click.prompt(question, hide_input=True, err=True)
        return answer

    def ask_new_secret(self, question: str) -> str:
        answer: str = click.prompt(question, hide_input=True, confirmation_prompt=True, err=True)
        return answer


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
