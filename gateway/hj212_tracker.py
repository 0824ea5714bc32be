"""Decides what of a data logger's report is new, what comes late and what was told before, with the time and trust of each.

It keeps no value but the last own time of each point, and sends nothing. Why late samples go their own way: ADR 0024.
"""

import math
import re
from array import array
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domain.logger import FAULT_FLAGS, FAULTY, UNKNOWN_FLAG, Edition, Logger, Mode, ReportKind, trust_of_flag
from domain.park import Point, PollGroup
from domain.quality import Quality, Reason
from domain.units import ratio
from wire.hj212 import Deviation, Frame
from wire.hj212_body import Body, read_time
from wire.hj212_factors import KINDS, other_code

CLOCK_SLACK_MS = 60_000
"""A logger's clock is believed to be wrong by as much, either way; a sample that is later than ours by more is not."""
EARLIEST_MS = 1_100_000_000_000
"""November 2004, before the first edition: an earlier time is a logger's clock that was never set."""
SEEN_MAX = 512
"""Times kept for each point, by which a report that is sent again is known; beyond them the store merges by series and time."""
SPLIT_MS_MAX = 300_000
"""A report whose packets take longer is two reports."""
SPLITS_MAX = 8
"""Reports in packets that are open at once; the oldest goes."""
PACKETS_MAX = 256
"""Packets of one report whose arrival is remembered."""
_NUMBER = re.compile(r"[-+]?\d{1,15}(\.\d{0,12})?\Z", re.ASCII)
_LOOSE_NUMBER = re.compile(r"[-+]?(\d{1,15}(\.\d{0,12})?|\.\d{1,12})([eE][-+]?\d{1,2})?\Z", re.ASCII)
_FLAGLESS = re.compile(r"SB|[ei]\d")
"""Facilities and instruments have states and no flags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One sample of a report."""

    row: int
    value: float
    """In the point's unit; NaN: none; of states 0 or 1."""
    own_ms: int
    """Its time as the logger has it."""
    observed_ms: int
    """Its time as it is told."""
    quality: Quality
    reason: Reason | None
    age_ms: int = 0
    """How long before the report's arrival it surely was true; of a period, its end."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What one packet brought."""

    kind: ReportKind
    fresh: list[Arrival] = field(default_factory=list)
    """To be shown now and kept."""
    late: list[Arrival] = field(default_factory=list)
    """To be kept under their own time and shown to nobody as the present."""
    repeated: int = 0
    """Samples that were told before."""
    deviations: list[Deviation] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)
    """Rows of which it has said something."""


@dataclass(slots=True)
class _Split:
    """A report in several packets."""

    pnum: int
    began_ms: int
    data_time: str | None = None
    came: set[int] = field(default_factory=set)

    @property
    def is_whole(self) -> bool:
        """Whether every packet came, as far as that is remembered."""
        return len(self.came) >= min(self.pnum, PACKETS_MAX)


