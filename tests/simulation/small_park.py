"""The park of the simulated world: a few cabinets of the demonstration park, one of every drive, with short travels.

Everything about them but times and places is the demonstration park's: interlocks, alarms, cut-offs, plans, registers.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from domain.ids import DeviceId, FacilityId, GatewayId, PointRef
from domain.interlock import Interlock, parse
from domain.park import Actuator, Park, Point
from domain.plan import OnFailure, Plan
from domain.reopening import Opening, Reopening
from runtime.parkfiles.loading import load_park

FOLDER = Path(__file__).parents[2] / "parks" / "lingang"
EAST, WEST = GatewayId("gw_east"), GatewayId("gw_west")
DEVICES: Mapping[str, GatewayId] = {
    "plc_hc_outlet": EAST,
    "plc_hc_plant": EAST,
    "plc_net_a": EAST,
    "plc_yx_outlet": WEST,
    "plc_river_b": WEST,
}
"""Momentary, maintained, twice-pulsed, set-point, command word, and two river sluices whose pulse the gateway takes back."""
TRAVEL_S: Mapping[str, float] = {
    "hc_outlet": 3.0,
    "hc_bund": 2.0,
    "hc_diversion": 2.5,
    "hc_sewage": 3.5,
    "net_sluice_1": 5.0,
    "yx_outlet": 4.0,
    "river_sluice_3": 6.0,
    "river_sluice_4": 7.0,
}
PAUSE_S = 0.5
FOREIGN = {"intake": "hc_analyser", "yx_pool": "hc_pool"}
"""Facilities that are left out, and who stands in for them in interlocks; some of these lie behind the other gateway."""


@cache
def small_park() -> Park:
    """Return the park."""
    whole = load_park(FOLDER)
    devices = {
        DeviceId(key): replace(whole.devices[DeviceId(key)], gateway=gateway)
        for key, gateway in DEVICES.items()
    }
    points = {ref: point for ref, point in whole.points.items() if point.device in devices}
    actuators = {
        key: _smaller(item, points) for key, item in whole.actuators.items() if item.device in devices
    }
    used = _used(whole, actuators)
    points = {ref: _told_often(point) for ref, point in points.items() if ref in used}
    facilities = {
        key: item
        for key, item in whole.facilities.items()
        if key in actuators or any(point.facility == key for point in points.values()) or item.kind.is_pool
    }
    plans: dict[str, Plan] = {
        plan.id: plan for plan in (_shorter(item, actuators) for item in whole.plans.values()) if plan.steps
    }
    return replace(
        whole,
        devices=devices,
        points=points,
        actuators=actuators,
        facilities=facilities,
        alarms=tuple(rule for rule in whole.alarms if rule.point in points),
        cutoffs=tuple(
            rule
            for rule in whole.cutoffs
            if rule.point in points and all(key in actuators for key in rule.actuators)
        ),
        plans=plans,
        reopenings=_procedures(whole, actuators, points),
    )


def _told_often(point: Point) -> Point:
    """Let an instrument be heard every few seconds: what passes has to be measured anew."""
    is_measured = "analyser" in point.facility or point.facility == "section"
    return replace(point, silence_s_max=2.5) if is_measured else point


def _smaller(actuator: Actuator, points: Mapping[PointRef, Point]) -> Actuator:
    return replace(
        actuator,
        travel_time_s=TRAVEL_S[actuator.facility],
        reversing_pause_s=PAUSE_S,
        permits=tuple(found for lock in actuator.permits if (found := _within(lock, points)) is not None),
        inhibits=tuple(found for lock in actuator.inhibits if (found := _within(lock, points)) is not None),
    )


def _within(lock: Interlock, points: Mapping[PointRef, Point]) -> Interlock | None:
    """Return the interlock over points that are here; None when it speaks of others only."""
    text = lock.expression.text
    for gone, instead in FOREIGN.items():
        text = text.replace(f"{gone}.", f"{instead}.")
    if text != lock.expression.text:
        lock = replace(lock, expression=parse(text))
    return lock if lock.expression.references <= points.keys() else None


def _procedures(
    whole: Park, actuators: Mapping[FacilityId, Actuator], points: Mapping[PointRef, Point]
) -> Mapping[str, Reopening]:
    """Return the procedures of what is here, in little time, and one for whatever has none of its own."""
    found = {
        key: _quicker(item)
        for key, item in whole.reopenings.items()
        if all(opening.actuator in actuators for opening in item.openings)
        and item.passing.condition.references <= points.keys()
    }
    covered = {opening.actuator for item in found.values() for opening in item.openings}
    first = next(iter(found.values()))
    rest = tuple(
        Opening(id=key, actuator=key, stages=(100.0,) if place % 2 else ())
        for place, key in enumerate(actuators)
        if key not in covered
    )
    return {**found, "reopen_rest": replace(first, id="reopen_rest", enterprise=None, openings=rest)}


def _quicker(procedure: Reopening) -> Reopening:
    openings = tuple(replace(item, observe_s=min(item.observe_s, 2.0)) for item in procedure.openings)
    return replace(procedure, openings=openings, passing=replace(procedure.passing, samples=3, every_s=5.0))


def _shorter(plan: Plan, actuators: Mapping[FacilityId, Actuator]) -> Plan:
    """Return the plan with the steps that move what is here."""
    left = {step.id for step in plan.steps if step.actuator in actuators}
    steps = tuple(
        replace(
            step,
            after=tuple(before for before in step.after if before in left),
            alternative=step.alternative if step.alternative in left else None,
            on_failure=OnFailure.CONTINUE if step.alternative not in left else step.on_failure,
        )
        for step in plan.steps
        if step.id in left
    )
    return replace(plan, steps=steps if len(steps) > 1 else ())


def _used(whole: Park, actuators: Mapping[FacilityId, Actuator]) -> set[PointRef]:
    found: set[PointRef] = set()
    for actuator in actuators.values():
        names = actuator.feedback
        found |= {
            actuator.point(name)
            for name in (
                names.opened, names.closed, names.remote, names.moving, names.fault, names.over_torque,
                names.power, names.position,
            )
            if name is not None
        }  # fmt: skip
        for lock in (*actuator.permits, *actuator.inhibits):
            found |= lock.expression.references
    return found | {rule.point for rule in whole.cutoffs if set(rule.actuators) <= actuators.keys()}
