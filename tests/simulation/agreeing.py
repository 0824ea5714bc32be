"""How people come to a second person's word before they move something away from safe, and what they try instead of it."""

from typing import Any

from control.api import tickets as routes
from control.api.models import Agreement, NewTicket, Parameters
from control.api.parts import Parts
from control.people.roles import Person, Role
from domain.ids import FacilityId
from tests.simulation.people import STAFF, WORKING, Reply, Town

OTHER_CONTENT = "0" * 64
COLLEAGUES = tuple(sorted(key for key in WORKING if Role.OPERATOR in STAFF[key]))


async def agreed(
    town: Town, name: str, actuator: FacilityId, action: str, percent: float | None
) -> str | None:
    """Ask for a ticket, and have a colleague agree to it as most do; None: nobody did, or there is no ticket."""
    asked = await ask(town, name, actuator, action, percent)
    if asked.code != "accepted":
        return None
    ticket, content = str(asked.body["id"]), str(asked.body["content_hash"])
    how = town.draw.random()
    colleague = town.draw.choice([key for key in COLLEAGUES if key != name])
    await town.rest(0.3 * town.draw.random())
    if how < 0.03:  # nobody looks: it is tried all the same, and given up
        await town.select(name, actuator, action, percent, ticket=ticket)
        await end(town, name, ticket)
        return None
    if how < 0.05:
        await end(town, colleague, ticket)
        return None
    if how < 0.09:
        await countersign(town, name, ticket, content)
    if how < 0.12:
        await countersign(town, colleague, ticket, OTHER_CONTENT)
    for _ in range(2):
        reply = await countersign(town, colleague, ticket, content)
        if reply.code == "accepted":
            return ticket
        if reply.code != "no-answer":
            break
        await town.rest(0.5)
    await end(town, name, ticket)
    return None


async def ask(town: Town, name: str, actuator: FacilityId, action: str, percent: float | None) -> Reply:
    """Ask for a ticket."""

    async def doing(parts: Parts, who: Person) -> Any:
        body = NewTicket(
            actuator=actuator, action=action, parameters=Parameters(opening_percent=percent), reason=""
        )
        return await routes.ask(body, parts, who)

    return await town.ask(
        name, "ticket", ("POST", "/tickets"), doing, actuator=actuator, action=action, opening_percent=percent
    )


async def countersign(town: Town, name: str, ticket: str, content: str) -> Reply:
    """Agree to a ticket."""

    async def doing(parts: Parts, who: Person) -> Any:
        return await routes.approve(ticket, Agreement(content_hash=content), parts, who)

    route = ("POST", "/tickets/{ticket}/approve")
    return await town.ask(name, "countersign", route, doing, detail=ticket, content_hash=content)


async def end(town: Town, name: str, ticket: str) -> Reply:
    """Withdraw one's own ticket, or refuse a colleague's."""

    async def doing(parts: Parts, who: Person) -> Any:
        await routes.end(ticket, parts, who)

    return await town.ask(name, "end a ticket", ("DELETE", "/tickets/{ticket}"), doing, detail=ticket)
