"""Routes of what people put on a device: tag-outs (检修挂牌) and overrides of its interlocks (旁路)."""

from http import HTTPStatus
from typing import TypeVar

from fastapi import APIRouter

from control.api import find
from control.api.models import Agreement, NewLift, NewOverride, NewTag
from control.api.parts import Parts, Service, Who, area_of
from control.api.problems import Problem, not_found
from control.api.shapes import LiftShape, OrderShape, WishShape, says
from control.commands.entries import causes
from control.commands.pending import Pending, What
from control.live.views import order_view, wish_view
from control.people.roles import Person
from domain.order import Order
from domain.refusal import Cause
from wire.canonical import Json

router = APIRouter(tags=["devices"])
Made = TypeVar("Made", Order, Pending)


@router.post("/tags", **says(OrderShape, 201))
async def hang(body: NewTag, service: Service, who: Who) -> dict[str, Json]:
    """Tag an actuator out for maintenance: it gets no remote output until the tag is lifted."""
    found = find.actuator(body.actuator, who, service)
    made = await service.tags.hang(
        found.facility, by=who.username, reason=body.reason, until_ms=body.until_ms
    )
    return order_view(_done(made))


@router.delete("/tags", status_code=HTTPStatus.NO_CONTENT)
async def take_down(actuator: str, service: Service, who: Who) -> None:
    """Lift one's own tags on an actuator."""
    found = find.actuator(actuator, who, service)
    _refuse(await service.tags.take_down(found.facility, by=who.username))


@router.post("/tags/{tag}/lift", **says(LiftShape))
async def lift_tag(tag: str, body: NewLift, service: Service, who: Who) -> dict[str, object]:
    """Lift one's own tag; of another's, ask the second of shift chief and engineer."""
    made = await service.tags.ask(_tag(tag, who, service), who, reason=body.reason)
    if made is None:
        return {"lifted": True, "wish": None}
    return {"lifted": False, "wish": _view(_done(made), service)}


@router.post("/tags/{tag}/lift/approve", status_code=HTTPStatus.NO_CONTENT)
async def agree_to_lift(tag: str, body: Agreement, service: Service, who: Who) -> None:
    """Lift another's tag as the second person: another identity in another session (I9)."""
    found = _tag(tag, who, service)
    wishes = [item for item in service.orders.waiting_on(found.actuator) if item.order.id == tag]
    if not wishes:
        raise not_found()
    _refuse(await service.tags.approve(wishes[0], who, content_hash=body.content_hash))


@router.get("/overrides", **says(list[WishShape]))
async def wishes(service: Service, who: Who) -> list[dict[str, Json]]:
    """Return what waits for a second person; what stands is among the orders."""
    area = area_of(who, service.park)
    waiting = service.orders.waiting.values()
    return [_view(wish, service) for wish in waiting if area is None or wish.order.actuator in area]


@router.post("/overrides", **says(WishShape, 201))
async def ask(body: NewOverride, service: Service, who: Who) -> dict[str, Json]:
    """Ask for the override of one interlock; it stands once a second person has agreed."""
    found = find.actuator(body.actuator, who, service)
    made = await service.overrides.ask(found, body.interlock, who, reason=body.reason, until_ms=body.until_ms)
    return _view(_done(made), service)


@router.post("/overrides/{override}/approve", **says(OrderShape))
async def approve(override: str, body: Agreement, service: Service, who: Who) -> dict[str, Json]:
    """Agree to an override as the second person: another identity in another session (I9)."""
    wish = service.orders.waiting.get(override)
    if wish is None or wish.what is not What.OVERRIDE:
        raise not_found()
    find.actuator(wish.order.actuator, who, service)
    return order_view(_done(await service.overrides.approve(wish, who, content_hash=body.content_hash)))


@router.delete("/overrides/{override}", status_code=HTTPStatus.NO_CONTENT)
async def lift(override: str, service: Service, who: Who) -> None:
    """Put the interlock back before the override's end, or take back what waits for a second person."""
    wish = service.orders.waiting.get(override)
    if wish is not None:
        find.actuator(wish.order.actuator, who, service)
        await service.overrides.take_back(wish, by=who.username)
        return
    for order in service.overrides.all():
        if order.id == override:
            find.actuator(order.actuator, who, service)
            await service.overrides.lift(order, by=who.username)
            return
    raise not_found()


def _tag(tag: str, who: Person, service: Parts) -> Order:
    found = service.tags.find(tag)
    if found is None:
        raise not_found()
    find.actuator(found.actuator, who, service)
    return found


def _view(wish: Pending, service: Parts) -> dict[str, Json]:
    return wish_view(wish, service.park.actuators[wish.order.actuator])


def _done(made: Made | Cause) -> Made:
    if isinstance(made, Cause):
        raise Problem(HTTPStatus.CONFLICT, made.code.value, reasons=causes([made]))
    return made


def _refuse(cause: Cause | None) -> None:
    if cause is not None:
        raise Problem(HTTPStatus.CONFLICT, cause.code.value, reasons=causes([cause]))
