"""Judges the values of one poll, column by column: how far each may be trusted, and why not further.

Silence (stale, link) is not judged here but where time is known (gateway.presence).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.ids import FacilityId
from domain.park import Actuator, Point
from domain.quality import Quality, Reason
from wire.modbus import Columns

REASONS: tuple[Reason | None, ...] = (None, *Reason)
"""Reasons as small numbers, so that they stand in a column."""
REASON_NUMBERS = {reason: number for number, reason in enumerate(REASONS)}

SENSOR_FAULT = "sensor_fault"
CALIBRATING = "calibrating"
"""Names of the points by which an instrument says that its other values are not to be believed."""


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
    """Knows the limits of the points of one device, and which of them speak about others."""

    def __init__(self, points: Sequence[Point], actuators: Sequence[Actuator]) -> None:
        self._low = np.array([-np.inf if p.range_min is None else p.range_min for p in points])
        self._high = np.array([np.inf if p.range_max is None else p.range_max for p in points])
        rows = {(point.facility, point.name): row for row, point in enumerate(points)}
        self._limits = [
            (rows[a.facility, a.feedback.opened], rows[a.facility, a.feedback.closed])
            for a in actuators
            if (a.facility, a.feedback.opened) in rows and (a.facility, a.feedback.closed) in rows
        ]
        self._faults = _spoken_of(points, rows, SENSOR_FAULT)
        self._calibrations = _spoken_of(points, rows, CALIBRATING)

    def judge(self, columns: Columns, known: NDArray[np.float64]) -> Judged:
        """Judge the values of the whole device, `columns`; rows of `known` that are NaN say nothing about others."""
        values = columns.values
        quality = np.full(len(values), int(Quality.GOOD), dtype=np.int16)
        reason = np.zeros(len(values), dtype=np.int8)
        for flag, rows in self._calibrations:
            if known[flag] == 1.0:
                _set(quality, reason, rows, Quality.UNCERTAIN, Reason.CALIBRATION)
        with np.errstate(invalid="ignore"):
            outside = (values < self._low) | (values > self._high)
        _set(quality, reason, outside, Quality.BAD, Reason.RANGE)
        for opened, closed in self._limits:
            if known[opened] == 1.0 and known[closed] == 1.0:
                _set(quality, reason, np.array([opened, closed]), Quality.BAD, Reason.CONTRADICTION)
        for flag, rows in self._faults:
            if known[flag] == 1.0:
                _set(quality, reason, rows, Quality.BAD, Reason.SENSOR_FAULT)
        _set(quality, reason, columns.is_invalid, Quality.BAD, Reason.SENSOR_FAULT)
        return Judged(values=values, quality=quality, reason=reason)


def _set(
    quality: NDArray[np.int16],
    reason: NDArray[np.int8],
    rows: NDArray[np.bool_] | NDArray[np.int64],
    to: Quality,
    why: Reason,
) -> None:
    quality[rows] = int(to)
    reason[rows] = REASON_NUMBERS[why]


def _spoken_of(
    points: Sequence[Point], rows: Mapping[tuple[FacilityId, str], int], name: str
) -> list[tuple[int, NDArray[np.int64]]]:
    """Return (row of the flag, rows of the numbers of its facility) for each facility that has the flag."""
    found = []
    for (facility, point), flag in rows.items():
        if point == name:
            others = [row for row, p in enumerate(points) if p.facility == facility and not p.is_boolean]
            found.append((flag, np.array(others, dtype=np.int64)))
    return found
