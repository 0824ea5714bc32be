"""Reads interlocks.yaml, alarms.yaml and cutoffs.yaml: conditions and limits on points that must exist and fit."""

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from domain.alarm import AlarmRule, Side
from domain.cutoff import CutoffRule
from domain.ids import FacilityId, PointRef, RuleId
from domain.interlock import BOOLEAN, Expression, ExpressionError, Interlock, parse
from domain.operators import FORMS, points_of, seconds_of
from domain.park import Point, Tier
from domain.quantities import check_types
from runtime.parkfiles.devices import Devices
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults, Place
from runtime.parkfiles.names import Names
from runtime.parkfiles.sites import Sites, open_file

_LIMIT = re.compile(r"([-+]?\d+(?:\.\d+)?) +(\S+)\Z", re.ASCII)
PERIODS_MIN = 2
"""Poll periods that `held` and `rate` must look back at least, or they say no more than the reading of now."""
SAMPLES_MAX = 100
"""More samples than this are no rule for an accident."""


@dataclass(frozen=True, slots=True)
class Locks:
    """The interlocks of one actuator."""

    permits: tuple[Interlock, ...] = ()
    inhibits: tuple[Interlock, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ground:
    """What rules refer to."""

    sites: Sites
    devices: Devices
    faults: Faults

    def point(self, ref: str, place: Place, *, written: str) -> Point | None:
        """Return the point `facility/point`; None when there is none or nothing can be said."""
        facility, slash, name = ref.partition("/")
        if not slash:
            message, remedy = f"`{written}` is no point", "write facility/point"
            self.faults.add(place, message, remedy=remedy, kind="unknown-reference")
            return None
        found = self.devices.points.get(PointRef(ref))
        if found is None and self.sites.names.has(facility, place, self.faults):
            self._complain(facility, name, place)
        return found

    def _complain(self, facility: str, name: str, place: Place) -> None:
        if self.devices.is_murky(facility):
            return
        names = [point.name for point in self.devices.points.values() if point.facility == facility]
        near = difflib.get_close_matches(name, names, n=1)
        remedy = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(names) or 'no points'}"
        message = f"{facility} has no point `{name}`"
        self.faults.add(place, message, remedy=remedy, kind="unknown-reference")

    def is_actuator(self, facility: str, place: Place) -> bool:
        """Whether `facility` surely is an actuator; notes a fault if it surely is not."""
        if not self.sites.names.has(facility, place, self.faults):
            return False
        site = self.sites.sites.get(FacilityId(facility))
        if site is not None and site.is_sound and not site.is_actuator:
            remedy = "name a gate, valve, sluice or pump"
            self.faults.add(place, f"{facility} is no actuator", remedy=remedy, kind="no-actuator")
        return site is not None and site.actuator is not None

    def refuse_other_gateway(self, actuator: str, point: Point, place: Place, *, remedy: str) -> None:
        """Note a fault when `point` is surely behind another gateway than `actuator`."""
        here = self.devices.gateway_of(actuator)
        there = self.devices.devices[point.device].gateway
        if here is not None and here != there:
            message = f"{point.ref} is behind {there}, {actuator} behind {here}"
            self.faults.add(place, message, remedy=remedy, kind="other-gateway")


def read_interlocks(folder: Path, sites: Sites, devices: Devices, faults: Faults) -> dict[FacilityId, Locks]:
    """Return the interlocks by actuator."""
    ground = _Ground(sites, devices, faults)
    found: dict[FacilityId, Locks] = {}
    top = open_file(folder, "interlocks.yaml", faults)
    if top is None:
        return found
    for key, entry in top.entries("interlocks"):
        ground.is_actuator(key, entry.place)
        names = Names("interlock")
        permits = tuple(_locks(entry, "permits", key, names, ground))
        inhibits = tuple(_locks(entry, "inhibits", key, names, ground))
        found[FacilityId(key)] = Locks(permits, inhibits)
        entry.done()
    top.done()
    return found


