"""One value of one point, with the time at which it was read and the trust it deserves."""

from dataclasses import dataclass
from math import isfinite

from domain.ids import PointRef
from domain.quality import Quality, Reason

Value = float | bool | str
"""Numbers are in the point's unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A value as it was read at the edge."""

    point: PointRef
    value: Value | None
    """None when there never was one (a device that has not answered since start)."""
    quality: Quality
    reason: Reason | None = None
    """None when the quality is good."""
    observed_ms: int
    """Time of the read by the gateway's sample clock, UTC milliseconds; rises strictly per point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A sample as one who decides sees it now."""

    value: Value | None
    quality: Quality
    reason: Reason | None = None
    observed_ms: int | None = None
    """Time of the read; None when nothing was ever received."""
    age_s: float | None = None
    """Seconds since the device last answered with this point, by the decider's monotonic clock; None: never."""
    fresh: bool = False
    """Whether the age is within the bound of I15."""

    @property
    def is_trusted(self) -> bool:
        """Good, fresh and a value at all (no NaN): the only kind on which a gate may be moved away from safe."""
        is_value = self.value is not None and not (isinstance(self.value, float) and not isfinite(self.value))
        return self.fresh and self.quality is Quality.GOOD and is_value


NEVER_READ = Reading(value=None, quality=Quality.BAD, reason=Reason.STALE)
"""What is known of a point from which nothing ever came."""
