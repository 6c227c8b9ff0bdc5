"""Failures of one kind go in; one line in the log when they begin and one when they end come out."""

import logging
import time


class Outage:
    """What does not work, told once however often it fails."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._since: float | None = None
        self.reason: str | None = None

    def begin(self, error: BaseException) -> None:
        self.reason = str(error) or type(error).__name__
        if self._since is None:
            self._since = time.monotonic()
            self._log.warning("%s: %s; trying again until it works", self._what, self.reason)

    def end(self) -> None:
        if self._since is not None:
            self._log.warning("over after %.1f s: %s", time.monotonic() - self._since, self._what)
        self._since = self.reason = None
