"""Route of the park as its files describe it: what the screens draw."""

from fastapi import APIRouter

from control.api.parts import Service, Who, area_of
from control.api.shapes import ParkShape, says
from control.commands.orders import Orders
from control.live.scope import is_plan_within
from domain.ids import FacilityId
from domain.interlock import BOOLEAN
from domain.park import Facility, FacilityKind, Park
from domain.units import UNITS
from domain.words import Words

router = APIRouter(tags=["park"])

_KINDS = {
    FacilityKind.RAIN_OUTLET: "gate",
    FacilityKind.PARK_SLUICE: "sluice",
    FacilityKind.RIVER_SLUICE: "sluice",
    FacilityKind.LIFT_PUMP: "pump",
}


@router.get("/park", **says(ParkShape))
async def park(service: Service, who: Who) -> dict[str, object]:
    """Return the park within the person's area."""
    area = area_of(who, service.park)
    found = service.park
    return {
        "id": found.id,
        "name": _words(found.words),
        "enterprises": [
            {"id": item.id, "name": _words(item.words), "risk": item.risk.value}
            for item in found.enterprises.values()
            if not who.is_confined or item.id == who.enterprise
        ],
        "facilities": [
            _facility(facility, found, area, service.orders)
            for facility in found.facilities.values()
            if area is None or facility.id in area
        ],
        "plans": [
            {"id": plan.id, "name": _words(plan.words), "scope": scope(plan.enterprise)}
            for plan in found.plans.values()
            if is_plan_within(plan.id, area, found)
        ],
    }


def scope(enterprise: str | None) -> object:
    """Return what a plan closes."""
    return "park" if enterprise is None else {"enterprise": enterprise}


def _facility(
    facility: Facility, park: Park, area: frozenset[FacilityId] | None, orders: Orders
) -> dict[str, object]:
    actuator = park.actuators.get(facility.id)
    points = [
        {
            "name": point.name,
            "label": _words(point.words),
            "unit": UNITS[point.unit].symbol if point.unit in UNITS else point.unit,
            "type": BOOLEAN if point.is_boolean else "text" if point.is_text else "number",
            "range_min": point.range_min,
            "range_max": point.range_max,
            "device": point.device,
        }
        for point in park.points.values()
        if point.facility == facility.id
    ]
    return {
        "id": facility.id,
        "name": _words(facility.words),
        "kind": facility.kind.value,
        "tier": facility.tier.value,
        "line": facility.line,
        "enterprise": facility.enterprise,
        "flows_to": [
            {"to": flow.to, "via": None} for flow in facility.flows_to if area is None or flow.to in area
        ],
        "x": facility.x,
        "y": facility.y,
        "capacity_m3": facility.capacity_m3,
        "camera": facility.camera,
        "actuator": None
        if actuator is None
        else {
            "safe_position": actuator.safe_position.value,
            "travel_time_s": actuator.travel_time_s,
            "kind": _KINDS.get(facility.kind, "valve"),
            "expiry": "proven" if park.has_proven_expiry(facility.id) else "unproven",
            "is_commissioned": orders.is_commissioned(facility.id),
        },
        "points": points,
    }


def _words(words: Words) -> dict[str, str]:
    return {"zh": words.zh, "en": words.en}
