"""One data logger: its image, its births and deaths, what it is answered and asked; the connection is somebody else's.

A packet is journalled before it is acknowledged. What is new, late or told before is decided by the tracker.
"""

import hmac
from collections.abc import Callable, Sequence

import numpy as np

from domain.logger import VERSIONS, Edition, Logger, Mode, Trust
from domain.quality import Quality, Reason
from gateway.hj212_metrics import LoggerMetrics
from gateway.hj212_talk import CLOCK_WANTED, NOTICES, RESULT, SET_CLOCK, Request, Talk
from gateway.hj212_tracker import Arrival, Report, Tracker, by_age, own_time
from gateway.image import DeviceImage, Rows, ToldColumns
from gateway.judgement import REASON_NUMBERS
from gateway.poller import Observe, Tell, Turn
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock
from runtime.log import logger as log_of
from wire.hj212 import TOLERATED, Deviation, Frame
from wire.hj212_body import read_body, write_body, write_time
from wire.hj212_factors import COMMANDS, KINDS

TellLate = Callable[[DeviceImage, Rows, ToldColumns], None]
LOOKS = 8
"""Looks for stale points within the time after which a point is stale."""
KNOWN = frozenset({*KINDS, *NOTICES, RESULT, "9011", "9013", "9014", "1011", "1061", "1063", "2081", "3019", "3020", "3015"})  # fmt: skip
"""Commands that a logger may send; others are counted."""


