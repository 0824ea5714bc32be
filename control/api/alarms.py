"""Routes of alarms and standing orders."""

import secrets
from http import HTTPStatus

from fastapi import APIRouter

from control.api import find
from control.api.models import NewAcknowledgement, NewOrder
from control.api.parts import Service, Who, area_of
from control.api.problems import Problem, not_found
from control.api.shapes import AlarmShape, OrderShape, says
from control.commands.keeping import Keeping
from control.live.views import alarm_view, order_view
from domain.alarm import AlarmState
from domain.ids import RuleId
from wire.canonical import Json

router = APIRouter(tags=["alarms"])


@router.get("/alarms", **says(list[AlarmShape]))
async def alarms(service: Service, who: Who, state: str | None = None) -> list[dict[str, Json]]:
    """Return the alarms that stand, or those in one state (`cleared` has those that are over)."""
    watch, area = service.alarms.watch, area_of(who, service.park)
    if state is None:
        found = watch.standing()
    else:
        wanted = AlarmState.NORMAL.value if state == "cleared" else state
        raised = (alarm for alarm in watch.alarms.values() if alarm.occurrence)
        found = tuple(alarm for alarm in raised if alarm.state.value == wanted)
    views = (alarm_view(alarm, watch, service.park) for alarm in found)
    return [view for view in views if area is None or view["facility"] in area]


@router.post("/alarms/{alarm}/acknowledge", **says(AlarmShape))
async def acknowledge(alarm: str, body: NewAcknowledgement, service: Service, who: Who) -> dict[str, Json]:
    """Acknowledge the occurrence and severity that the person saw (I12)."""
    watch, area = service.alarms.watch, area_of(who, service.park)
    rule = RuleId(alarm)
    held = watch.alarms.get(rule)
    if held is None or (area is not None and alarm_view(held, watch, service.park)["facility"] not in area):
        raise not_found()
    after = await service.alarms.acknowledge(
        rule, occurrence=body.occurrence, severity=body.severity, person=who.username
    )
    if after is None:
        raise Problem(HTTPStatus.CONFLICT, "not-seen")
    return alarm_view(after, watch, service.park)


@router.get("/orders", **says(list[OrderShape]))
async def orders(service: Service, who: Who) -> list[dict[str, Json]]:
    """Return the standing orders."""
    area = area_of(who, service.park)
    return [
        order_view(order) for order in service.orders.all_standing() if area is None or order.actuator in area
    ]


@router.post("/orders", **says(OrderShape, 201))
async def keep(body: NewOrder, service: Service, who: Who) -> dict[str, Json]:
    """Keep an actuator at its safe position until a reopening releases it; it moves nothing."""
    found = find.actuator(body.actuator, who, service)
    keeping = Keeping(service.park, service.orders, service.recorder, service.clock)
    order_id = secrets.token_hex(16)
    order = await keeping.give(found.facility, order_id=order_id, by=who.username, reason=body.reason)
    service.changes.ring()
    return order_view(order)
