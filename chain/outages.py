"""Failures of one kind go in; one line in the log when they begin and one when they end come out."""

import asyncio
import logging

from chain.errors import ChainError


class Outage:
    """What does not work, told once however often it fails."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._since: float | None = None
        self.reason: str | None = None

    @property
    def is_on(self) -> bool:
        return self._since is not None

    def begin(self, error: BaseException) -> None:
        """An error that the health of a provider tells of is no outage of its own."""
        self.reason = str(error) or type(error).__name__
        if self._since is None and not (isinstance(error, ChainError) and error.is_told):
            self._since = asyncio.get_running_loop().time()
            self._log.warning("%s: %s; trying again until it works", self._what, self.reason)

    def end(self) -> None:
        if self._since is not None:
            lasted_s = asyncio.get_running_loop().time() - self._since
            self._log.warning("over after %.1f s: %s", lasted_s, self._what)
        self._since = self.reason = None
