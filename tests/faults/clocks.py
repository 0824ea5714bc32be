"""Decides how wrong a gateway's sample clock may be: it follows the time of day by one part in twenty, and never runs back.

A model of its own, from the rule in words (docs: anchored at start, slewed by at most 5 %, a start begins above what was issued);
shares no code with the gateway.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

SLEW = 0.05
OFF_MS, AGREED_MS = 5_500, 900
"""Further from the time of day than 5 s a sample is in doubt, until both agree to a second; and half a second, a tenth, for us."""
ANSWERED_S = 2.0
"""A gateway takes its first time of day with the answer to its first read, that long after the read at most."""
AHEAD_MS = 3_000
"""A start may begin this far above the last time issued: the synced ceiling runs ahead."""
DOWN_MS = 2_000
"""From its death to its next start (schedule.AWAY_S)."""
LATE_MS = 2_000
"""An answer is on its way for as long as a gateway waits for it, and then is stamped when its process gets a turn."""
EARLY_MS = 100
"""Two processes round the same time of day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The time of day of the gateway's machine is wrong by `offset_ms` from `at_s` (monotonic) on."""

    at_s: float
    offset_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of the gateway's process."""

    at_s: float
    """Monotonic."""
    first_read_s: float
    """When a PLC first served it a read after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """The gateway's process stood still (monotonic): what was answered meanwhile was stamped afterwards."""

    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Knot:
    at_s: float
    low_ms: float
    high_ms: float
    """Bounds of how far the sample clock is ahead of the true time, then."""
    offset_ms: int
    """What it is drawn to from then on."""


class ClockModel:
    """The bounds of one gateway's sample clock over a run."""

    def __init__(self, starts: Sequence[Start], steps: Sequence[Step], hangs: Sequence[Hang] = ()) -> None:
        self._hangs = hangs
        self._steps = sorted(steps, key=lambda step: step.at_s)
        by_time = {start.at_s: start for start in starts}
        self._knots: list[_Knot] = []
        for at_s in sorted({*by_time, *(step.at_s for step in steps)}):
            self._knots.append(self._knot(at_s, by_time.get(at_s)))

    def bounds_ms(self, wall_ms: int, at_s: float) -> tuple[float, float]:
        """Return the earliest and the latest time that a read may be given which a PLC served then."""
        knot = self._before(at_s)
        if knot is None:
            return float("inf"), float("-inf")
        low, high = self._at(knot, at_s)
        return wall_ms + low - EARLY_MS, wall_ms + high + LATE_MS + self._hung_s(at_s) * 1000

    def is_off(self, at_s: float) -> bool | None:
        """Whether a read served then must be in doubt of its clock; None: it may be either."""
        first, last = (self._is_off(at) for at in (at_s, at_s + LATE_MS / 1000 + self._hung_s(at_s)))
        return first if first == last else None

    def _hung_s(self, at_s: float) -> float:
        """Return for how long an answer to a read of then may have waited for a gateway that hung."""
        waits = [
            hang.until_s - at_s for hang in self._hangs if hang.from_s - LATE_MS / 1000 <= at_s < hang.until_s
        ]
        return max(waits, default=0.0)

    def _is_off(self, at_s: float) -> bool | None:
        knot = self._before(at_s)
        if knot is None:
            return None
        low, high = (knot.offset_ms - ahead_ms for ahead_ms in reversed(self._at(knot, at_s)))
        if low > OFF_MS or high < -OFF_MS:
            return True
        return False if -AGREED_MS < low <= high < AGREED_MS else None

    def _knot(self, at_s: float, start: Start | None) -> _Knot:
        before = self._before(at_s)
        offset_ms = self._offset_ms(at_s)
        if start is None:
            low, high = (0.0, 0.0) if before is None else self._at(before, at_s)
            return _Knot(at_s=at_s, low_ms=low, high_ms=high, offset_ms=offset_ms)
        anchored_s = start.first_read_s + ANSWERED_S
        soon = [step.offset_ms for step in self._steps if at_s < step.at_s <= anchored_s]
        low, high = float(min([offset_ms, *soon])), float(max([offset_ms, *soon]))
        if before is not None:
            # It begins above what was issued before it died: no earlier than that, however far the time of day went back.
            last_low, last_high = self._at(before, at_s)
            away_ms = (anchored_s - at_s) * 1000 + DOWN_MS
            low = max(low, last_low - away_ms)
            high = max(high, last_high + AHEAD_MS)
        return _Knot(at_s=at_s, low_ms=low, high_ms=high, offset_ms=offset_ms)

    def _at(self, knot: _Knot, at_s: float) -> tuple[float, float]:
        reach = SLEW * (at_s - knot.at_s) * 1000
        low = knot.low_ms + min(max(knot.offset_ms - knot.low_ms, -reach), reach)
        high = knot.high_ms + min(max(knot.offset_ms - knot.high_ms, -reach), reach)
        return low, high

    def _before(self, at_s: float) -> _Knot | None:
        place = bisect_right([knot.at_s for knot in self._knots], at_s)
        return self._knots[place - 1] if place else None

    def _offset_ms(self, at_s: float) -> int:
        return next((s.offset_ms for s in reversed(self._steps) if s.at_s <= at_s), 0)
