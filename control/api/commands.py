"""Routes of actuators and commands: why, select, operate, hand card and hand report."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query

from control.api import find
from control.api.models import NewCommand, NewHandReport, NewSelect
from control.api.outcomes import CommandShape, HandCardShape, SelectShape, WhyShape
from control.api.parts import Parts, Service, Who, area_of
from control.api.problems import Problem
from control.api.shapes import HandReportShape, says
from control.commands.desk import Accepted, Declined, Outcome
from control.commands.entries import causes
from control.commands.gate import Clear, NeedsConfirmation, Request
from control.commands.overrides import MAY_OVERRIDE
from control.commands.tracked import Tracked
from control.live.views import command_view
from control.live.why_view import why_view
from domain.admission import Direction, direction, truth_now
from domain.command import Action
from domain.ids import CommandId, FacilityId
from domain.park import Actuator
from domain.refusal import Refused
from wire.canonical import Json

router = APIRouter(tags=["commands"])


@router.get("/actuators/{actuator}/why", **says(WhyShape))
async def why(actuator: str, action: Action, service: Service, who: Who) -> dict[str, object]:
    """Say whether the action would be allowed now, and on what that rests."""
    found = find.actuator(actuator, who, service)
    verdict = service.view.allows(found.facility, action, who)
    warnings: list[Json] = []
    refusals: list[Json] = []
    match verdict:
        case Clear(warnings=causes_) | NeedsConfirmation(warnings=causes_):
            warnings = causes(causes_)
        case Refused(reasons=reasons):
            refusals = causes(reasons)
    return {
        "allowed": not refusals,
        "warnings": warnings,
        "refusals": refusals,
        "conditions": _conditions(found, action, service),
        "needs_second": service.view.takes_second(found.facility, action, who),
        "tree": why_view(service.view.explain(found.facility, action, who)),
        "overridable": service.overrides.open_to(found) if who.has(MAY_OVERRIDE) else [],
    }


@router.post("/selects", **says(SelectShape, 201))
async def select(body: NewSelect, service: Service, who: Who) -> dict[str, object]:
    """Select an actuator for a move away from safe; answers when the edge has."""
    find.actuator(body.actuator, who, service)
    request = Request(
        actuator=FacilityId(body.actuator),
        action=body.action,
        parameters=body.parameters.given(),
        reason=body.reason,
        ticket=body.ticket,
    )
    tracked = _accepted(await service.desk.select(request, who))
    return {"id": tracked.id, "expires_ms": tracked.expires_ms}


@router.delete("/selects/{select}", status_code=HTTPStatus.NO_CONTENT)
async def cancel(select: str, service: Service, who: Who) -> None:
    """Take a select back."""
    found = await find.command(select, who, service)
    _accepted(await service.desk.cancel(found.id, who))


@router.post("/commands", **says(CommandShape, 202))
async def operate(
    body: NewCommand,
    service: Service,
    who: Who,
    idempotency_key: Annotated[str | None, Header(max_length=100)] = None,
) -> dict[str, Json]:
    """Ask for a move: toward safe and stop at once, away from safe on a live select."""
    find.actuator(body.actuator, who, service)
    request = Request(
        actuator=FacilityId(body.actuator),
        action=body.action,
        parameters=body.parameters.given(),
        reason=body.reason,
        accepted=frozenset(body.accept_warnings) - {"*"},
    )
    chosen = CommandId(body.select) if body.select is not None else None
    outcome = await service.desk.operate(
        request,
        who.as_author,
        select=chosen,
        idempotency_key=idempotency_key or None,  # an empty one is none: a closure must not count as sent
    )
    return command_view(_accepted(outcome))


@router.get("/commands", **says(list[CommandShape]))
async def commands(
    service: Service,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    actuator: str | None = None,
) -> list[dict[str, Json]]:
    """Return commands, the newest first."""
    if actuator is not None:
        find.actuator(actuator, who, service)
    area = area_of(who, service.park)
    found = await service.archive.newest(limit=limit, actuator=actuator)
    held = [service.book.get(item.id) or item for item in found]
    return [command_view(item) for item in held if area is None or item.command.actuator in area]


@router.get("/commands/{command}", **says(CommandShape))
async def command(command: str, service: Service, who: Who) -> dict[str, Json]:
    """Return one command with its whole life."""
    return command_view(await find.command(command, who, service))


@router.get("/actuators/{actuator}/hand-card", **says(HandCardShape))
async def hand_card(actuator: str, service: Service, who: Who) -> dict[str, object]:
    """Return what to do when the gate cannot be moved remotely."""
    found = find.actuator(actuator, who, service)
    name = service.park.facilities[found.facility].words
    card = found.hand_card
    return {
        "title": {"zh": f"{name.zh} 人工操作卡", "en": f"Hand card: {name.en}"},
        "who": card.who,
        "phone": card.phone,
        "where": card.where,
        "how": list(card.how),
    }


@router.post("/actuators/{actuator}/hand-reports", **says(HandReportShape, 201))
async def hand_report(actuator: str, body: NewHandReport, service: Service, who: Who) -> dict[str, Json]:
    """Note what a named person reports of a gate moved by hand; it is shown apart from proof."""
    found = find.actuator(actuator, who, service)
    await service.hand_reports.note(
        found.facility, by=body.by, position=body.position, note=body.note, actor=who.username
    )
    return service.hand_reports.of(found.facility) or {}


def _accepted(outcome: Outcome) -> Tracked:
    match outcome:
        case Accepted(tracked=tracked):
            return tracked
        case Declined(code=code, reasons=reasons):
            raise Problem(HTTPStatus.CONFLICT, code, reasons=reasons)


def _conditions(actuator: Actuator, action: Action, service: Parts) -> list[dict[str, object]]:
    """Return the interlocks of this direction, each with its verdict and the values that it rests on."""
    locks = actuator.inhibits
    if direction(actuator, action) is Direction.AWAY_FROM_SAFE:
        locks = actuator.permits
    found: list[dict[str, object]] = []
    for lock in locks:
        situation = service.view.situation(actuator.facility)
        values = []
        for ref in sorted(lock.expression.references):
            reading = service.view.read(ref)
            values.append(
                {
                    "point": ref,
                    "value": reading.value,
                    "unit": service.park.points[ref].unit,
                    "quality": reading.quality.word,
                    "age_s": reading.age_s,
                    "stale": not reading.fresh,
                }
            )
        verdict = truth_now(lock, situation).value
        found.append(
            {
                "text": lock.expression.text,
                "words": {"zh": lock.words.zh, "en": lock.words.en},
                "verdict": verdict,
                "values": values,
            }
        )
    return found