def _locks(entry: Entry, kind: str, actuator: str, names: Names, ground: _Ground) -> Iterator[Interlock]:
    for item in entry.list_of(kind, is_required=False):
        key = item.text("id")
        if key and item.is_good_id(key, item.place_of("id")):
            if key in names.known:
                message = f"`{key}` stands in line {names.known[key].line} already"
                item.fault("id", message, remedy="give each its own id", kind="duplicate-id")
            names.declare(key, item.place_of("id"))
        text, words = item.text("when"), item.words("words")
        item.done()
        expression = _expression(text, item, ground) if text else None
        if expression is None:
            continue
        _refuse_too_short(expression, item, ground)
        if kind == "inhibits":
            for ref in sorted(expression.references):
                point = ground.devices.points.get(ref)
                if point is not None:
                    remedy = "an inhibit toward safe, its held, count and rate included, uses points of its own gateway only"
                    ground.refuse_other_gateway(actuator, point, item.place_of("when"), remedy=remedy)
        yield Interlock(id=key, expression=expression, words=words)


def read_condition(
    entry: Entry, name: str, sites: Sites, devices: Devices, faults: Faults
) -> Expression | None:
    """Return the condition written in the field `name`; None and a fault when it is none."""
    text = entry.text(name, "write a condition as in interlocks.yaml")
    return _expression(text, entry, _Ground(sites, devices, faults), name) if text else None


def _refuse_too_short(expression: Expression, item: Entry, ground: _Ground) -> None:
    """Note a fault where a time is so short that one reading would fill it."""
    for found in expression.timed:
        periods = {
            ref: ground.devices.devices[point.device].groups[point.group].period_s
            for ref in points_of(found)
            if (point := ground.devices.points.get(ref)) is not None
        }
        slowest = max(periods, key=lambda ref: periods[ref], default=None)
        if slowest is not None and seconds_of(found) < PERIODS_MIN * periods[slowest]:
            message = f"`{found.text}`: {slowest} is read only every {periods[slowest]:g} s"
            remedy = f"write at least {PERIODS_MIN * periods[slowest]:g} * s"
            item.fault("when", message, remedy=remedy, kind="interlock-time")


def _expression(text: str, item: Entry, ground: _Ground, name: str = "when") -> Expression | None:
    try:
        expression = parse(text)
    except ExpressionError as error:
        remedy = f"write facility.point, numbers with units, and, or, not, < <= > >= == !=, {FORMS}"
        item.fault(name, str(error), remedy=remedy, kind="interlock-syntax")
        return None
    place = item.place_of(name)
    points = [
        ground.point(ref, place, written=ref.replace("/", ".")) for ref in sorted(expression.references)
    ]
    if None in points:
        return expression
    try:
        check_types(expression, lambda ref: unit_of(ground.devices.points[ref]))
    except ExpressionError as error:
        remedy = "compare like with like: `hc_pool.volume <= 1800 * m3`"
        item.fault(name, str(error), remedy=remedy, kind="interlock-unit")
    return expression


def unit_of(point: Point) -> str:
    """Return the point's unit as the interlock language wants it."""
    if point.is_text:
        return "text"  # compares with nothing that the language has
    return BOOLEAN if point.is_boolean else point.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """A point, and the side of a value that is abnormal."""

    point: PointRef
    side: Side
    value: float
    found: Point | None = field(default=None)


def read_alarms(folder: Path, sites: Sites, devices: Devices, faults: Faults) -> tuple[AlarmRule, ...]:
    """Return the alarm rules in file order."""
    ground = _Ground(sites, devices, faults)
    top = open_file(folder, "alarms.yaml", faults)
    if top is None:
        return ()
    rules: list[AlarmRule] = []
    for key, entry in top.entries("alarms"):
        limit = _limit(entry, ground)
        rules.append(
            AlarmRule(
                id=RuleId(key),
                point=limit.point,
                side=limit.side,
                limit=limit.value,
                hysteresis=entry.number("hysteresis", least=0),
                samples=entry.integer_or("samples", 1, least=1, most=SAMPLES_MAX),
                severity=entry.integer("severity", least=1, most=3),
                words=entry.words("words"),
            )
        )
        entry.done()
    top.done()
    return tuple(rules)


