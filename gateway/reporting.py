"""Report by exception: decides which values of a device are told, because they changed or because it has been silent long."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.park import Point
from gateway.judgement import Judged, Where

NEVER_MS = -(2**62)


class Reporter:
    """What was last told of each point of one device."""

    def __init__(self, points: Sequence[Point]) -> None:
        count = len(points)
        self._dead_band = np.array([point.dead_band for point in points])
        self._silence_ms = np.array([point.silence_s_max * 1000 for point in points])
        self.told = Judged(
            values=np.full(count, np.nan),
            quality=np.zeros(count, dtype=np.int16),
            reason=np.zeros(count, dtype=np.int8),
        )
        self.told_ms = np.full(count, NEVER_MS, dtype=np.int64)
        """Time of the sample last told; NEVER_MS: none."""

    def select(
        self,
        judged: Judged,
        rows: NDArray[np.int64],
        observed_ms: int | NDArray[np.int64],
        *,
        where: Where | None = None,
        after_silence: bool = True,
    ) -> NDArray[np.int64]:
        """Return which of `rows` to tell now, and take them as told.

        A point is told when its quality or reason changed, when its value moved by more than its dead band since it was
        last told, or, `after_silence`, when that was longer ago than its longest silence. `observed_ms` is one time for
        all, or one a row; `where` is `rows` once more as what is quickest to index with.
        """
        at = rows if where is None else where
        told = self.told
        value, quality, reason = judged.values[at], judged.quality[at], judged.reason[at]
        distance = np.abs(value - told.values[at])
        changed = distance > self._dead_band[at]
        if not changed.all():
            self._find_others(changed, distance, judged, at, observed_ms, after_silence=after_silence)
            if not changed.all():
                chosen: NDArray[np.int64] = rows[changed]
                told.values[chosen] = value[changed]
                told.quality[chosen] = quality[changed]
                told.reason[chosen] = reason[changed]
                self.told_ms[chosen] = observed_ms if isinstance(observed_ms, int) else observed_ms[changed]
                return chosen
        told.values[at], told.quality[at], told.reason[at] = value, quality, reason
        self.told_ms[at] = observed_ms
        return rows

    def _find_others(
        self,
        changed: NDArray[np.bool_],
        distance: NDArray[np.float64],
        judged: Judged,
        at: Where,
        observed_ms: int | NDArray[np.int64],
        *,
        after_silence: bool,
    ) -> None:
        """Add to `changed` the rows `at` that are told though they are no further than their dead band."""
        told, before = self.told, self.told_ms[at]
        if np.isnan(distance).any():
            changed |= np.isnan(judged.values[at]) != np.isnan(told.values[at])
        changed |= judged.quality[at] != told.quality[at]
        changed |= judged.reason[at] != told.reason[at]
        if after_silence:
            changed |= observed_ms - before >= self._silence_ms[at]
        else:
            changed |= before == NEVER_MS

    def forget(self) -> None:
        """Tell every point anew at its next read: what was told meanwhile could not be kept."""
        self.told_ms[self.told_ms != NEVER_MS] = NEVER_MS + 1
