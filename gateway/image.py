"""What is known of the points of one device: values, trust, times, and what of them is to be told; reads nothing itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.ids import PointRef
from domain.park import Actuator, Device, Point, PollGroup
from domain.quality import Quality, Reason
from domain.sample import Reading, Value
from gateway.judgement import REASON_NUMBERS, REASONS, Judge, Judged
from gateway.reporting import NEVER_MS, Reporter
from wire.modbus import Columns

POLL_FLOOR_S = 0.1
"""Wall seconds: no group is polled faster, however fast model time runs."""
STALE_FLOOR_S = 0.5
"""Wall seconds: nothing is called stale before."""

Rows = NDArray[np.int64]


def period_s(group: PollGroup, *, speed: float, floor_s: float = POLL_FLOOR_S) -> float:
    """Return the wall seconds between two polls of `group`."""
    return max(group.period_s / max(speed, 1e-6), floor_s)


def stale_after_s(group: PollGroup, *, speed: float) -> float:
    """Return the wall seconds after the last good read from which a value is stale (I15)."""
    return max(2 * group.period_s / max(speed, 1e-6), STALE_FLOOR_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One value as it is told."""

    point: Point
    value: Value | None
    quality: Quality
    reason: Reason | None
    observed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldColumns:
    """What was last told of some rows, column by column in the order of those rows."""

    values: NDArray[np.float64]
    """NaN: null; of states 0.0 or 1.0; of texts NaN."""
    quality: NDArray[np.int16]
    reason: NDArray[np.int8]
    """Indexes of gateway.judgement.REASONS."""
    observed_ms: NDArray[np.int64]
    texts: Mapping[int, str]
    """Index in the columns → text; of texts only, empty for most devices."""


