"""Routes of commissioning (联调): what is checked, what was seen, who signs, and how long travels take."""

from http import HTTPStatus
from typing import TypeVar

from fastapi import APIRouter

from control.api import find
from control.api.models import NewCheck, NewConfirmation, NewSignature, NewVoid
from control.api.outcomes import TravelShape
from control.api.parts import Parts, Service, Who, area_of
from control.api.problems import Problem, not_found
from control.api.shapes import CheckShape, CommissioningShape, says
from control.commands.entries import causes
from control.commissioning.entries import Held
from control.people.roles import Person
from domain.commissioning import Item
from domain.park import Actuator
from domain.refusal import Cause
from wire.canonical import Json

router = APIRouter(tags=["commissioning"])
Made = TypeVar("Made")


@router.get("/commissioning", **says(list[CommissioningShape]))
async def overview(service: Service, who: Who) -> list[dict[str, Json]]:
    """Return how every actuator stands: signed for, by whom, and whether it is being checked."""
    area = area_of(who, service.park)
    return [
        _standing(actuator, service)
        for key, actuator in service.park.actuators.items()
        if area is None or key in area
    ]


@router.post("/commissioning", **says(CheckShape, 201))
async def begin(body: NewCheck, service: Service, who: Who) -> dict[str, Json]:
    """Begin the point-to-point check of an actuator; until it is signed only its engineer commands it."""
    found = find.actuator(body.actuator, who, service)
    return _view(_done(await service.commissioning.begin(found.facility, who)))


@router.get("/commissioning/{check}", **says(CheckShape))
async def show(check: str, service: Service, who: Who) -> dict[str, Json]:
    """Return a check that goes on."""
    return _view(_check(check, who, service))


@router.post("/commissioning/{check}/confirmations", **says(CheckShape))
async def confirm(check: str, body: NewConfirmation, service: Service, who: Who) -> dict[str, Json]:
    """Note what somebody beside the gate has seen."""
    held = _check(check, who, service)
    return _view(_done(await service.commissioning.confirm(held, body.item, who, note=body.note)))


@router.post("/commissioning/{check}/signature", **says(CheckShape))
async def sign(check: str, body: NewSignature, service: Service, who: Who) -> dict[str, Json]:
    """Sign for a complete check; the actuator is commandable from then on, until its drive is edited."""
    held = _check(check, who, service)
    made = await service.commissioning.sign(held, who, witness=body.witness, note=body.note)
    return _view(_done(made))


@router.delete("/commissioning/{check}", status_code=HTTPStatus.NO_CONTENT)
async def abandon(check: str, service: Service, who: Who) -> None:
    """End a check without a signature."""
    await service.commissioning.abandon(_check(check, who, service), who.username, reason="")


@router.post("/actuators/{actuator}/commissioning/void", status_code=HTTPStatus.NO_CONTENT)
async def void(actuator: str, body: NewVoid, service: Service, who: Who) -> None:
    """Declare void whatever was signed for an actuator; it obeys nobody until it is checked again."""
    found = find.actuator(actuator, who, service)
    await service.commissioning.void(found.facility, who, reason=body.reason)


@router.get("/actuators/{actuator}/travel", **says(TravelShape))
async def travel(actuator: str, service: Service, who: Who) -> dict[str, Json]:
    """Return how long its travels take, and after how long one has failed."""
    return service.travels.view(find.actuator(actuator, who, service))


def _check(name: str, who: Person, service: Parts) -> Held:
    found = service.commissioning.find(name)
    if found is None:
        raise not_found()
    find.actuator(found.actuator, who, service)
    return found


def _done(made: Made | Cause) -> Made:
    if isinstance(made, Cause):
        raise Problem(HTTPStatus.CONFLICT, made.code.value, reasons=tuple(causes([made])))
    return made


def _standing(actuator: Actuator, service: Parts) -> dict[str, Json]:
    facility = actuator.facility
    signed = service.orders.signed(facility)
    by_folder = actuator.commissioned_by if signed is None else None
    is_commissioned = service.orders.is_commissioned(facility)
    running, last = service.commissioning.running(facility), service.commissioning.last(facility)
    return {
        "actuator": facility,
        "drive": service.orders.drives[facility],
        "is_commissioned": is_commissioned,
        "signed_by": (signed.by if signed is not None else by_folder) if is_commissioned else None,
        "signed_ms": signed.since_ms if signed is not None else None,
        "signed_on": actuator.commissioned_on if signed is None and is_commissioned else None,
        "witness": signed.second if signed is not None else None,
        "running": _view(running) if running is not None else None,
        "last": last.stage.value if last is not None else None,
    }


def _view(held: Held) -> dict[str, Json]:
    items: list[Json] = [_item(item, held) for item in held.check.items]
    return {
        "id": held.id,
        "actuator": held.actuator,
        "drive": held.check.drive,
        "by": held.by,
        "started_ms": held.started_ms,
        "stage": held.stage.value,
        "items": items,
        "missing": len(held.check.missing),
        "signed_by": held.signed_by,
        "witness": held.witness,
        "ended_ms": held.ended_ms,
    }


def _item(item: Item, held: Held) -> dict[str, Json]:
    return {
        "id": item.id,
        "part": item.part.value,
        "words": {"zh": item.words.zh, "en": item.words.en},
        "how": {"zh": item.how.zh, "en": item.how.en},
        "point": item.point,
        "action": item.action.value if item.action is not None else None,
        "seen_ms": held.check.seen.get(item.id),
        "evidence": held.evidence.get(item.id),
    }
