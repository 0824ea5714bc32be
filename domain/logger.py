"""Data loggers (数采仪) that report by HJ 212: who they are, what they call a value, and how far their flags let it be trusted.

It knows no bytes and no link; the codes of the standard stand in wire/hj212_factors.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.quality import Quality, Reason


class Edition(StrEnum):
    """Which edition of the standard a logger was built to."""

    V2005 = "2005"
    """HJ/T 212-2005: factor codes of three characters."""
    V2017 = "2017"
    """HJ 212-2017: factor codes such as w01018."""
    V2025 = "2025"
    """HJ 212-2025: as 2017, with additions such as the heartbeat 9015."""


VERSIONS: Mapping[Edition, int] = {Edition.V2005: 0, Edition.V2017: 1, Edition.V2025: 2}
"""As Flag has them (6.3.2). Field data with 2 exist since 2019, so that Flag alone proves no edition."""


class Mode(StrEnum):
    """What is done with a frame that departs from the standard."""

    STRICT = "strict"
    """It is refused and not acknowledged."""
    LENIENT = "lenient"
    """It is used as far as its meaning is plain, and each departure is listed."""


class ReportKind(StrEnum):
    """What a report is about."""

    REALTIME = "realtime"
    """Real-time data (实时数据): its DataTime is the moment of sampling."""
    STATE = "state"
    """States of treatment facilities (设施状态)."""
    MINUTE = "minute"
    """Statistics of some minutes (分钟数据): its DataTime is the start of the period, as of the three below."""
    HOUR = "hour"
    DAY = "day"
    RUN_TIME = "run_time"
    """Hours that facilities ran in a day (设施运行时间)."""

    @property
    def is_of_period(self) -> bool:
        """Whether it speaks of a period that begins at its DataTime, so that it can only come after that."""
        return self not in {ReportKind.REALTIME, ReportKind.STATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """Where the value of a point stands in a logger's reports."""

    report: ReportKind
    code: str
    """As the logger writes it: `w01018`, or `011` of the 2005 edition."""
    field: str
    """`Rtd`, `Avg`, `Min`, `Max`, `Cou` …, or FAULTY."""
    unit: str
    """In which the logger sends it, a name of domain.units."""


FAULTY = "Faulty"
"""Stands in for a field: a state that is true while the flag says that the instrument gives no measurement (D, B, F, T, P)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logger:
    """One data logger, which connects to its gateway."""

    mn: str
    """Its unique number (MN), 24 characters since 2017."""
    password_file: str
    """Name of a file in the gateway's folder of logger passwords (PW)."""
    edition: Edition
    mode: Mode
    sets_clock: bool = False
    """Whether the gateway sets its clock (CN 1012); never unasked otherwise."""
    history_s: float = 0.0
    """Model seconds of statistics that are asked for when it comes back (CN 2051, 2061, 2031); 0: none. Only read."""


Trust = tuple[Quality, Reason | None]

_GOOD: Trust = (Quality.GOOD, None)
_FAULT: Trust = (Quality.BAD, Reason.SENSOR_FAULT)
_CALIBRATION: Trust = (Quality.UNCERTAIN, Reason.CALIBRATION)

FLAGS: Mapping[str, Trust] = {
    "N": _GOOD,
    "F": _FAULT,
    "M": _CALIBRATION,
    "S": (Quality.UNCERTAIN, Reason.MANUAL),
    "D": _FAULT,
    "C": _CALIBRATION,
    "T": (Quality.BAD, Reason.RANGE),
    "B": (Quality.BAD, Reason.LINK),
}
"""HJ 212-2017, 6.6.4: N normal, F stopped, M maintenance, S set by hand, D fault, C calibration, T over range, B link lost.

None but N may move a gate. T is over the measuring range, so that its number is a bound and no measurement.
"""
FLAGS_2005: Mapping[str, Trust] = {
    **FLAGS,
    "P": _FAULT,
    "0": _CALIBRATION,
    "1": _GOOD,
    "2": (Quality.UNCERTAIN, Reason.SENSOR_FAULT),
    "3": _GOOD,
}
"""HJ/T 212-2005: P power failed; of ambient air 0 calibration, 1 weather, 2 abnormal, 3 normal."""
UNKNOWN_FLAG: Trust = (Quality.BAD, Reason.SENSOR_FAULT)
FAULT_FLAGS = frozenset("DBFTP")


def trust_of_flag(flag: str, edition: Edition) -> Trust | None:
    """Return what a flag says of its value; None when the edition has no such flag."""
    return (FLAGS_2005 if edition is Edition.V2005 else FLAGS).get(flag)
