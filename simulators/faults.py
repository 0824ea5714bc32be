"""Which faults are being played, when they end, and what they mean for instruments and links; decides, plays none."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from domain.ids import DeviceId, FacilityId, PointRef
from simulators.acts import ClearAct, FaultAct, FaultKind
from simulators.plc.sensors import Disturbed


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedFault:
    """One fault that is being played."""

    id: int
    kind: FaultKind
    target: str
    value: float
    until_ms: int | None
    """Model time of its end; None: until it is cleared."""


def played(act: FaultAct, *, number: int, now_ms: int) -> PlayedFault:
    """Return the fault that `act` begins now."""
    until_ms = None if act.for_s is None else now_ms + round(act.for_s * 1000)
    return PlayedFault(id=number, kind=act.kind, target=act.target, value=act.value, until_ms=until_ms)


def is_over(fault: PlayedFault, now_ms: int) -> bool:
    """Whether the fault's time is up."""
    return fault.until_ms is not None and now_ms >= fault.until_ms


def is_cleared_by(fault: PlayedFault, act: ClearAct) -> bool:
    """Whether `act` ends the fault."""
    return act.target in (None, fault.target) and act.kind in (None, fault.kind)


def disturbed(faults: Iterable[PlayedFault]) -> Disturbed:
    """Return what the faults make of the instruments."""
    by_kind: dict[FaultKind, list[PlayedFault]] = {kind: [] for kind in FaultKind}
    for fault in faults:
        by_kind[fault.kind].append(fault)

    def points(kind: FaultKind) -> frozenset[PointRef]:
        return frozenset(PointRef(fault.target) for fault in by_kind[kind])

    def facilities(kind: FaultKind) -> frozenset[FacilityId]:
        return frozenset(FacilityId(fault.target) for fault in by_kind[kind])

    return Disturbed(
        frozen=points(FaultKind.FROZEN),
        bias={PointRef(fault.target): fault.value for fault in by_kind[FaultKind.BIAS]},
        silent=points(FaultKind.NOT_AVAILABLE),
        calibrating=facilities(FaultKind.CALIBRATION),
        failed=facilities(FaultKind.SENSOR_FAULT),
    )


_WORST_LAST = (FaultKind.SLOW, FaultKind.HANG, FaultKind.LINK_CUT)


def links(faults: Collection[PlayedFault]) -> Mapping[DeviceId, PlayedFault]:
    """Return the worst fault of each PLC's link; a PLC that is not named has none."""
    worst: dict[DeviceId, PlayedFault] = {}
    for kind in _WORST_LAST:
        worst |= {DeviceId(fault.target): fault for fault in faults if fault.kind is kind}
    return worst