class Tracker:
    """What was told of the points of one logger."""

    def __init__(self, points: Sequence[Point], groups: Mapping[str, PollGroup], logger: Logger) -> None:
        self._logger = logger
        self._points = points
        self._period_ms = [round(groups[point.group].period_s * 1000) for point in points]
        self._rows: dict[tuple[ReportKind, str], list[int]] = defaultdict(list)
        for row, point in enumerate(points):
            assert point.factor is not None
            self._rows[point.factor.report, point.factor.code].append(row)
        self._ratio = [_ratio(point) for point in points]
        self._last_ms: dict[int, int] = {}
        """Row → own time of its last fresh sample."""
        self._last_text: dict[int, str] = {}
        self._ahead_ms: dict[int, int] = {}
        """Row → own time of its last sample that was ahead of our clock."""
        self._floor_ms: dict[int, int] = {}
        """Row → time last told of it, by whatever clock; the next is above."""
        self._seen: dict[int, array[int]] = {}
        self._splits: dict[tuple[str, int], _Split] = {}

    def kinds(self) -> frozenset[ReportKind]:
        """Return the kinds of report that some point takes."""
        return frozenset(kind for kind, _ in self._rows)

    def doubted(self, rows: Sequence[int], at_ms: int) -> None:
        """Note that silence was told of `rows`: what is told next is later."""
        for row in rows:
            self._floor_ms[row] = max(at_ms, self._floor_ms.get(row, 0))

    def forget(self, report: Report) -> None:
        """Take the samples of `report` as never told: they could not be kept, and the logger will send them again."""
        for arrival in (*report.fresh, *report.late):
            seen = self._seen.get(arrival.row)
            if seen is not None and arrival.own_ms in seen:
                seen.remove(arrival.own_ms)

    def last_ms(self, kind: ReportKind) -> int | None:
        """Return the own time of the newest sample of a kind; None: there was none."""
        rows = (row for (of, _), rows in self._rows.items() if of is kind for row in rows)
        return max((self._last_ms[row] for row in rows if row in self._last_ms), default=None)

    def take(self, frame: Frame, body: Body, *, now_ms: int) -> Report | None:
        """Take one packet of data that came at `now_ms` by our sample clock.

        None: it is not to be used, and not acknowledged (strict mode without a time; or a packet whose time is in another
        that has not come yet).
        """
        report = Report(kind=KINDS[frame.cn])
        data_time = self._data_time(frame, body, report, now_ms)
        base_ms = None if data_time is None else _believed(data_time)
        if base_ms is None:
            report.deviations.append(Deviation.TIME_MISSING if data_time is None else Deviation.TIME_BAD)
            is_waiting = frame.pno is not None and frame.pno > 1
            if self._logger.mode is Mode.STRICT or is_waiting:
                return None
            base_ms = (_believed(frame.qn) if frame.qn else None) or now_ms // 1000 * 1000
        for code, fields in body.factors.items():
            self._factor(report, code, fields, base_ms, now_ms)
        report.deviations = list(dict.fromkeys(report.deviations))
        return report

    def _data_time(self, frame: Frame, body: Body, report: Report, now_ms: int) -> str | None:
        """Return the packet's DataTime, or that of another packet of the same report."""
        own = body.parameters.get("DataTime")
        if frame.pnum is None or frame.pno is None or frame.pnum < 2:
            return own
        key = (frame.cn, frame.pnum)
        split = self._splits.pop(key, None)
        is_other = split is not None and own is not None and split.data_time not in {None, own}
        if is_other or (split is not None and now_ms - split.began_ms > SPLIT_MS_MAX):
            # The next report has begun before this one was whole; what came of it was used all the same.
            report.deviations += [] if split is None or split.is_whole else [Deviation.SPLIT_INCOMPLETE]
            split = None
        split = split or _Split(pnum=frame.pnum, began_ms=now_ms)
        split.data_time = split.data_time or own
        if len(split.came) < PACKETS_MAX and split.data_time is not None:
            split.came.add(frame.pno)
        # A whole one stays too: a packet may be sent again.
        self._splits[key] = split
        if len(self._splits) > SPLITS_MAX:
            oldest = self._splits.pop(next(iter(self._splits)))
            report.deviations += [] if oldest.is_whole else [Deviation.SPLIT_INCOMPLETE]
        return split.data_time

    def _factor(
        self, report: Report, code: str, fields: Mapping[str, str], base_ms: int, now_ms: int
    ) -> None:
        rows = self._rows.get((report.kind, code))
        if rows is None:
            other = other_code(code)
            rows = self._rows.get((report.kind, other)) if other is not None else None
            if rows is None or self._logger.mode is Mode.STRICT:
                report.deviations.append(Deviation.FACTOR_UNKNOWN)
                return
            report.deviations.append(Deviation.FACTOR_OTHER_EDITION)
        flag = fields.get("Flag", "")
        quality, reason = self._trust(flag, code, report)
        own_ms = self._own_time(fields, base_ms, report)
        for row in rows:
            if row in report.rows:
                # Under both codes of a factor: two values of one point in one report are one too many.
                report.deviations.append(Deviation.FIELD_TWICE)
                continue
            report.rows.add(row)
            factor = self._points[row].factor
            assert factor is not None
            if factor.field == FAULTY:
                faulty = 1.0 if flag in FAULT_FLAGS else 0.0
                self._place(report, row, str(faulty), (faulty, Quality.GOOD, None), base_ms, now_ms)
            elif factor.field in fields:
                text = fields[factor.field]
                value = self._number(row, text)
                trust = (value, quality, reason)
                if math.isnan(value):
                    # An instrument that says that it has no value need not send one.
                    report.deviations += [Deviation.VALUE_BAD] if quality is Quality.GOOD or text else []
                    trust = (value, Quality.BAD, reason or Reason.SENSOR_FAULT)
                self._place(report, row, text, trust, own_ms, now_ms)

    def _trust(self, flag: str, code: str, report: Report) -> tuple[Quality, Reason | None]:
        if not flag:
            if _FLAGLESS.match(code) or self._logger.edition is Edition.V2005:
                return Quality.GOOD, None
            report.deviations.append(Deviation.FLAG_MISSING)
            is_strict = self._logger.mode is Mode.STRICT
            return (Quality.UNCERTAIN, Reason.SENSOR_FAULT) if is_strict else (Quality.GOOD, None)
        trust = trust_of_flag(flag, self._logger.edition)
        if trust is None:
            report.deviations.append(Deviation.FLAG_UNKNOWN)
            return UNKNOWN_FLAG
        return trust

    @staticmethod
    def _own_time(fields: Mapping[str, str], base_ms: int, report: Report) -> int:
        written = fields.get("SampleTime")
        if written is None or report.kind.is_of_period:
            return base_ms
        own_ms = _believed(written)
        if own_ms is None:
            report.deviations.append(Deviation.TIME_BAD)
            return base_ms
        return own_ms

    def _number(self, row: int, text: str) -> float:
        pattern = _NUMBER if self._logger.mode is Mode.STRICT else _LOOSE_NUMBER
        value = float(text) if pattern.match(text) else math.nan
        if self._points[row].is_boolean:
            return value if value in {0.0, 1.0} else math.nan
        return value * self._ratio[row]

    def _place(
        self,
        report: Report,
        row: int,
        text: str,
        trust: tuple[float, Quality, Reason | None],
        own_ms: int,
        now_ms: int,
    ) -> None:
        """Put one sample where it belongs."""
        value, quality, reason = trust
        last_ms = self._last_ms.get(row)
        if own_ms > now_ms + CLOCK_SLACK_MS:
            report.deviations.append(Deviation.TIME_AHEAD)
            if self._ahead_ms.get(row) == own_ms:
                report.repeated += 1
                return
            self._ahead_ms[row] = own_ms
            at_ms = self._above_floor(row, own_time(now_ms))
            doubt = (Quality.UNCERTAIN, Reason.CLOCK) if quality is Quality.GOOD else (quality, reason)
            report.fresh.append(
                Arrival(
                    row=row, value=value, own_ms=own_ms, observed_ms=at_ms, quality=doubt[0], reason=doubt[1]
                )
            )
            return
        if own_ms == last_ms and text != self._last_text.get(row):
            report.deviations.append(Deviation.SAMPLE_TIME_FROZEN)
        if self._has_seen(row, own_ms):
            report.repeated += 1
            return
        period_ms = self._period_ms[row]
        end_ms = own_ms + (period_ms if report.kind.is_of_period else 0)
        age_ms = max(0, now_ms - end_ms - CLOCK_SLACK_MS)
        is_late = (last_ms is not None and own_ms < last_ms) or age_ms > 2 * period_ms
        self._see(row, own_ms)
        if not is_late:
            self._last_ms[row], self._last_text[row] = own_ms, text
        arrival = Arrival(
            row=row,
            value=value,
            own_ms=own_ms,
            observed_ms=own_ms if is_late else self._above_floor(row, own_ms),
            quality=quality,
            reason=reason,
            age_ms=age_ms,
        )
        (report.late if is_late else report.fresh).append(arrival)

    def _above_floor(self, row: int, at_ms: int) -> int:
        floor_ms = self._floor_ms.get(row)
        if floor_ms is not None and at_ms <= floor_ms:
            at_ms = own_time(floor_ms + 1)
        self._floor_ms[row] = at_ms
        return at_ms

    def _has_seen(self, row: int, own_ms: int) -> bool:
        seen = self._seen.get(row)
        if seen is None:
            return False
        place = bisect_left(seen, own_ms)
        return place < len(seen) and seen[place] == own_ms

    def _see(self, row: int, own_ms: int) -> None:
        seen = self._seen.setdefault(row, array("q"))
        insort(seen, own_ms)
        if len(seen) > SEEN_MAX:
            del seen[0]


def _believed(written: str) -> int | None:
    """Return a logger's time in UTC milliseconds; None when it is none, or earlier than there were such loggers."""
    at_ms = read_time(written)
    return None if at_ms is None or at_ms < EARLIEST_MS else at_ms


def own_time(at_ms: int) -> int:
    """Return a time of our own near `at_ms` that no logger can have: loggers tell whole seconds."""
    return at_ms + 1 if at_ms % 1000 == 0 else at_ms


def by_age(arrivals: Sequence[Arrival]) -> Iterator[tuple[int, list[Arrival]]]:
    """Yield (age, arrivals of that age); most reports have one."""
    ages: dict[int, list[Arrival]] = {}
    for arrival in arrivals:
        ages.setdefault(arrival.age_ms, []).append(arrival)
    # The oldest first, so that the device is as young as its youngest sample.
    yield from sorted(ages.items(), reverse=True)


def _ratio(point: Point) -> float:
    assert point.factor is not None
    found = ratio(point.factor.unit, point.unit)
    assert found is not None, point.ref
    return found
