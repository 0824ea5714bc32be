"""The instruments of one PLC over time: analyser cycles, and what faults make of a value before it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.ids import FacilityId, PointRef
from domain.park import Point
from simulators.plc.image import Image, Value
from simulators.plc.instruments import cycle_of, has_cycle, measured
from simulators.water.state import WaterState

CALIBRATION_SPAN = 0.5
"""While it is calibrated, an analyser shows its standard solution: this share of the point's range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbed:
    """Which instruments lie now, and how."""

    frozen: frozenset[PointRef] = frozenset()
    bias: Mapping[PointRef, float] = field(default_factory=dict)
    """In the point's unit."""
    silent: frozenset[PointRef] = frozenset()
    """These say "no value"."""
    calibrating: frozenset[FacilityId] = frozenset()
    failed: frozenset[FacilityId] = frozenset()
    """These raise their fault flag and hold their last value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The result of an analyser's last cycle."""

    cycle: int
    value: float


class Sensors:
    """The instruments of one PLC."""

    def __init__(self, points: tuple[Point, ...], *, seed: int, held: Mapping[PointRef, Held]) -> None:
        self._points = points
        self._seed = seed
        self.held = {point.ref: held[point.ref] for point in points if point.ref in held}

    def show(self, image: Image, water: WaterState, disturbed: Disturbed, *, now_ms: int) -> None:
        """Put what every instrument shows now into the registers."""
        for point in self._points:
            value = self._shown(point, water, disturbed, now_ms)
            if value is not None or point.ref in disturbed.silent:
                image.put(point.ref, value)

    def _shown(self, point: Point, water: WaterState, disturbed: Disturbed, now_ms: int) -> Value:
        """Return the value to show, None to leave what is shown (or, for a silent point, to say nothing)."""
        facility = point.facility
        if point.name == "calibrating":
            return facility in disturbed.calibrating
        if point.name == "sensor_fault":
            return facility in disturbed.failed
        value = self._true(point, water, now_ms)
        if point.ref in disturbed.silent or point.ref in disturbed.frozen or facility in disturbed.failed:
            return None
        if facility in disturbed.calibrating and value is not None:
            return (point.range_max or value) * CALIBRATION_SPAN
        return None if value is None else value + disturbed.bias.get(point.ref, 0.0)

    def _true(self, point: Point, water: WaterState, now_ms: int) -> float | None:
        if not has_cycle(point):
            return measured(point, water, seed=self._seed, now_ms=now_ms)
        cycle = cycle_of(point.facility, seed=self._seed, now_ms=now_ms)
        held = self.held.get(point.ref)
        if held is not None and held.cycle == cycle:
            return held.value
        value = measured(point, water, seed=self._seed, now_ms=now_ms)
        if value is not None:
            self.held[point.ref] = Held(cycle=cycle, value=value)
        return value