class LoggerStation:
    """What serves one data logger."""

    def __init__(
        self,
        image: DeviceImage,
        *,
        password: str,
        clock: Clock,
        times: Timekeeper,
        metrics: LoggerMetrics,
    ) -> None:
        assert image.device.logger is not None
        self.image = image
        self.logger: Logger = image.device.logger
        self.is_closed_to: Callable[[], bool] = _no
        """Whether the journal takes nothing, so that nothing may be acknowledged."""
        self._password = password.encode()
        self._talk = Talk(mn=self.logger.mn, password=password)
        self._tracker = Tracker(image.points, image.device.groups, self.logger)
        self._clock = clock
        self._times = times
        self._metrics = metrics
        self._log = log_of("logger").bind(device=image.device.id, mn=self.logger.mn)
        self._tell: Tell = _nobody
        self._tell_late: TellLate = _nobody
        self._observe: Observe = _nobody
        self._started_s = clock.monotonic()
        self._look_s = self._started_s
        self._is_silence_told = False
        self._is_refused = False
        self._stale: set[int] = set()
        """Rows of which it was told that they are stale."""
        self._noted: set[Deviation] = set()
        """Departures that stand in the log since it came up."""

    def listen(self, tell: Tell, tell_late: TellLate, observe: Observe) -> None:
        """Give what is to be told to `tell`, late samples to `tell_late`, and the image to `observe` after fresh data."""
        self._tell, self._tell_late, self._observe = tell, tell_late, observe

    def admits(self, frame: Frame) -> bool:
        """Whether the packet carries the logger's password."""
        is_right = hmac.compare_digest(frame.pw.encode(), self._password)
        if is_right == self._is_refused:
            self._is_refused = not is_right
            if is_right:
                self._log.info("password is right again")
            else:
                self._log.warning("wrong password")
        return is_right

    def take(self, frame: Frame) -> Frame | None:
        """Take an admitted packet; return what it is answered, None for nothing."""
        now_s = self._clock.monotonic()
        device = self.image.device.id
        departures = self._departures(frame)
        self._note(departures)
        if self.logger.mode is Mode.STRICT and not TOLERATED.issuperset(departures):
            return None
        self._metrics.packet(device, frame.cn if frame.cn in KNOWN else "other")
        if frame.cn not in KNOWN:
            self._note((Deviation.CN_UNKNOWN,))
        ended = self._talk.hear(frame, now_s=now_s)
        if ended is not None:
            self._end(ended)
        is_kept = self._take_data(frame, now_s) if frame.cn in KINDS else self._alive(_no_rows(), now_s)
        if frame.cn == CLOCK_WANTED and self.logger.sets_clock:
            self._ask_clock()
        return self._talk.answer(frame, now_ms=self._clock.now_ms()) if is_kept else None

    def disconnected(self) -> None:
        """The connection is gone; that alone says nothing of the values, silence will."""
        self._talk.lost()

    def due(self) -> Frame | None:
        """Return the request to be sent to it now."""
        now_s = self._clock.monotonic()
        ended = self._talk.silent(now_s=now_s)
        if ended is not None:
            self._end(ended)
        return self._talk.due(now_s=now_s, now_ms=self._clock.now_ms())

    def look(self) -> None:
        """Notice silence and stale points."""
        now_s, speed = self._clock.monotonic(), self._clock.speed
        if now_s < self._look_s:
            return
        stale_s = self.image.stale_after_s(speed=speed)
        self._look_s = now_s + min(stale_s / LOOKS, 5.0)
        last_s = self.image.read_s if self.image.read_s > -np.inf else self._started_s
        if now_s - last_s > stale_s:
            self._notice_silence()
        elif self.image.is_alive:
            self._notice_stale(now_s, speed)

    def _departures(self, frame: Frame) -> Sequence[Deviation]:
        """Return how a packet departs from the edition that the park's file names."""
        found = list(frame.deviations)
        if self.logger.edition is Edition.V2005 and Deviation.FIELD_MISSING in found:
            # The uploads of 2005 have neither QN nor Flag; what no packet can do without was refused before.
            found.remove(Deviation.FIELD_MISSING)
        if frame.flag is not None and frame.version != VERSIONS[self.logger.edition]:
            found.append(Deviation.VERSION)
        return found

    def _take_data(self, frame: Frame, now_s: float) -> bool:
        """Take a packet of data; return whether it is kept."""
        body = read_body(frame.cp)
        self._note(body.deviations)
        if self.logger.mode is Mode.STRICT and not TOLERATED.issuperset(body.deviations):
            return False
        report = self._tracker.take(frame, body, now_ms=self._times.stamp(self.image.device.id))
        if report is None:
            self._note((Deviation.TIME_MISSING,))
            return False
        self._note(report.deviations)
        self._metrics.samples(
            self.image.device.id, fresh=len(report.fresh), late=len(report.late), repeated=report.repeated
        )
        self._alive(self._place(report, now_s), now_s)
        if report.late:
            rows = np.array([item.row for item in report.late], dtype=np.int64)
            self._tell_late(self.image, rows, self._late(report.late))
        if report.fresh:
            self._observe(self.image)
        if self.is_closed_to() and (report.fresh or report.late):
            self._tracker.forget(report)
            return False
        return True

    def _place(self, report: Report, now_s: float) -> Rows:
        """Put what is fresh into the image; return the rows to tell."""
        told, speed = [_no_rows()], self._clock.speed
        for age_ms, arrivals in by_age(report.fresh):
            rows = np.array([item.row for item in arrivals], dtype=np.int64)
            told.append(
                self.image.take_samples(
                    rows,
                    np.array([item.value for item in arrivals]),
                    np.array([item.observed_ms for item in arrivals], dtype=np.int64),
                    np.array([int(item.quality) for item in arrivals], dtype=np.int16),
                    np.array([REASON_NUMBERS[item.reason] for item in arrivals], dtype=np.int8),
                    read_s=now_s - age_ms / 1000 / max(speed, 1e-6),
                    speed=speed,
                )
            )
            self._stale.difference_update(rows.tolist())
        return np.concatenate(told)

    def _alive(self, rows: Rows, now_s: float) -> bool:
        """It has spoken: tell `rows`, after its birth if it was dead."""
        image = self.image
        image.read_s = now_s
        if not image.is_alive:
            image.is_alive, self._is_silence_told = True, False
            self._noted.clear()
            self._log.info("logger up")
            self._tell(image, rows, Turn.BIRTH)
            self._ask_what_was_missed()
        elif len(rows):
            self._tell(image, rows, Turn.DATA)
        return True

    def _notice_silence(self) -> None:
        image = self.image
        if self._is_silence_told:
            return
        image.is_alive, self._is_silence_told = False, True
        self._log.warning("logger silent")
        self._tell(image, self._doubt(np.arange(len(image.points)), Quality.BAD, Reason.LINK), Turn.DEATH)

    def _notice_stale(self, now_s: float, speed: float) -> None:
        image, late = self.image, []
        for row in range(len(image.points)):
            if row in self._stale:
                continue
            reading = image.reading(row, now_s=now_s, speed=speed)
            # What is bad already is not made better by being old.
            if reading.age_s is not None and not reading.fresh and reading.quality is not Quality.BAD:
                late.append(row)
        if late:
            self._stale.update(late)
            rows = self._doubt(np.array(late, dtype=np.int64), Quality.UNCERTAIN, Reason.STALE)
            self._tell(image, rows, Turn.DATA)

    def _doubt(self, rows: Rows, quality: Quality, reason: Reason) -> Rows:
        at_ms = own_time(self._times.stamp(self.image.device.id))
        self._tracker.doubted(rows.tolist(), at_ms)
        return self.image.doubt(rows, quality, reason, observed_ms=at_ms)

    def _late(self, arrivals: Sequence[Arrival]) -> ToldColumns:
        """Return late samples as they are told: judged by their range, for they do not pass through the image."""
        trusts = [self._in_range(item) for item in arrivals]
        return ToldColumns(
            values=np.array([item.value for item in arrivals]),
            quality=np.array([int(quality) for quality, _ in trusts], dtype=np.int16),
            reason=np.array([REASON_NUMBERS[reason] for _, reason in trusts], dtype=np.int8),
            observed_ms=np.array([item.observed_ms for item in arrivals], dtype=np.int64),
            texts={},
        )

    def _in_range(self, arrival: Arrival) -> Trust:
        point = self.image.points[arrival.row]
        low, high = point.range_min, point.range_max
        is_outside = (low is not None and arrival.value < low) or (high is not None and arrival.value > high)
        if arrival.quality is Quality.GOOD and is_outside:
            return Quality.BAD, Reason.RANGE
        return arrival.quality, arrival.reason

    def _ask_what_was_missed(self) -> None:
        if self.logger.sets_clock:
            self._ask_clock()
        now_ms, span_ms = self._clock.now_ms(), round(self.logger.history_s * 1000)
        for kind in sorted(self._tracker.kinds()):
            if span_ms and kind.is_of_period:
                begin_ms = max(self._tracker.last_ms(kind) or 0, now_ms - span_ms)
                times = {"BeginTime": write_time(begin_ms), "EndTime": write_time(now_ms)}
                self._talk.ask(COMMANDS[kind], write_body(times))

    def _ask_clock(self) -> None:
        self._talk.ask(SET_CLOCK, write_body({"SystemTime": write_time(self._clock.now_ms())}))

    def _end(self, request: Request) -> None:
        self._metrics.request(self.image.device.id, request.state.value)
        self._log.info(
            "request ended", command=request.cn, outcome=request.state.value, answer=request.answer
        )

    def _note(self, deviations: Sequence[Deviation]) -> None:
        """Count every departure, and put each kind on the log once while the logger is up."""
        for deviation in deviations:
            self._metrics.deviation(self.image.device.id, deviation.value)
            if deviation not in self._noted:
                self._noted.add(deviation)
                self._log.warning(
                    "departs from HJ 212", deviation=deviation.value, mode=self.logger.mode.value
                )

    def rubbish(self, why: Deviation) -> None:
        """Note bytes on its connection that gave no packet."""
        self._note((why,))


def _no_rows() -> Rows:
    return np.empty(0, dtype=np.int64)


def _nobody(*_: object) -> None:
    """Stand in until somebody listens."""


def _no() -> bool:
    return False
