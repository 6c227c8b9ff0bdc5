"""Calls go in, how long to hold each back comes out, so that a provider is asked no more a second than we may."""


class Budget:
    """A token bucket that holds one second's worth; calls are granted in the order they ask."""

    def __init__(self, calls_per_s: float | None) -> None:
        self._interval_s = 1 / calls_per_s if calls_per_s else 0.0
        self._burst_s = max(1.0, self._interval_s) if calls_per_s else 0.0
        self._spent_until: float | None = None

    def take(self, calls: int, now: float) -> float:
        """Takes so many calls out, and tells how many seconds to wait before they may be made."""
        wait_s = self.wait_s(calls, now)
        if self._interval_s:
            self._spent_until = self._from(now) + calls * self._interval_s
        return wait_s

    def give_back(self, calls: int) -> None:
        """They were taken, and are not made."""
        if self._spent_until is not None:
            self._spent_until -= calls * self._interval_s

    def wait_s(self, calls: int, now: float) -> float:
        """What `take` would tell."""
        return max(0.0, self._from(now) + calls * self._interval_s - now) if self._interval_s else 0.0

    def _from(self, now: float) -> float:
        full = now - self._burst_s
        return full if self._spent_until is None else max(self._spent_until, full)
