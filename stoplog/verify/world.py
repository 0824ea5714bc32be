"""One moment of a park as unknowns: true values, what of them is known, positions and moves under way.

Every combination is a moment, because anybody at a local switch can bring any gate anywhere: what holds in all of them
holds after any run. A reading of good quality is taken to be true; a lying sensor is another matter.
"""

from dataclasses import dataclass, field

import z3

from domain.ids import FacilityId, PointRef
from domain.interlock import BOOLEAN
from domain.operators import Rate
from domain.park import Actuator, Park
from domain.units import UNITS

RESTING, OPENING, CLOSING, SETTING = 0, 1, 2, 3
"""What is being executed on an actuator."""
ROUNDING = 1.000001
"""A mean rate is computed in floating point: the bound on it allows for that."""
AT_LIMIT_PERCENT = 5
"""A limit switch is made within this much of its end of the travel."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an actuator stands: its two limit switches as they truly are."""

    opened: z3.BoolRef
    closed: z3.BoolRef


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast a point changed over the time that a rate looks back."""

    value: z3.ArithRef
    """In the point's base unit per second."""
    is_known: z3.BoolRef
    """Whether it was trusted all that time."""


@dataclass(slots=True)
class World:
    """The unknowns of one moment; they are made when they are first asked for."""

    park: Park
    name: str
    laws: list[z3.BoolRef] = field(default_factory=list)
    """What nature allows."""
    values: dict[PointRef, z3.ExprRef] = field(default_factory=dict)
    trusts: dict[PointRef, z3.BoolRef] = field(default_factory=dict)
    places: dict[FacilityId, Place] = field(default_factory=dict)
    moves: dict[FacilityId, z3.ArithRef] = field(default_factory=dict)
    flags: dict[str, z3.BoolRef] = field(default_factory=dict)
    rates: dict[str, Slope] = field(default_factory=dict)

    def value(self, ref: PointRef) -> z3.ExprRef:
        """Return the true value of a point, in its own unit."""
        if ref not in self.values:
            self.values[ref] = self._value(ref)
        return self.values[ref]

    def trust(self, ref: PointRef) -> z3.BoolRef:
        """Return whether the point is known: fresh, good, and so true."""
        if ref not in self.trusts:
            trusted = z3.Bool(f"{self.name}:{ref} known")
            self.trusts[ref] = trusted
            point, value = self.park.points[ref], self.value(ref)
            if not point.is_boolean:
                # What lies outside the range of its instrument is of bad quality, and so not known.
                if point.range_min is not None:
                    self.laws.append(z3.Implies(trusted, value >= number(point.range_min)))
                if point.range_max is not None:
                    self.laws.append(z3.Implies(trusted, value <= number(point.range_max)))
        return self.trusts[ref]

    def rate(self, wanted: Rate) -> Slope:
        """Return how fast a point changes: anything that two values within its range allow."""
        if wanted.text not in self.rates:
            slope = Slope(z3.Real(f"{self.name}:{wanted.text}"), z3.Bool(f"{self.name}:{wanted.text} known"))
            self.rates[wanted.text] = slope
            self.laws.append(z3.Implies(slope.is_known, self.trust(wanted.point)))
            point = self.park.points[wanted.point]
            if point.range_min is not None and point.range_max is not None:
                span = number(point.range_max - point.range_min) * number(UNITS[point.unit].factor)
                most = span * number(ROUNDING) / number(wanted.over_s)
                self.laws.append(z3.And(slope.value >= -most, slope.value <= most))
        return self.rates[wanted.text]

    def place(self, actuator: FacilityId) -> Place:
        """Return where an actuator stands."""
        if actuator not in self.places:
            opened = z3.Bool(f"{self.name}:{actuator} opened")
            closed = z3.Bool(f"{self.name}:{actuator} closed")
            self.laws.append(z3.Not(z3.And(opened, closed)))
            self.places[actuator] = Place(opened, closed)
        return self.places[actuator]

    def move(self, actuator: FacilityId) -> z3.ArithRef:
        """Return what is being executed on an actuator; it may still stand where it stood."""
        if actuator not in self.moves:
            move = z3.Int(f"{self.name}:{actuator} executing")
            self.laws.append(z3.And(move >= RESTING, move <= SETTING))
            self.moves[actuator] = move
        return self.moves[actuator]

    def flag(self, text: str) -> z3.BoolRef:
        """Return a fact about the park that no point tells: a tag, an order, a doubt."""
        if text not in self.flags:
            self.flags[text] = z3.Bool(f"{self.name}:{text}")
        return self.flags[text]

    def all_known(self) -> z3.BoolRef:
        """Whether every point asked for so far is known."""
        slopes = (slope.is_known for slope in self.rates.values())
        return z3.And(*(self.trust(ref) for ref in list(self.values)), *slopes)

    def unknowns(self) -> list[z3.ExprRef]:
        """Return every unknown that is no position and no move."""
        fed_back = {place.opened.get_id() for place in self.places.values()}
        fed_back |= {place.closed.get_id() for place in self.places.values()}
        values = [value for value in self.values.values() if value.get_id() not in fed_back]
        slopes = (part for slope in self.rates.values() for part in (slope.value, slope.is_known))
        return [*values, *self.trusts.values(), *self.flags.values(), *slopes]

    def _value(self, ref: PointRef) -> z3.ExprRef:
        point = self.park.points[ref]
        actuator = self.park.actuators.get(point.facility)
        if actuator is not None and (fed_back := self._fed_back(actuator, point.name)) is not None:
            return fed_back
        unknown = f"{self.name}:{ref}"
        return z3.Bool(unknown) if point.is_boolean else z3.Real(unknown)

    def _fed_back(self, actuator: Actuator, name: str) -> z3.ExprRef | None:
        place, names = self.place(actuator.facility), actuator.feedback
        if name == names.opened:
            return place.opened
        if name == names.closed:
            return place.closed
        if name == names.position:
            percent = z3.Real(f"{self.name}:{actuator.facility} percent")
            self.laws += [
                z3.And(percent >= 0, percent <= 100),
                z3.Implies(place.closed, percent <= AT_LIMIT_PERCENT),
                z3.Implies(place.opened, percent >= 100 - AT_LIMIT_PERCENT),
            ]
            return percent
        return None


def number(value: float) -> z3.ArithRef:
    """Return a number exactly as it is written in decimal."""
    return z3.RealVal(repr(float(value)))


def unit_of(park: Park, ref: PointRef) -> str:
    """Return the unit of a point, BOOLEAN for a state."""
    point = park.points[ref]
    return BOOLEAN if point.is_boolean else point.unit
