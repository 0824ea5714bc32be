"""Counts the model time that has passed, for what must not follow a time of day that steps; it decides nothing."""

from runtime.clock import Clock


class Elapsed:
    """Model seconds since it was made: by the monotonic clock, at the speed of the moment; it never goes back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_s = clock.monotonic()
        self._passed_s = 0.0

    def __call__(self) -> float:
        """Return the model seconds that have passed."""
        now_s = self._clock.monotonic()
        self._passed_s += max(0.0, now_s - self._last_s) * self._clock.speed
        self._last_s = now_s
        return self._passed_s
