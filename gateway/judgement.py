"""Judges the values of one poll, column by column: how far each may be trusted, and why not further.

Silence (stale, link) is not judged here but where time is known: in gateway.poller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.ids import FacilityId
from domain.park import Actuator, Point
from domain.quality import Quality, Reason

REASONS: tuple[Reason | None, ...] = (None, *Reason)
"""Reasons as small numbers, so that they stand in a column."""
REASON_NUMBERS = {reason: number for number, reason in enumerate(REASONS)}

SENSOR_FAULT = "sensor_fault"
CALIBRATING = "calibrating"
"""Names of the states by which an instrument says that the numbers of its facility are not to be believed."""
DEVICE_FAULT = "device_fault"
"""Name of the state by which a PLC says so of all its numbers."""

Where = slice | NDArray[np.int64]
"""Rows of a device: a slice when they run on, which is quicker."""

_BAD, _UNCERTAIN, _GOOD = int(Quality.BAD), int(Quality.UNCERTAIN), int(Quality.GOOD)
_NEVER_MS = -(2**62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Values with the trust that they deserve, one row a point."""

    values: NDArray[np.float64]
    """NaN where there is none."""
    quality: NDArray[np.int16]
    """Numbers of domain.quality.Quality."""
    reason: NDArray[np.int8]
    """Indexes of REASONS."""


class Judge:
    """Knows the limits of the points of one device, which of them speak about others, and how each moved before."""

    def __init__(self, points: Sequence[Point], actuators: Sequence[Actuator]) -> None:
        count = len(points)
        self._low = np.array([-np.inf if p.range_min is None else p.range_min for p in points])
        self._high = np.array([np.inf if p.range_max is None else p.range_max for p in points])
        self._has_range = bool(np.isfinite(self._low).any() or np.isfinite(self._high).any())
        rows = {(point.facility, point.name): row for row, point in enumerate(points)}
        self._limits = [
            np.array([rows[a.facility, a.feedback.opened], rows[a.facility, a.feedback.closed]])
            for a in actuators
            if (a.facility, a.feedback.opened) in rows and (a.facility, a.feedback.closed) in rows
        ]
        self._faults = _spoken_of(points, rows, SENSOR_FAULT) + _spoken_of_all(points, rows)
        self._calibrations = _spoken_of(points, rows, CALIBRATING)
        self._has_flags = bool(self._limits or self._faults or self._calibrations)
        self._rate_max = np.array([np.inf if p.rate_max is None else p.rate_max for p in points])
        self._has_rate = bool(np.isfinite(self._rate_max).any())
        self._believed = np.full(count, np.nan)
        self._believed_ms = np.full(count, _NEVER_MS, dtype=np.int64)
        """The last value that was good, and its time: what a change is measured from."""
        never = 2**62
        frozen_ms = [never if p.frozen_s is None else round(p.frozen_s * 1000) for p in points]
        self._frozen_ms = np.array(frozen_ms, dtype=np.int64)
        self._has_frozen = any(p.frozen_s is not None for p in points)
        self._stood = np.full(count, np.nan)
        self._stood_ms = np.full(count, _NEVER_MS, dtype=np.int64)
        """The value that stands, and since when."""

    def judge(
        self,
        judged: Judged,
        where: Where,
        *,
        observed_ms: int | NDArray[np.int64],
        is_invalid: NDArray[np.bool_] | None = None,
    ) -> None:
        """Judge the rows `where` of `judged` in place, whose values were observed at `observed_ms` (one time, or one a row).

        `is_invalid` is of these rows; None: no value is. Rows that are NaN say nothing about others.
        """
        quality, reason = judged.quality, judged.reason
        quality[where] = _GOOD
        reason[where] = 0
        values = judged.values[where]
        if self._has_frozen:
            self._judge_standing(judged, where, values, observed_ms)
        if self._has_rate:
            self._judge_rate(judged, where, values, observed_ms)
        if self._has_range:
            outside = values < self._low[where]
            outside |= values > self._high[where]
            if outside.any():
                _set(judged, where, outside, _BAD, Reason.RANGE)
        if self._has_flags:
            self._judge_flags(judged, where)
        if is_invalid is not None:
            _set(judged, where, is_invalid, _BAD, Reason.SENSOR_FAULT)
        if self._has_rate:
            self._believe(judged, where, observed_ms)

    def _judge_standing(
        self, judged: Judged, where: Where, values: NDArray[np.float64], at_ms: int | NDArray[np.int64]
    ) -> None:
        stands = values == self._stood[where]
        since = np.where(stands, self._stood_ms[where], at_ms)
        self._stood[where], self._stood_ms[where] = values, since
        _set(judged, where, at_ms - since >= self._frozen_ms[where], _UNCERTAIN, Reason.FROZEN)

    def _judge_rate(
        self, judged: Judged, where: Where, values: NDArray[np.float64], at_ms: int | NDArray[np.int64]
    ) -> None:
        """A jump is believed as soon as its point could have come so far since it was last believed.

        So a spike is uncertain until it returns, and a lasting step until time has made it possible.
        """
        passed_s = np.maximum(at_ms - self._believed_ms[where], 1) / 1000
        jumped = np.abs(values - self._believed[where]) > self._rate_max[where] * passed_s
        _set(judged, where, jumped, _UNCERTAIN, Reason.RATE)

    def _judge_flags(self, judged: Judged, where: Where) -> None:
        """What flags say is of the whole device; only `where` is judged now."""
        values = judged.values
        quality, reason = judged.quality.copy(), judged.reason.copy()
        whole = Judged(values=values, quality=quality, reason=reason)
        every = slice(None)
        for flag, rows in self._calibrations:
            if values[flag] == 1.0:
                doubted = rows[quality[rows] != _BAD]
                _set(whole, every, doubted, _UNCERTAIN, Reason.CALIBRATION)
        for pair in self._limits:
            if (values[pair] == 1.0).all():
                _set(whole, every, pair, _BAD, Reason.CONTRADICTION)
        for flag, rows in self._faults:
            if values[flag] == 1.0:
                _set(whole, every, rows, _BAD, Reason.SENSOR_FAULT)
        judged.quality[where] = quality[where]
        judged.reason[where] = reason[where]

    def _believe(self, judged: Judged, where: Where, at_ms: int | NDArray[np.int64]) -> None:
        good = (judged.quality[where] == _GOOD) & ~np.isnan(judged.values[where])
        self._believed[where] = np.where(good, judged.values[where], self._believed[where])
        self._believed_ms[where] = np.where(good, at_ms, self._believed_ms[where])


