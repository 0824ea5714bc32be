"""A simulated data logger (数采仪): what it measures in its analysers' cycles, what it reports by HJ 212, and how it answers.

Pure but for its own state: time is an argument, values come from whoever measures. It opens no connection.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from domain.logger import VERSIONS, Edition, ReportKind
from wire.hj212 import FlagBits, Frame
from wire.hj212_body import read_body, read_time, write_body, write_time
from wire.hj212_factors import COMMANDS, KINDS

Measure = Callable[[str, int], float]
"""(factor code, UTC milliseconds) → value in the unit that the factor is sent in."""
Rows = dict[str, dict[str, str]]

KEPT_MAX = 2000
"""Statistics that are kept to be sent again."""
UNANSWERED_MAX = 200
"""Packets that wait for their 9014; beyond it the oldest is given up."""
OVER_TIME_S = 5.0
TRIES_MAX = 3
"""Wall seconds and times (table 1 of the standard)."""


class LoggerFault(StrEnum):
    """What may be played on a logger."""

    FROZEN = "frozen"
    """The analysers measure no more: SampleTime stands still while DataTime moves."""
    SPLIT = "split"
    """Every report goes in two packets."""
    HALF_SPLIT = "half_split"
    """Of two packets the second never goes."""
    WRONG_PASSWORD = "wrong_password"  # noqa: S105  (the name of a fault)
    WRONG_CRC = "wrong_crc"
    GARBAGE = "garbage"
    """Rubbish stands between packets."""
    DRIP = "drip"
    """Bytes come one by one."""
    MUTE = "mute"
    """It stays connected and says nothing."""
    DEAF = "deaf"
    """It answers no request."""
    CLOCK_AHEAD = "clock_ahead"
    """Its clock is an hour ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One analyser."""

    code: str
    cycle_s: float
    """Model seconds from one sample to the next: 1 for a probe, 300 to 3600 for COD or ammonia."""
    flag: str = "N"
    digits: int = 3


@dataclass(slots=True)
class _Waiting:
    frame: Frame
    sent_s: float
    tries: int = 1


@dataclass(slots=True, kw_only=True)
class DataLogger:
    """One logger with its analysers."""

    mn: str
    password: str
    instruments: Sequence[Instrument]
    measure: Measure
    edition: Edition = Edition.V2017
    realtime_s: float = 30.0
    """Model seconds between real-time reports (1061: 30–3600)."""
    minute_s: float = 600.0
    """Model seconds of a minute statistic (1063); an hour is an hour."""
    faults: set[LoggerFault] = field(default_factory=set)
    results: list[str] = field(default_factory=list)
    """Commands that were carried out."""
    _reported_ms: dict[ReportKind, int] = field(default_factory=dict)
    _samples: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Code → (time, value) of the analyser's last sample."""
    _heard: dict[ReportKind, dict[str, list[float]]] = field(default_factory=dict)
    _kept: deque[tuple[ReportKind, int, Rows]] = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _qn_ms: int = 0
    answered: deque[Frame] = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    """Packets for which a 9014 came, the last ones."""
    unanswered: int = 0
    """Packets given up without a 9014."""

    @property
    def waiting(self) -> int:
        """Packets whose 9014 is still to come."""
        return len(self._waiting)

    def due(self, now_ms: int, *, now_s: float) -> list[Frame]:
        """Return the packets to send now: reports that fall due, and those whose answer has not come."""
        if LoggerFault.MUTE in self.faults:
            return []
        frames: list[Frame] = []
        for at_ms in self._slots(ReportKind.REALTIME, self.realtime_s, now_ms):
            rows = self._realtime(at_ms)
            frames += self._packets(ReportKind.REALTIME, at_ms, rows, now_ms)
        for kind, period_s in ((ReportKind.MINUTE, self.minute_s), (ReportKind.HOUR, 3600.0)):
            for at_ms in self._slots(kind, period_s, now_ms):
                rows = self._statistics(kind)
                begin_ms = at_ms - round(period_s * 1000)
                if rows:
                    self._kept.append((kind, begin_ms, rows))
                    frames += self._packets(kind, begin_ms, rows, now_ms)
        for frame in frames:
            if frame.qn is not None and frame.wants_answer:
                self._waiting[frame.qn] = _Waiting(frame, now_s)
        while len(self._waiting) > UNANSWERED_MAX:
            self._waiting.pop(next(iter(self._waiting)))
            self.unanswered += 1
        return [*frames, *self._again(now_s)]

    def hear(self, frame: Frame, now_ms: int) -> list[Frame]:
        """Return what is answered to a packet of the host."""
        if frame.cn in {"9013", "9014"}:
            waiting = self._waiting.pop(frame.qn or "", None)
            if waiting is not None:
                self.answered.append(waiting.frame)
            return []
        if LoggerFault.DEAF in self.faults or frame.cn.startswith("90"):
            return []
        reply = replace(frame, st="91", pw=self._pw(), flag=VERSIONS[self.edition] << 2)
        if frame.pw != self.password or frame.mn != self.mn:
            return [replace(reply, cn="9011", cp="QnRtn=3")]
        accepted = replace(reply, cn="9011", cp="QnRtn=1")
        if frame.cn == "1012":
            self.results.append("1012")
            return [accepted, replace(reply, cn="9012", cp="ExeRtn=1")]
        if frame.cn in KINDS:
            found = self._history(frame, now_ms)
            self.results.append(frame.cn)
            return [accepted, *found, replace(reply, cn="9012", cp=f"ExeRtn={1 if found else 100}")]
        return [replace(reply, cn="9011", cp="QnRtn=8")]

    def _slots(self, kind: ReportKind, period_s: float, now_ms: int) -> Iterator[int]:
        """Yield the times, multiples of the period, that have come since the last call."""
        period_ms = round(period_s * 1000)
        last_ms = self._reported_ms.setdefault(kind, now_ms // period_ms * period_ms)
        while last_ms + period_ms <= now_ms:
            last_ms += period_ms
            self._reported_ms[kind] = last_ms
            yield last_ms

    def _realtime(self, at_ms: int) -> Rows:
        rows: Rows = {}
        for item in self.instruments:
            cycle_ms = round(item.cycle_s * 1000)
            sampled_ms = at_ms // cycle_ms * cycle_ms
            last = self._samples.get(item.code)
            if last is None or (last[0] < sampled_ms and LoggerFault.FROZEN not in self.faults):
                last = self._samples[item.code] = (sampled_ms, self.measure(item.code, sampled_ms))
            if item.flag == "N":
                for kind in (ReportKind.MINUTE, ReportKind.HOUR):
                    self._heard.setdefault(kind, {}).setdefault(item.code, []).append(last[1])
            rows[item.code] = {"Rtd": f"{last[1]:.{item.digits}f}", "Flag": item.flag}
            if self.edition is not Edition.V2005:
                rows[item.code]["SampleTime"] = write_time(last[0] + self._ahead_ms())
        return rows

    def _statistics(self, kind: ReportKind) -> Rows:
        heard = self._heard.pop(kind, {})
        return {
            code: {
                "Min": f"{min(values):.3f}",
                "Avg": f"{sum(values) / len(values):.3f}",
                "Max": f"{max(values):.3f}",
                "Flag": "N",
            }
            for code, values in heard.items()
        }

    def _history(self, frame: Frame, now_ms: int) -> list[Frame]:
        times = read_body(frame.cp).parameters
        begin_ms, end_ms = read_time(times.get("BeginTime", "")), read_time(times.get("EndTime", ""))
        if begin_ms is None or end_ms is None:
            return []
        return [
            packet
            for kind, at_ms, rows in self._kept
            if COMMANDS[kind] == frame.cn and begin_ms <= at_ms <= end_ms
            for packet in self._packets(kind, at_ms, rows, now_ms)
        ]

    def _packets(self, kind: ReportKind, at_ms: int, rows: Rows, now_ms: int) -> list[Frame]:
        """Return a report as one packet, or as two."""
        data_time = {"DataTime": write_time(at_ms + self._ahead_ms())}
        is_split = bool(self.faults & {LoggerFault.SPLIT, LoggerFault.HALF_SPLIT}) and len(rows) > 1
        flag = VERSIONS[self.edition] << 2 | FlagBits.ANSWER
        if not is_split:
            return [self._frame(kind, flag, write_body(data_time, rows), now_ms)]
        codes, flag = list(rows), flag | FlagBits.NUMBERED
        halves = [codes[: len(codes) // 2], codes[len(codes) // 2 :]]
        if LoggerFault.HALF_SPLIT in self.faults:
            halves = halves[:1]
        return [
            replace(
                self._frame(kind, flag, write_body(data_time, {code: rows[code] for code in half}), now_ms),
                pnum=2,
                pno=number,
            )
            for number, half in enumerate(halves, 1)
        ]

    def _frame(self, kind: ReportKind, flag: int, cp: str, now_ms: int) -> Frame:
        self._qn_ms = max(self._qn_ms + 1, now_ms)
        qn = write_time(self._qn_ms, is_fine=True)
        return Frame(qn=qn, st="32", cn=COMMANDS[kind], pw=self._pw(), mn=self.mn, flag=flag, cp=cp)

    def _again(self, now_s: float) -> list[Frame]:
        frames = []
        for qn, waiting in list(self._waiting.items()):
            if now_s - waiting.sent_s < OVER_TIME_S:
                continue
            if waiting.tries >= TRIES_MAX:
                del self._waiting[qn]
                self.unanswered += 1
                continue
            waiting.sent_s, waiting.tries = now_s, waiting.tries + 1
            frames.append(waiting.frame)
        return frames

    def _ahead_ms(self) -> int:
        return 3_600_000 if LoggerFault.CLOCK_AHEAD in self.faults else 0

    def _pw(self) -> str:
        return "000000" if LoggerFault.WRONG_PASSWORD in self.faults else self.password
