"""Reads properties.yaml: the safety properties that a park states of itself; whether they hold is proved elsewhere."""

from pathlib import Path

from domain.errors import ConfigurationError
from domain.ids import FacilityId, PointRef
from domain.interlock import BOOLEAN, Expression, ExpressionError, parse
from domain.park import Park
from domain.quantities import check_types
from domain.safety import LockRef, SafetyProperty
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults
from runtime.parkfiles.sites import open_file

FILE = "properties.yaml"


def load_properties(folder: Path, park: Park) -> tuple[SafetyProperty, ...]:
    """Return the properties stated in `folder`; none when there is no such file.

    Raises ConfigurationError with every fault found.
    """
    if not (folder / FILE).exists():
        return ()
    faults = Faults()
    top = open_file(folder, FILE, faults)
    found = []
    if top is not None:
        found = [_property(key, entry, park) for key, entry in top.entries("properties")]
        top.done()
    if faults.found:
        raise ConfigurationError(*sorted(faults.found, key=lambda fault: (fault.line, fault.field)))
    return tuple(item for item in found if item is not None)


def _property(key: str, entry: Entry, park: Park) -> SafetyProperty | None:
    words = entry.words("words")
    premise = _condition(entry, "while", park)
    never = _condition(entry, "never", park)
    is_known = entry.boolean_or("known", default=False)
    has_way_back = entry.boolean_or("way_back", default=True)
    relies_on = tuple(_lock(item.text, entry, park) for item in entry.texts("relies_on", is_required=False))
    if not entry.done() or premise is None or never is None:
        return None
    if not any(ref.partition("/")[0] in park.actuators for ref in never.references):
        remedy = "speak of a gate, e.g. not hc_outlet.closed"
        entry.fault("never", "no actuator is in it", remedy=remedy, kind="no-actuator")
    return SafetyProperty(
        id=key,
        words=words,
        premise=premise,
        never=never,
        is_premise_known=is_known,
        has_way_back=has_way_back,
        relies_on=tuple(lock for lock in relies_on if lock is not None),
    )


def _condition(entry: Entry, name: str, park: Park) -> Expression | None:
    text = entry.text(name, "write a condition as in interlocks.yaml")
    if not text:
        return None
    try:
        expression = parse(text)
        check_types(expression, lambda ref: _unit(park, ref))
    except ExpressionError as error:
        entry.fault(
            name, str(error), remedy="write a condition as in interlocks.yaml", kind="wrong-condition"
        )
        return None
    if expression.timed:
        message = (
            f"`{expression.timed[0].text}` speaks of the past; a promise speaks of every moment by itself"
        )
        remedy = "write the condition without held and rate"
        entry.fault(name, message, remedy=remedy, kind="wrong-condition")
        return None
    return expression


def _unit(park: Park, ref: str) -> str | None:
    point = park.points.get(PointRef(ref))
    if point is None:
        return None
    return BOOLEAN if point.is_boolean else point.unit


def _lock(text: str, entry: Entry, park: Park) -> LockRef | None:
    facility, _, lock = text.partition("/")
    actuator = park.actuators.get(FacilityId(facility))
    locks = () if actuator is None else (*actuator.permits, *actuator.inhibits)
    if not any(item.id == lock for item in locks):
        known = ", ".join(item.id for item in locks) or "none"
        remedy = f"write actuator/interlock; {facility or 'it'} has {known}"
        entry.fault("relies_on", f"there is no interlock `{text}`", remedy=remedy, kind="unknown-reference")
        return None
    return LockRef(FacilityId(facility), lock)