def _set(
    judged: Judged, where: Where, which: NDArray[np.bool_] | NDArray[np.int64], to: int, why: Reason
) -> None:
    """Give those of the rows `where` that `which` picks a quality and its reason."""
    if isinstance(where, slice):
        judged.quality[where][which] = to
        judged.reason[where][which] = REASON_NUMBERS[why]
    else:
        judged.quality[where[which]] = to
        judged.reason[where[which]] = REASON_NUMBERS[why]


def _spoken_of(
    points: Sequence[Point], rows: Mapping[tuple[FacilityId, str], int], name: str
) -> list[tuple[int, NDArray[np.int64]]]:
    """Return (row of the flag, rows of the numbers of its facility) for each facility that has the flag."""
    found = []
    for (facility, point), flag in rows.items():
        if point == name and points[flag].is_boolean:
            others = [row for row, p in enumerate(points) if p.facility == facility and not p.is_boolean]
            found.append((flag, np.array(others, dtype=np.int64)))
    return found


def _spoken_of_all(
    points: Sequence[Point], rows: Mapping[tuple[FacilityId, str], int]
) -> list[tuple[int, NDArray[np.int64]]]:
    """Return (row of the flag, rows of all numbers) for each flag of the whole device."""
    numbers = np.array([row for row, p in enumerate(points) if not p.is_boolean], dtype=np.int64)
    return [
        (flag, numbers)
        for (_, point), flag in rows.items()
        if point == DEVICE_FAULT and points[flag].is_boolean
    ]
