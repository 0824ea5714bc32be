"""Holds changes of quality against the faults that were played: each must have its fault, and each fault must show."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.park import Park, Point
from domain.quality import Quality
from domain.sample import Value
from simulators.acts import TARGETS, FaultKind, TargetKind
from simulators.happenings import Happening, What
from stoplog.oracle.samples import Key

SHOWS = frozenset(
    {
        FaultKind.LINK_CUT,
        FaultKind.HANG,
        FaultKind.NOT_AVAILABLE,
        FaultKind.CALIBRATION,
        FaultKind.SENSOR_FAULT,
        FaultKind.LIMITS,
    }
)
"""Kinds of fault that must show in a quality; the others show in values only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One fault from begin to end."""

    kind: FaultKind
    target: str
    begin_ms: int
    end_ms: int

    def befalls(self, point: Point) -> bool:
        """Whether it may change the quality of `point`."""
        match TARGETS[self.kind]:
            case TargetKind.DEVICE:
                return point.device == self.target
            case TargetKind.POINT:
                return point.ref == self.target
            case TargetKind.ACTUATOR | TargetKind.ANALYSER:
                return point.facility == self.target


def played_faults(happenings: Iterable[Happening], *, until_ms: int) -> list[Played]:
    """Pair begins with ends; a fault without an end lasted until `until_ms`."""
    begun: dict[int | None, Happening] = {}
    found: list[Played] = []
    for item in happenings:
        if item.what is What.BEGIN:
            begun[item.id] = item
        elif item.what is What.END and item.id in begun:
            found.append(_pair(begun.pop(item.id), item.model_ms))
    return found + [_pair(item, until_ms) for item in begun.values()]


def unexplained(
    park: Park,
    accepted: Mapping[Key, tuple[Value | None, Quality]],
    faults: Sequence[Played],
    *,
    tolerance_ms: int,
    floor_ms: int,
) -> list[str]:
    """Return qualities without a fault, and faults that lasted over `floor_ms` of model time and did not show."""
    problems: list[str] = []
    shown: set[int] = set()
    bad: dict[str, list[int]] = defaultdict(list)
    for (ref, at_ms), (_, quality) in accepted.items():
        if quality is not Quality.GOOD:
            bad[ref].append(at_ms)
    by_ref: Mapping[str, Point] = {str(ref): point for ref, point in park.points.items()}
    for ref, times in bad.items():
        causes = [(place, fault) for place, fault in enumerate(faults) if fault.befalls(by_ref[ref])]
        for at_ms in times:
            near = [p for p, f in causes if f.begin_ms - tolerance_ms <= at_ms <= f.end_ms + tolerance_ms]
            shown.update(near)
            if not near:
                problems.append(f"{ref} was not good at {at_ms}, and no fault was played that explains it")
    for place, fault in enumerate(faults):
        if fault.kind in SHOWS and fault.end_ms - fault.begin_ms > floor_ms and place not in shown:
            problems.append(
                f"{fault.kind.value} of {fault.target} was played at {fault.begin_ms} and showed in no quality"
            )
    return problems


def _pair(begin: Happening, end_ms: int) -> Played:
    return Played(kind=FaultKind(begin.kind), target=begin.target, begin_ms=begin.model_ms, end_ms=end_ms)
