"""What is known of the points of one device: values, trust, times, and what of them is to be told; reads nothing itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.ids import PointRef
from domain.park import Actuator, Device, Point, PollGroup
from domain.quality import Quality, Reason
from domain.sample import Reading, Value
from gateway.judgement import REASON_NUMBERS, REASONS, Judge, Judged, Where
from gateway.reporting import NEVER_MS, Reporter
from wire.modbus import Columns

POLL_FLOOR_S = 0.1
"""Wall seconds: no group is polled faster, however fast model time runs."""
STALE_FLOOR_S = 0.5
"""Wall seconds: nothing is called stale before."""
_GOOD, _UNCERTAIN = int(Quality.GOOD), int(Quality.UNCERTAIN)
_CLOCK = REASON_NUMBERS[Reason.CLOCK]
_QUALITIES: Mapping[int, Quality] = {quality.value: quality for quality in Quality}

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


@dataclass(slots=True, kw_only=True)
class _Answered:
    """When a poll group last answered."""

    read_s: float = -np.inf
    speed: float = np.inf
    """Model seconds per wall second then."""


class DeviceImage:
    """The image of one device, in columns; a point is a row."""

    def __init__(self, device: Device, points: Sequence[Point], actuators: Sequence[Actuator]) -> None:
        count = len(points)
        self.device = device
        self.points = tuple(points)
        self.row_of: dict[PointRef, int] = {point.ref: row for row, point in enumerate(points)}
        rows_of: dict[str, list[int]] = {name: [] for name in device.groups}
        for row, point in enumerate(points):
            rows_of.setdefault(point.group, []).append(row)
        self.groups: dict[str, Rows] = {
            name: np.array(rows_of[name], dtype=np.int64) for name in device.groups
        }
        self.is_alive = False
        """Whether it answers; a device is born dead."""
        self.read_s = -np.inf
        """Monotonic seconds of its last good answer."""
        self.is_clock_off = False
        """Whether the times of its samples are in doubt: told as uncertain, while decisions here rest on ages."""
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
        self._answered = {name: _Answered() for name in device.groups}
        self._is_text = np.array([point.is_text for point in points], dtype=np.bool_)
        self._has_texts = bool(self._is_text.any())
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
        where: Where | None = None,
    ) -> Rows:
        """Take what a poll of one group has read into `rows` (asked for at `asked_s`); return the rows to tell.

        `where` is `rows` once more as what is quickest to index with.
        """
        at = rows if where is None else where
        self._put(rows, at, columns, observed_ms)
        self._note(at, asked_s=asked_s, read_s=read_s, speed=speed)
        if len(rows):
            self._answer(self.points[rows[0]].group, read_s, speed)
        self._observed_ms[at] = observed_ms
        return self._tell(rows, observed_ms, where=at)

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
        for group in {self.points[row].group for row in rows}:
            self._answer(group, read_s, speed)
        rows, at = rows[is_new], observed_ms[is_new]
        own, why = qualities[is_new], reasons[is_new]
        columns = Columns(
            values=values[is_new], is_invalid=np.zeros(len(rows), dtype=np.bool_), is_sound=True
        )
        self._put(rows, rows, columns, at)
        spoken = own != _GOOD
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
                quality=_QUALITIES[told.quality[row]],
                reason=REASONS[told.reason[row]],
                observed_ms=int(at[row]),
            )
            for row in rows
            if at[row] > 0
        ]

    def told_columns(self, rows: Rows) -> ToldColumns:
        """Return what was last told of `rows`, of each of which something was."""
        told = self._reporter.told
        values = told.values[rows]
        texts: dict[int, str] = {}
        if self._has_texts:
            texts = {
                place: self._told_texts[row]
                for place, row in enumerate(rows.tolist())
                if row in self._told_texts and not np.isnan(values[place])
            }
            values[self._is_text[rows]] = np.nan
        # What is to be told anew may be on its way just now, chosen before: its time is that of its sample.
        at_ms = self._reporter.told_ms[rows]
        return ToldColumns(
            values=values,
            quality=told.quality[rows],
            reason=told.reason[rows],
            observed_ms=np.where(at_ms > 0, at_ms, self._observed_ms[rows]),
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
            quality=_QUALITIES[self._now.quality[row]],
            reason=REASONS[self._now.reason[row]],
            observed_ms=int(self._observed_ms[row]),
            age_s=age_s,
            fresh=age_s is not None
            and age_s <= stale_after_s(group, speed=min(speed, float(self._speeds[row]))),
        )

    def observed_ms(self, row: int) -> int:
        """Return the time of what is known of this point now; NEVER_MS: nothing is."""
        return int(self._observed_ms[row])

    def asked_s(self, row: int) -> float:
        """Return when the read that gave this value was begun, monotonic seconds; −inf: never."""
        return float(self._asked_s[row])

    def stale_groups(self, *, now_s: float, speed: float) -> list[str]:
        """Return the groups that have been read before and are silent for too long."""
        return [name for name in self._answered if self.is_stale(name, now_s=now_s, speed=speed)]

    def is_stale(self, group: str, *, now_s: float, speed: float) -> bool:
        """Whether `group` has been read before and is silent for too long."""
        answered = self._answered[group]
        pace = min(speed, answered.speed)
        return -np.inf < answered.read_s < now_s - stale_after_s(self.device.groups[group], speed=pace)

    def stale_after_s(self, *, speed: float) -> float:
        """Return the wall seconds of silence after which the device counts as dead.

        A read made before time went faster was due by the old speed.
        """
        pace = min(speed, self._read_speed)
        return min(stale_after_s(group, speed=pace) for group in self.device.groups.values())

    def _put(self, rows: Rows, where: Where, columns: Columns, observed_ms: int | NDArray[np.int64]) -> None:
        """Put values, quality and reason of `rows` in place."""
        self._values[where] = columns.values if not self._has_texts else self._revised(rows, columns)
        is_invalid = None if columns.is_sound else columns.is_invalid
        self._judge.judge(self._now, where, observed_ms=observed_ms, is_invalid=is_invalid)

    def _revised(self, rows: Rows, columns: Columns) -> NDArray[np.float64]:
        """Return the numbers of `rows`, of texts their revisions."""
        values = columns.values.copy()
        for place, text in columns.texts.items():
            row = int(rows[place])
            if np.isnan(self._values[row]) or self._texts.get(row) != text:
                self._revision += 1
                self._texts[row], values[place] = text, float(self._revision)
            else:
                values[place] = self._values[row]
        return values

    def _answer(self, group: str, read_s: float, speed: float) -> None:
        answered = self._answered[group]
        answered.read_s, answered.speed = read_s, speed

    def _note(self, where: Where, *, asked_s: float, read_s: float, speed: float) -> None:
        """Note when rows were read."""
        self.read_s, self._read_speed = read_s, speed
        self._speeds[where] = speed
        self._asked_s[where] = asked_s
        self._read_s[where] = read_s

    def _tell(
        self,
        rows: Rows,
        observed_ms: int | NDArray[np.int64],
        *,
        where: Where | None = None,
        after_silence: bool = True,
    ) -> Rows:
        now = self._now
        if self.is_clock_off:
            good = now.quality == _GOOD
            now = Judged(
                values=now.values,
                quality=np.where(good, _UNCERTAIN, now.quality).astype(np.int16),
                reason=np.where(good, _CLOCK, now.reason).astype(np.int8),
            )
        told = self._reporter.select(now, rows, observed_ms, where=where, after_silence=after_silence)
        if self._texts:
            self._told_texts.update({row: self._texts[row] for row in told.tolist() if row in self._texts})
        return told

    def _value(self, row: int, number: float, texts: Mapping[int, str]) -> Value | None:
        if number != number:  # noqa: PLR0124 # NaN
            return None
        if row in texts:
            return texts[row]
        return number == 1.0 if self.points[row].is_boolean else number
