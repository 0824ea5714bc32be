"""Reads acts from a mapping, be it an event of a scenario file or a line of the control socket; checks every name."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.ids import FacilityId
from domain.park import Park, RegisterType
from runtime.parkfiles.entry import Entry
from simulators.acts import (
    NEEDS_VALUE,
    TARGETS,
    Act,
    ClearAct,
    FaultAct,
    FaultKind,
    HandAct,
    RainAct,
    SpillAct,
    Switch,
    TargetKind,
)
from simulators.plc.drive import Ask
from simulators.plc.encoding import can_say_nothing
from simulators.water.quality import SUBSTANCES

SPILL_KG_MAX = 100_000.0
SPEED_MAX = 1000.0
DRY = "dry"
_TIME = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)\Z", re.ASCII)
_TIME_REMEDY = "write hh:mm:ss, e.g. 00:20:00"


class Verb(StrEnum):
    """The acts by name."""

    SPILL = "spill"
    FAULT = "fault"
    CLEAR = "clear"
    HAND = "hand"
    RAIN = "rain"


class _Move(StrEnum):
    OPEN = "open"
    CLOSE = "close"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The names that acts may use."""

    park: Park
    spill_places: frozenset[str]
    storms: frozenset[str]


def read_act(verb: Verb, entry: Entry, known: Known) -> Act | None:
    """Return the act that the fields of `entry` say; None, with faults noted, when they do not.

    The caller calls `entry.done()`.
    """
    read: Mapping[Verb, Callable[[Entry, Known], Act]] = {
        Verb.SPILL: _spill, Verb.FAULT: _fault, Verb.CLEAR: _clear, Verb.HAND: _hand, Verb.RAIN: _rain,
    }  # fmt: skip
    act = read[verb](entry, known)
    return act if entry.is_sound else None


def read_time(entry: Entry, name: str) -> float:
    """Return the seconds of a `hh:mm:ss` field; NaN when it is wrong."""
    scalar = entry.raw(name, _TIME_REMEDY)
    if scalar is None:
        return math.nan
    found = _TIME.match(scalar.text)
    if found is None:
        entry.fault(name, f"`{scalar.text}` is no time", remedy=_TIME_REMEDY, kind="wrong-type")
        return math.nan
    hours, minutes, seconds = (int(part) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def _duration(entry: Entry, name: str) -> float | None:
    """Return the seconds of `name` (hh:mm:ss) or of `minutes`; None when neither is there."""
    entry.may_have(name, "minutes")
    if entry.has("minutes"):
        return entry.number("minutes", least=0, most=100_000, is_above=True) * 60
    return read_time(entry, name) if entry.has(name) else None


def _spill(entry: Entry, known: Known) -> SpillAct:
    entry.may_have("enterprise", "at")
    at = (
        entry.text("at", "name a place")
        if entry.has("at")
        else f"{entry.text('enterprise', 'name one')}_yard"
    )
    if entry.is_sound and at not in known.spill_places:
        field = "at" if entry.has("at") else "enterprise"
        places = ", ".join(sorted(known.spill_places))
        entry.fault(
            field, f"nothing can be spilled at `{at}`", remedy=f"one of {places}", kind="unknown-reference"
        )
    substance = entry.text_or("substance", "mother_liquor")
    if substance not in SUBSTANCES:
        entry.fault(
            "substance",
            f"`{substance}` is not known",
            remedy=f"one of {', '.join(SUBSTANCES)}",
            kind="wrong-choice",
        )
    kg = entry.number("kg", least=0, most=SPILL_KG_MAX, is_above=True)
    over_s = _duration(entry, "over")
    if over_s is None:
        entry.fault("over", "it takes no time", remedy=f"{_TIME_REMEDY}, or minutes: 20", kind="missing-key")
    return SpillAct(
        at=at, substance=substance, kg=kg, over_s=over_s or 1.0,
        water_m3=entry.number_or("water_m3", 0.0, least=0, most=SPILL_KG_MAX),
    )  # fmt: skip


def _fault(entry: Entry, known: Known) -> FaultAct:
    kind = entry.choice("kind", FaultKind)
    target = entry.text("target", "name what fails")
    value = entry.number("value") if kind in NEEDS_VALUE else entry.number_or("value", 0.0)
    for_s = _duration(entry, "for")
    if entry.is_sound and (wrong := _wrong_target(kind, target, known.park)):
        entry.fault("target", f"`{target}` {wrong}", remedy="name another", kind="unknown-reference")
    if kind is FaultKind.STUCK and not 0 <= value <= 100:
        entry.fault("value", f"{value:g} %", remedy="write 0 to 100", kind="out-of-range")
    if kind is FaultKind.SLOW and not 0 < value <= 60:
        entry.fault("value", f"{value:g} s", remedy="write seconds above 0, at most 60", kind="out-of-range")
    return FaultAct(kind=kind, target=target, value=value, for_s=for_s)


def _wrong_target(kind: FaultKind, target: str, park: Park) -> str | None:
    match TARGETS[kind]:
        case TargetKind.DEVICE:
            return None if target in park.devices else "is no PLC of the park"
        case TargetKind.ACTUATOR:
            return None if target in park.actuators else "is no actuator of the park"
        case TargetKind.POINT:
            return _wrong_point(kind, target, park)
        case TargetKind.ANALYSER:
            has_flag = any(
                point.facility == target and point.name in {"calibrating", "sensor_fault"}
                for point in park.points.values()
            )
            return None if has_flag else "is no analyser that can say so"


def _wrong_point(kind: FaultKind, target: str, park: Park) -> str | None:
    point = next((point for ref, point in park.points.items() if ref == target), None)
    if point is None:
        return "is no point of the park"
    if point.register.type is RegisterType.BIT:
        return "is a state, not a measured value"
    if kind is FaultKind.NOT_AVAILABLE and not can_say_nothing(point.register):
        return "has no code for `no value`"
    return None


def _clear(entry: Entry, known: Known) -> ClearAct:
    del known
    target = entry.text_or("target", "")
    kind = entry.choice("kind", FaultKind) if entry.has("kind") else None
    entry.may_have("kind")
    return ClearAct(target=target or None, kind=kind)


def _hand(entry: Entry, known: Known) -> HandAct:
    name = FacilityId(entry.text("actuator", "name one"))
    entry.may_have("switch", "move")
    switch = entry.choice("switch", Switch) if entry.has("switch") else None
    move = entry.choice("move", _Move) if entry.has("move") else None
    if entry.is_sound and name not in known.park.actuators:
        entry.fault("actuator", f"`{name}` is no actuator", remedy="name another", kind="unknown-reference")
    return HandAct(actuator=name, switch=switch, move=None if move is None else Ask(move.value))


def _rain(entry: Entry, known: Known) -> RainAct:
    storm = entry.text("storm", "name one")
    if entry.is_sound and storm not in known.storms and storm != DRY:
        storms = ", ".join((DRY, *sorted(known.storms)))
        entry.fault("storm", f"`{storm}` is no storm", remedy=f"one of {storms}", kind="unknown-reference")
    return RainAct(storm=storm)