def read_cutoffs(folder: Path, sites: Sites, devices: Devices, faults: Faults) -> tuple[CutoffRule, ...]:
    """Return the cut-off rules in file order."""
    ground = _Ground(sites, devices, faults)
    top = open_file(folder, "cutoffs.yaml", faults)
    if top is None:
        return ()
    rules: list[CutoffRule] = []
    for key, entry in top.entries("cutoffs"):
        limit = _limit(entry, ground)
        n = entry.integer("beyond", least=1, most=SAMPLES_MAX)
        m = entry.integer("of", least=1, most=SAMPLES_MAX)
        if entry.is_sound and n > m:
            remedy = "write how many `of` the last samples are `beyond` the limit"
            entry.fault("beyond", f"{n} of {m} never happens", remedy=remedy, kind="out-of-range")
        rules.append(
            CutoffRule(
                id=RuleId(key),
                point=limit.point,
                side=limit.side,
                limit=limit.value,
                n=n,
                m=m,
                actuators=tuple(_cut_off(entry, limit.found, ground)),
                is_enabled=entry.boolean("enabled"),
                words=entry.words("words"),
            )
        )
        entry.done()
    top.done()
    return tuple(rules)


def _cut_off(entry: Entry, point: Point | None, ground: _Ground) -> Iterator[FacilityId]:
    for item in entry.texts("actuators"):
        if not ground.is_actuator(item.text, item.place):
            continue
        site = ground.sites.sound(item.text)
        if site is not None and site.facility.tier is Tier.RIVER:
            message = f"{item.text} is of the river tier"
            remedy = "rules act on enterprise and park tier only; put it into a plan"
            ground.faults.add(item.place, message, remedy=remedy, kind="river-tier")
        elif point is not None:
            remedy = "a gateway cuts off with its own points and actuators only"
            ground.refuse_other_gateway(item.text, point, item.place, remedy=remedy)
        yield FacilityId(item.text)


def _limit(entry: Entry, ground: _Ground) -> _Limit:
    ref = entry.text("point", "write facility/point")
    point = ground.point(ref, entry.place_of("point"), written=ref) if ref else None
    if point is not None and (point.is_boolean or point.is_text):
        remedy = "name a point with a number"
        what = "text" if point.is_text else "state"
        entry.fault("point", f"{ref} is a {what} and has no limit", remedy=remedy, kind="wrong-type")
        point = None
    side = Side.BELOW if entry.has("below") else Side.ABOVE
    entry.may_have("above", "below")
    if entry.has("above") and entry.has("below"):
        entry.fault("below", "stands beside `above`", remedy="make it two rules", kind="wrong-choice")
        return _Limit(point=PointRef(ref), side=side, value=math.nan, found=point)
    unit = "mg_L" if point is None else point.unit
    scalar = entry.raw(side.value, f"write the limit with its unit: {side.value}: 100 {unit}")
    value = math.nan if scalar is None else _value(scalar.text, entry, side.value, point)
    return _Limit(point=PointRef(ref), side=side, value=value, found=point)


def _value(text: str, entry: Entry, name: str, point: Point | None) -> float:
    match = _LIMIT.match(text)
    unit = "mg_L" if point is None else point.unit
    if match is None:
        remedy = f"write a number and its unit: {name}: 100 {unit}"
        entry.fault(name, f"`{text}` is no limit", remedy=remedy, kind="wrong-type")
        return math.nan
    value = float(match[1])
    if point is None:
        return value
    if match[2] != point.unit:
        message = f"`{match[2]}` is not the unit of {point.ref}"
        entry.fault(name, message, remedy=f"write it in {point.unit}", kind="unit-mismatch")
        return math.nan
    low = -math.inf if point.range_min is None else point.range_min
    high = math.inf if point.range_max is None else point.range_max
    if not low < value < high:
        message = f"{match[1]} is never passed: {point.ref} reads {low:g} to {high:g}"
        entry.fault(name, message, remedy="write a limit inside the range", kind="out-of-range")
    return value