class DeviceImage:
    """The image of one device, in columns; a point is a row."""

    def __init__(self, device: Device, points: Sequence[Point], actuators: Sequence[Actuator]) -> None:
        count = len(points)
        self.device = device
        self.points = tuple(points)
        self.row_of: dict[PointRef, int] = {point.ref: row for row, point in enumerate(points)}
        self.groups: dict[str, Rows] = {
            name: np.array([row for row, p in enumerate(points) if p.group == name], dtype=np.int64)
            for name in device.groups
        }
        self.is_alive = False
        """Whether it answers; a device is born dead."""
        self.read_s = -np.inf
        """Monotonic seconds of its last good answer."""
        self._read_speed = np.inf
        """Model seconds per wall second when it last answered."""
        self._judge = Judge(points, actuators)
        self._reporter = Reporter(points)
        self._values = np.full(count, np.nan)
        self._now = Judged(
            values=self._values,
            quality=np.zeros(count, dtype=np.int16),
            reason=np.full(count, REASON_NUMBERS[Reason.STALE], dtype=np.int8),
        )
        self._observed_ms = np.full(count, NEVER_MS, dtype=np.int64)
        self._asked_s = np.full(count, -np.inf)
        self._read_s = np.full(count, -np.inf)
        self._speeds = np.full(count, np.inf)
        """Of each row, as `_read_speed`."""
        self._texts: dict[int, str] = {}
        """Row → text, of texts only; their number is a revision, so that a change of text is a change of value."""
        self._told_texts: dict[int, str] = {}
        self._revision = 0

    def take(
        self,
        rows: Rows,
        columns: Columns,
        *,
        observed_ms: int,
        asked_s: float,
        read_s: float,
        speed: float = 1.0,
    ) -> Rows:
        """Take what a poll has read into `rows` (asked for at `asked_s`); return the rows to tell."""
        self._judged(rows, columns)
        self._note(rows, asked_s=asked_s, read_s=read_s, speed=speed)
        self._observed_ms[rows] = observed_ms
        return self._tell(rows, observed_ms)

    def take_samples(
        self,
        rows: Rows,
        values: NDArray[np.float64],
        observed_ms: NDArray[np.int64],
        qualities: NDArray[np.int16],
        reasons: NDArray[np.int8],
        *,
        read_s: float,
        speed: float = 1.0,
    ) -> Rows:
        """Take samples that bring times and qualities of their own (an analyser's); return the rows to tell.

        NaN is "no value". A quality that is not good stands; a good one is judged as any other value. A row whose time is
        not after the one last told of it is a repetition: it proves that the device is alive and says nothing new.
        """
        is_new = observed_ms > self._reporter.told_ms[rows]
        self._note(rows, asked_s=read_s, read_s=read_s, speed=speed)
        rows, at = rows[is_new], observed_ms[is_new]
        own, why = qualities[is_new], reasons[is_new]
        self._judged(rows, Columns(values=values[is_new], is_invalid=np.zeros(len(rows), dtype=np.bool_)))
        spoken = own != int(Quality.GOOD)
        self._now.quality[rows[spoken]] = own[spoken]
        self._now.reason[rows[spoken]] = why[spoken]
        self._observed_ms[rows] = at
        return self._tell(rows, at)

    def doubt(self, rows: Rows, quality: Quality, reason: Reason, *, observed_ms: int) -> Rows:
        """Lower the trust in `rows` without a new value (silence); return the rows to tell: each once."""
        self._now.quality[rows] = int(quality)
        self._now.reason[rows] = REASON_NUMBERS[reason]
        self._observed_ms[rows] = observed_ms
        return self._tell(rows, observed_ms, after_silence=False)

    def told(self, rows: Iterable[int]) -> list[Told]:
        """Return what was last told of `rows`, leaving out those of which nothing was."""
        told, at = self._reporter.told, self._reporter.told_ms
        return [
            Told(
                point=self.points[row],
                value=self._value(row, float(told.values[row]), self._told_texts),
                quality=Quality(int(told.quality[row])),
                reason=REASONS[told.reason[row]],
                observed_ms=int(at[row]),
            )
            for row in rows
            if at[row] > 0
        ]

    def told_columns(self, rows: Rows) -> ToldColumns:
        """Return what was last told of `rows`, of each of which something was."""
        told = self._reporter.told
        values, texts = told.values[rows], {}
        if self._texts:
            texts = {
                place: self._told_texts[row]
                for place, row in enumerate(rows.tolist())
                if row in self._told_texts and not np.isnan(values[place])
            }
            values[[place for place, row in enumerate(rows.tolist()) if self.points[row].is_text]] = np.nan
        return ToldColumns(
            values=values,
            quality=told.quality[rows],
            reason=told.reason[rows],
            observed_ms=self._reporter.told_ms[rows],
            texts=texts,
        )

    def tell_all_again(self) -> None:
        """Tell every point anew at its next read."""
        self._reporter.forget()

    def reading(self, row: int, *, now_s: float, speed: float) -> Reading:
        """Return one point as one who decides sees it at `now_s`."""
        if self._observed_ms[row] == NEVER_MS:
            return Reading(value=None, quality=Quality.BAD, reason=Reason.STALE)
        read_s = float(self._read_s[row])
        age_s = now_s - read_s if read_s > -np.inf else None
        group = self.device.groups[self.points[row].group]
        return Reading(
            value=self._value(row, float(self._values[row]), self._texts),
            quality=Quality(int(self._now.quality[row])),
            reason=REASONS[self._now.reason[row]],
            observed_ms=int(self._observed_ms[row]),
            age_s=age_s,
            fresh=age_s is not None
            and age_s <= stale_after_s(group, speed=self._pace(speed, self._speeds[row])),
        )

    def asked_s(self, row: int) -> float:
        """Return when the read that gave this value was begun, monotonic seconds; −inf: never."""
        return float(self._asked_s[row])

    def stale_groups(self, *, now_s: float, speed: float) -> list[str]:
        """Return the groups that have been read before and are silent for too long."""
        return [
            name
            for name, rows in self.groups.items()
            if len(rows)
            and -np.inf
            < self._read_s[rows].max()
            < now_s
            - stale_after_s(self.device.groups[name], speed=self._pace(speed, self._speeds[rows].min()))
        ]

    def stale_after_s(self, *, speed: float) -> float:
        """Return the wall seconds of silence after which the device counts as dead."""
        pace = self._pace(speed, self._read_speed)
        return min(stale_after_s(group, speed=pace) for group in self.device.groups.values())

    @staticmethod
    def _pace(speed: float, read_speed: float) -> float:
        """Return the speed by which silence is judged: a read made before time went faster was due by the old speed."""
        return min(speed, float(read_speed))

    def _judged(self, rows: Rows, columns: Columns) -> None:
        """Put values, quality and reason of `rows` in place."""
        self._revise(rows, columns.texts)
        is_text = np.zeros(len(rows), dtype=np.bool_)
        is_text[list(columns.texts)] = True
        self._values[rows] = np.where(is_text, self._values[rows], columns.values)
        is_invalid = np.zeros(len(self.points), dtype=np.bool_)
        is_invalid[rows] = columns.is_invalid
        judged = self._judge.judge(Columns(values=self._values, is_invalid=is_invalid), self._values)
        self._now.quality[rows] = judged.quality[rows]
        self._now.reason[rows] = judged.reason[rows]

    def _revise(self, rows: Rows, texts: Mapping[int, str]) -> None:
        for place, text in texts.items():
            row = int(rows[place])
            if np.isnan(self._values[row]) or self._texts.get(row) != text:
                self._revision += 1
                self._texts[row], self._values[row] = text, float(self._revision)

    def _note(self, rows: Rows, *, asked_s: float, read_s: float, speed: float) -> None:
        """Note when `rows` were read."""
        self._read_speed = speed
        self._speeds[rows] = speed
        self._asked_s[rows] = asked_s
        self._read_s[rows] = read_s
        self.read_s = read_s

    def _tell(self, rows: Rows, observed_ms: int | NDArray[np.int64], *, after_silence: bool = True) -> Rows:
        told = self._reporter.select(self._now, rows, observed_ms, after_silence=after_silence)
        if self._texts:
            self._told_texts.update({row: self._texts[row] for row in told.tolist() if row in self._texts})
        return told

    def _value(self, row: int, number: float, texts: Mapping[int, str]) -> Value | None:
        if number != number:  # noqa: PLR0124 # NaN
            return None
        if row in texts:
            return texts[row]
        return number == 1.0 if self.points[row].is_boolean else number
