"""How far a value may be trusted, and why not further."""

from enum import IntEnum, StrEnum


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


_WORST_FIRST = (Quality.BAD, Quality.UNCERTAIN, Quality.GOOD)


def worst(*qualities: Quality) -> Quality:
    """Return the least trustworthy of `qualities`; good when none is given."""
    return min(qualities, key=_WORST_FIRST.index, default=Quality.GOOD)
