"""Decides the time that a sample gets: near model time, never stepping, rising strictly per device, across restarts too."""

from dataclasses import dataclass, field

from domain.ids import DeviceId

OFF_MS = 5000
"""Further from the source than this the clock's times are in doubt: the machine's time of day was stepped."""
AGREED_MS = 1000
"""As near as this they are believed again."""
SLEW = 0.05
"""Share of the time passed by which the clock may be pulled: a correction of one second takes twenty."""
AHEAD_S = 2.0
"""Wall seconds that the synced ceiling runs ahead of the times issued; a restart takes longer than that."""


@dataclass(slots=True, kw_only=True)
class SampleClock:
    """The clock of one gateway's samples."""

    is_slewed: bool
    """Whether the source may step (a machine's time of day); the conductor's page never does."""
    floor_ms: int = 0
    """Every time issued is above it: the ceiling of the run before."""
    now_ms: float = -1.0
    """Time last computed."""
    offset_ms: int = 0
    """Source minus this clock at the last look."""
    is_off: bool = False
    """Whether the source was stepped, and this clock has not caught up yet: one of the two is wrong."""
    ceiling_ms: int = 0
    """What is synced on disk; no time above it may be issued."""
    _seen_s: float = 0.0
    _last: dict[DeviceId, int] = field(default_factory=dict)

    def stamp(self, device: DeviceId, *, source_ms: int, monotonic_s: float, speed: float) -> int:
        """Return the time for what was read from `device` now, in whole milliseconds."""
        self._follow(source_ms, monotonic_s, speed)
        time_ms = max(int(self.now_ms), self.floor_ms + 1, self._last.get(device, 0) + 1)
        self._last[device] = time_ms
        return time_ms

    def wanted_ceiling(self, *, source_ms: int, speed: float) -> int | None:
        """Return the ceiling to write and sync now; None while the one written is far enough ahead.

        A source that has stepped ahead lifts it no faster than the times themselves.
        """
        is_led = self.is_slewed and self.now_ms >= 0
        top = max(0 if is_led else source_ms, int(self.now_ms), self.floor_ms, *self._last.values(), 0)
        ahead_ms = AHEAD_S * 1000 * max(speed, 1.0)
        return int(top + ahead_ms) if self.ceiling_ms < top + ahead_ms / 2 else None

    def _follow(self, source_ms: int, monotonic_s: float, speed: float) -> None:
        if not self.is_slewed or self.now_ms < 0:
            self.now_ms = max(self.now_ms, float(source_ms))
            if self.is_slewed and self.floor_ms - source_ms > AHEAD_S * 1000:
                # The time of day went back while nobody looked: go on from the floor, or time would stand until it is reached.
                self.now_ms = float(self.floor_ms)
        else:
            passed_ms = max(0.0, monotonic_s - self._seen_s) * 1000 * speed
            expected = self.now_ms + passed_ms
            pull = min(max(source_ms - expected, -SLEW * passed_ms), SLEW * passed_ms)
            self.now_ms = expected + pull
        self._seen_s = monotonic_s
        self.offset_ms = round(source_ms - self.now_ms)
        self.is_off = abs(self.offset_ms) > (AGREED_MS if self.is_off else OFF_MS)
