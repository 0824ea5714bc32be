"""Sums samples up into spans of equal length, and finds the spans without any; the same for every store that does not itself."""

import math
from collections.abc import Sequence

import numpy as np

from domain.quality import Quality
from stores.codes import BADNESS
from stores.port import Bucket, Gap
from stores.track import Track

QUALITIES = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD)
"""By badness."""


def span_of(from_ms: int, to_ms: int, count: int) -> int:
    """Return the length of each of `count` spans, whole milliseconds."""
    assert from_ms < to_ms
    assert count > 0
    return math.ceil((to_ms - from_ms) / count)


def sum_up(track: Track, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
    """Return the non-empty spans of [from_ms, to_ms), at most `count`."""
    span_ms = span_of(from_ms, to_ms, count)
    track = track.within(from_ms, to_ms)
    if track.size == 0:
        return []
    numbers = (track.times_ms - from_ms) // span_ms
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    has_value = ~np.isnan(track.values)
    sizes = np.diff(starts, append=track.size)
    valued = np.add.reduceat(has_value.astype(np.int64), starts)
    lows = np.minimum.reduceat(np.where(has_value, track.values, np.inf), starts)
    highs = np.maximum.reduceat(np.where(has_value, track.values, -np.inf), starts)
    sums = np.add.reduceat(np.where(has_value, track.values, 0.0), starts)
    # The place of the newest value in each span; where a span has none it is not looked at.
    lasts = np.maximum.reduceat(np.where(has_value, np.arange(track.size), 0), starts)
    badness = np.maximum.reduceat(BADNESS[track.codes], starts)
    return [
        Bucket(
            start_ms=from_ms + number * span_ms,
            min=low if values else None,
            max=high if values else None,
            mean=total / values if values else None,
            last=last if values else None,
            count=size,
            quality=QUALITIES[bad],
        )
        for number, low, high, total, last, size, values, bad in zip(
            numbers[starts].tolist(), lows.tolist(), highs.tolist(), sums.tolist(),
            track.values[lasts].tolist(), sizes.tolist(), valued.tolist(), badness.tolist(), strict=True,
        )
    ]  # fmt: skip


def gaps_of(track: Track, *, from_ms: int, to_ms: int, longer_ms: int) -> Sequence[Gap]:
    """Return the spans of [from_ms, to_ms) longer than `longer_ms` without a sample."""
    times = np.concatenate(([from_ms], track.within(from_ms, to_ms).times_ms, [to_ms]))
    found = np.flatnonzero(np.diff(times) > longer_ms)
    return [
        Gap(after, before)
        for after, before in zip(times[found].tolist(), times[found + 1].tolist(), strict=True)
    ]
