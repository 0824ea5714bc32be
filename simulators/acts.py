"""What may be done to the simulated park from outside: the words shared by scenario files and the control socket."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.ids import FacilityId
from simulators.plc.drive import Ask


class FaultKind(StrEnum):
    """What can go wrong with the park's equipment."""

    LINK_CUT = "link_cut"
    """Nobody listens on the PLC's port; its connections are reset."""
    HANG = "hang"
    """The PLC takes connections and requests, does nothing and never answers."""
    SLOW = "slow"
    """Each answer of the PLC takes `value` seconds of the wall."""
    STUCK = "stuck"
    """The gate cannot pass `value` percent open."""
    LOCAL = "local"
    """Its switch is turned to local, and back at the end."""
    DEVICE_FAULT = "device_fault"
    """The drive's protection has tripped."""
    NO_POWER = "no_power"
    LIMITS = "limits"
    """Both limit switches show made."""
    NOT_AVAILABLE = "not_available"
    """The point says "no value"."""
    FROZEN = "frozen"
    """The point holds its value."""
    BIAS = "bias"
    """The point shows `value` too much, in its unit."""
    CALIBRATION = "calibration"
    """The analyser says that it is being calibrated and shows its standard solution."""
    SENSOR_FAULT = "sensor_fault"
    """The analyser says that it has failed and holds its values."""


class TargetKind(StrEnum):
    """What a fault befalls."""

    DEVICE = "device"
    ACTUATOR = "actuator"
    POINT = "point"
    ANALYSER = "analyser"


TARGETS: Mapping[FaultKind, TargetKind] = {
    FaultKind.LINK_CUT: TargetKind.DEVICE,
    FaultKind.HANG: TargetKind.DEVICE,
    FaultKind.SLOW: TargetKind.DEVICE,
    FaultKind.STUCK: TargetKind.ACTUATOR,
    FaultKind.LOCAL: TargetKind.ACTUATOR,
    FaultKind.DEVICE_FAULT: TargetKind.ACTUATOR,
    FaultKind.NO_POWER: TargetKind.ACTUATOR,
    FaultKind.LIMITS: TargetKind.ACTUATOR,
    FaultKind.NOT_AVAILABLE: TargetKind.POINT,
    FaultKind.FROZEN: TargetKind.POINT,
    FaultKind.BIAS: TargetKind.POINT,
    FaultKind.CALIBRATION: TargetKind.ANALYSER,
    FaultKind.SENSOR_FAULT: TargetKind.ANALYSER,
}
NEEDS_VALUE = frozenset({FaultKind.SLOW, FaultKind.STUCK, FaultKind.BIAS})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpillAct:
    """Release a substance, from now on, at an even rate."""

    at: str
    """A spill place of the water network."""
    substance: str
    kg: float
    """COD equivalent."""
    over_s: float
    """Model seconds."""
    water_m3: float = 0.0
    """Liquid released with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultAct:
    """Let something fail, from now on."""

    kind: FaultKind
    target: str
    value: float = 0.0
    for_s: float | None = None
    """Model seconds; None: until cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearAct:
    """End faults."""

    target: str | None
    """None: all of them."""
    kind: FaultKind | None = None
    """None: of any kind."""


class Switch(StrEnum):
    """Positions of the switch beside a gate."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandAct:
    """Somebody stands at the gate."""

    actuator: FacilityId
    switch: Switch | None = None
    """Turned first; None: left as it is."""
    move: Ask | None = None
    """OPEN, CLOSE or STOP by the panel; None: not moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RainAct:
    """Let another storm begin now."""

    storm: str
    """A file of the park's storms without `.csv`, or `dry`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedAct:
    """Ask for another speed of model time; it is a ceiling."""

    speed: float
    """Model seconds per wall second; 0 holds time."""


class Question(StrEnum):
    """What may be asked without changing anything."""

    STATUS = "status"
    BASELINE = "baseline"
    """Where the mass would be now if nobody had moved a gate."""


Act = SpillAct | FaultAct | ClearAct | HandAct | RainAct
"""What a scenario may play too."""
Order = Act | SpeedAct | Question
