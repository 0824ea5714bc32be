"""Routes of operation tickets (操作票): a move away from safe is asked for, and a second person agrees to it or refuses."""

from http import HTTPStatus

from fastapi import APIRouter

from control.api import find
from control.api.models import Agreement, NewTicket
from control.api.parts import Service, Who, area_of
from control.api.problems import Problem, no_authority, not_found
from control.api.shapes import TicketShape, says
from control.commands.desk import Declined
from control.commands.entries import causes
from control.commands.gate import MAY_OPEN, Request
from control.commands.ticket import Ticket
from control.commands.ticket_entries import view
from control.people.roles import Person
from domain.ids import FacilityId
from domain.refusal import Cause
from wire.canonical import Json

router = APIRouter(tags=["tickets"])


@router.get("/tickets", **says(list[TicketShape]))
async def tickets(service: Service, who: Who) -> list[dict[str, Json]]:
    """Return what waits for a second person or may be used."""
    area = area_of(who, service.park)
    found = service.tickets.all_open()
    return [view(item, service.park) for item in found if area is None or item.actuator in area]


@router.post("/tickets", **says(TicketShape, 201))
async def ask(body: NewTicket, service: Service, who: Who) -> dict[str, Json]:
    """Ask for a move away from safe; what speaks against it now is said now, and again at select and operate."""
    find.actuator(body.actuator, who, service)
    request = Request(
        actuator=FacilityId(body.actuator),
        action=body.action,
        parameters=body.parameters.given(),
        reason=body.reason,
    )
    made = await service.desk.ask(request, who)
    if isinstance(made, Declined):
        raise Problem(HTTPStatus.CONFLICT, made.code, reasons=made.reasons)
    return view(made, service.park)


@router.get("/tickets/{ticket}", **says(TicketShape))
async def ticket(ticket: str, service: Service, who: Who) -> dict[str, Json]:
    """Return one ticket, what became of it included."""
    return view(_ticket(ticket, who, service), service.park)


@router.post("/tickets/{ticket}/approve", **says(TicketShape))
async def approve(ticket: str, body: Agreement, service: Service, who: Who) -> dict[str, Json]:
    """Agree to it as the second person: another identity in another session (I9)."""
    found = _ticket(ticket, who, service)
    if not who.has(MAY_OPEN):
        raise no_authority()
    made = await service.tickets.approve(found, who, content_hash=body.content_hash)
    return view(_done(made), service.park)


@router.delete("/tickets/{ticket}", status_code=HTTPStatus.NO_CONTENT)
async def end(ticket: str, service: Service, who: Who) -> None:
    """Withdraw one's own ticket, or refuse another's: before or after it was agreed to, until it is used."""
    _done(await service.tickets.end(_ticket(ticket, who, service), who))


def _ticket(name: str, who: Person, service: Service) -> Ticket:
    found = service.tickets.find(name)
    if found is None:
        raise not_found()
    find.actuator(found.actuator, who, service)
    return found


def _done(made: Ticket | Cause) -> Ticket:
    if isinstance(made, Cause):
        raise Problem(HTTPStatus.CONFLICT, made.code.value, reasons=causes([made]))
    return made
