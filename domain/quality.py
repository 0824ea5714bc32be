"""How far a value may be trusted, and why not further."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from domain.words import Words


class Quality(IntEnum):
    """Trust in a value; the numbers are Sparkplug's Quality property (192 good, 500 stale or uncertain, 0 bad)."""

    BAD = 0
    GOOD = 192
    UNCERTAIN = 500

    @property
    def word(self) -> str:
        """`good`, `uncertain` or `bad`."""
        return self.name.lower()


class Reason(StrEnum):
    """Why a quality is not good."""

    STALE = "stale"
    LINK = "link"
    RANGE = "range"
    FROZEN = "frozen"
    CONTRADICTION = "contradiction"
    SENSOR_FAULT = "sensor_fault"
    CALIBRATION = "calibration"
    MANUAL = "manual"
    CLOCK = "clock"
    GAP = "gap"
    """The centre missed a message and waits for a rebirth."""
    ILLEGAL_ADDRESS = "illegal_address"
    """The device refuses this register."""
    RATE = "rate"
    """It moved faster than it can."""


REASON_WORDS: Mapping[Reason, Words] = {
    Reason.STALE: Words("过期", "stale"),
    Reason.LINK: Words("通讯中断", "link lost"),
    Reason.RANGE: Words("超量程", "out of range"),
    Reason.FROZEN: Words("恒值", "frozen"),
    Reason.CONTRADICTION: Words("限位矛盾", "limits contradict"),
    Reason.SENSOR_FAULT: Words("传感器故障", "sensor fault"),
    Reason.CALIBRATION: Words("校准中", "calibrating"),
    Reason.MANUAL: Words("人工置数", "set by hand"),
    Reason.CLOCK: Words("时钟不准", "clock off"),
    Reason.GAP: Words("等待补发", "waiting for a rebirth"),
    Reason.ILLEGAL_ADDRESS: Words("无此寄存器", "no such register"),
    Reason.RATE: Words("突变", "too fast a change"),
}

_WORST_FIRST = (Quality.BAD, Quality.UNCERTAIN, Quality.GOOD)


def worst(*qualities: Quality) -> Quality:
    """Return the least trustworthy of `qualities`; good when none is given."""
    return min(qualities, key=_WORST_FIRST.index, default=Quality.GOOD)
