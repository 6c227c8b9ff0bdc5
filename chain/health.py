"""What a provider's calls came to goes in; whether to ask it, and when next if not, comes out."""

import asyncio
import logging
import random
from collections.abc import Callable

from chain.errors import ChainError, Distrusted, Missing, Overloaded, TooSlow
from chain.outages import Outage
from chain.patience import pause_before
from chain.settings import ChainSettings

FAILURES_TO_TELL = 3
"""So many in a row are an outage, worth a line in the log; fewer are bridged in silence."""
REST_MAX_S = 60.0
RELAPSES_MAX = 10

log = logging.getLogger(__name__)


class Health:
    """Of one provider. It is well until a call fails, and again after one works: a call of ours, or a probe.

    An outage is over once it has been well for a while (`backoff_max_s`). One that falls ill again before rests longer
    each time, so that a provider that works now and then is not asked now and then.
    """

    def __init__(self, name: str, settings: ChainSettings, chance: random.Random) -> None:
        self.is_well = True
        self.rests_until = 0.0
        self.excluded: str | None = None
        self.changed: Callable[[], None] = lambda: None
        self._name = name
        self._settings = settings
        self._chance = chance
        self._failures = 0
        self._relapses = 0
        self._settling: asyncio.TimerHandle | None = None
        self._distrusted_until = 0.0
        self._last: ChainError | None = None
        self._outage = Outage(log, f"provider {name}")

    @property
    def trouble(self) -> str | None:
        """Why it is not asked, None when it is well."""
        return self.excluded or (None if self.is_well else str(self._last))

    def worked(self, now: float) -> None:
        if self.is_well or now < self._distrusted_until:
            return
        self.is_well = True
        self.rests_until = 0.0
        self._last = None
        if self._outage.is_on:
            self._settling = asyncio.get_running_loop().call_later(self._settings.backoff_max_s, self._settle)
        else:
            self._failures = 0
        self.changed()

    def failed(self, error: ChainError, now: float) -> None:
        """Counts an error once, however often it is reported on its way up."""
        if error is self._last:
            return
        self._unsettle()
        self._failures += 1
        self._last = error
        self.is_well = False
        self.changed()
        self.rests_until = max(self.rests_until, now + self._rest_s(error))
        if isinstance(error, Distrusted):
            self._distrusted_until = self.rests_until
        if self._is_outage(error):
            self._outage.begin(error)
        error.is_told = not isinstance(error, Missing)

    def exclude(self, reason: str) -> None:
        """For good: it serves something else than what is asked for."""
        if self.excluded is None:
            self.excluded = reason
            self.is_well = False
            self.changed()
            log.error("provider %s is left out from now on: %s", self._name, reason)

    def _is_outage(self, error: ChainError) -> bool:
        """Whether it is to be told: what passes within a moment, or is but a block that is not there yet, is not."""
        if isinstance(error, Overloaded) and (error.retry_after_s or 0.0) > self._settings.backoff_max_s:
            return True
        if isinstance(error, Distrusted | TooSlow):
            return True
        return self._failures >= FAILURES_TO_TELL and not isinstance(error, Missing)

    def close(self) -> None:
        if self._settling is not None:
            self._settling.cancel()

    def _settle(self) -> None:
        self._settling = None
        self._failures = self._relapses = 0
        self._outage.end()

    def _unsettle(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
            self._relapses = min(self._relapses + 1, RELAPSES_MAX)

    def _rest_s(self, error: ChainError) -> float:
        if isinstance(error, Distrusted):
            return self._settings.distrust_s
        pause_s = pause_before(self._failures, self._settings, chance=self._chance) * 2.0**self._relapses
        asked_s = error.retry_after_s if isinstance(error, Overloaded) else None
        return max(min(pause_s, REST_MAX_S), asked_s or 0.0)
