"""Knows whether the main tasks of a process turn: each breathes at every turn, and one that holds its breath too long stalls.

It ends nothing; the supervisor says it to the log, to /health/live and to systemd's watchdog.
"""

from collections.abc import Callable

STALL_S = 30.0
"""Wall seconds: longer than any bounded wait of a main task (5 s for a peer, 8 s for a slow disk), shorter than patience."""


class Breath:
    """The breath of one task. It is begun by the first call, and nothing is expected while it rests."""

    def __init__(self, clock_s: Callable[[], float], s_max: float) -> None:
        self._clock_s = clock_s
        self._s_max = s_max
        self._last_s: float | None = None

    def __call__(self) -> None:
        """Say: I have come so far."""
        self._last_s = self._clock_s()

    def rest(self) -> None:
        """Say: I wait for others now, for as long as they like."""
        self._last_s = None

    @property
    def is_held(self) -> bool:
        """Whether the task should have said something by now."""
        return self._last_s is not None and self._clock_s() - self._last_s > self._s_max


class Liveness:
    """The breaths of all watched tasks of a process."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        """`clock_s` gives monotonic wall seconds."""
        self._clock_s = clock_s
        self._breaths: dict[str, Breath] = {}

    def watch(self, name: str, *, s_max: float = STALL_S) -> Breath:
        """Return the breath of the task called `name`; one of that name before it is forgotten."""
        breath = self._breaths[name] = Breath(self._clock_s, s_max)
        return breath

    def forget(self, name: str) -> None:
        """Expect nothing more of `name`."""
        self._breaths.pop(name, None)

    def stalled(self) -> tuple[str, ...]:
        """Return the tasks that do not turn."""
        return tuple(name for name, breath in self._breaths.items() if breath.is_held)
