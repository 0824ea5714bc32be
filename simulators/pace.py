"""How fast model time may run now: the speed asked for is a ceiling; who lags slows it. Decides only."""

from dataclasses import dataclass, field

LAG_GOOD_S = 0.2
"""Wall seconds behind at most which speed is won back."""
LAG_BAD_S = 0.4
"""Wall seconds behind from which on it is slowed: below the 500 ms at which the gateways call a value stale."""
LAG_STOP_S = 1.0
"""Wall seconds behind from which on time is held until the part has caught up."""
PRESENT_MARGIN_S = 2.0
"""Model time stays this far behind the machine's own time."""
WINDOW_S = 2.0
"""Wall seconds over which one speed reached is measured."""


def paced(speed: float, *, ceiling: float, lag_s: float, headroom_s: float) -> float:
    """Return the speed from now on.

    `lag_s`: wall seconds that the slowest part is behind. `headroom_s`: model seconds left to the present.
    """
    if headroom_s < PRESENT_MARGIN_S:
        return 0.0
    top = min(ceiling, 1.0) if headroom_s < 2 * PRESENT_MARGIN_S + ceiling * 0.1 else ceiling
    if lag_s > LAG_STOP_S:
        return 0.0
    if lag_s > LAG_BAD_S:
        return min(top, max(speed * 0.8, top * 0.05))
    if lag_s > LAG_GOOD_S:
        return min(top, speed)
    return min(top, max(speed * 1.15, top * 0.3))


@dataclass(slots=True)
class Speedometer:
    """Speed reached since the ceiling was last set."""

    _begin: tuple[int, float] | None = field(default=None)
    _window: tuple[int, float] | None = field(default=None)
    mean: float = 0.0
    least: float | None = None
    """Slowest window; None before the first is over."""

    def reset(self) -> None:
        """Begin to measure again."""
        self._begin = self._window = None
        self.mean, self.least = 0.0, None

    def see(self, model_ms: int, monotonic_s: float) -> None:
        """Take one reading of both times."""
        if self._begin is None or self._window is None:
            self._begin = self._window = (model_ms, monotonic_s)
            return
        self.mean = _speed(self._begin, (model_ms, monotonic_s))
        if monotonic_s - self._window[1] >= WINDOW_S:
            reached = _speed(self._window, (model_ms, monotonic_s))
            self.least = reached if self.least is None else min(self.least, reached)
            self._window = (model_ms, monotonic_s)


def _speed(since: tuple[int, float], now: tuple[int, float]) -> float:
    wall_s = now[1] - since[1]
    return (now[0] - since[0]) / 1000 / wall_s if wall_s > 0 else 0.0
