"""Calls go in, how long to hold each back comes out, so that a provider is asked no more a second than we may."""


class Budget:
    """A token bucket that holds one second's worth; calls are granted in the order they ask."""

    def __init__(self, calls_per_s: float | None) -> None:
        self._interval_s = 1 / calls_per_s if calls_per_s else 0.0
        self._burst_s = max(1.0, self._interval_s) if calls_per_s else 0.0
        self._spent_until: float | None = None

    def take(self, calls: int, now: float) -> float:
        """Takes so many calls out, and tells how many seconds to wait before they may be made."""
        if not self._interval_s:
            return 0.0
        full = now - self._burst_s
        spent_until = full if self._spent_until is None else max(self._spent_until, full)
        self._spent_until = spent_until + calls * self._interval_s
        return max(0.0, self._spent_until - now)

    def hold(self, until: float) -> None:
        """Grants nothing before `until`: the provider itself said when to come back."""
        if self._interval_s:
            self._spent_until = max(self._spent_until or until, until)
