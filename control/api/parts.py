"""What the routes work with, put together once by the application; they make nothing of it themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from control.alarms.service import Alarms
from control.audit.checkpoints import Checkpoints
from control.audit.log import AuditLog
from control.bell import Bell
from control.commands.archive import Archive
from control.commands.book import Book
from control.commands.desk import Desk
from control.commands.orders import Orders
from control.commands.overrides import Overrides
from control.commands.tags import Tags
from control.commands.tickets import Tickets
from control.commands.view import View
from control.commissioning.service import Commissioning
from control.commissioning.travels import Travels
from control.database.recorder import Recorder
from control.hand import HandReports
from control.live.hub import Hub
from control.live.image import Image
from control.people.accounts import Accounts
from control.people.limits import Strangers
from control.people.passwords import Passwords
from control.people.provider import Provider
from control.people.roles import Person, facilities_of
from control.people.sessions import Session, Sessions
from control.people.tokens import Tokens
from control.plans.reopener import Reopener
from control.plans.runner import Runner
from control.replica.rank import LEADS, Rank
from domain.ids import FacilityId
from domain.park import Park
from runtime.clock import Clock
from runtime.metrics import Readiness
from stores.port import History
from wire.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The service behind the API."""

    park: Park
    image: Image
    view: View
    desk: Desk
    book: Book
    archive: Archive
    orders: Orders
    tickets: Tickets
    tags: Tags
    overrides: Overrides
    commissioning: Commissioning
    travels: Travels
    runner: Runner
    reopener: Reopener
    alarms: Alarms
    hand_reports: HandReports
    hub: Hub
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    passwords: Passwords
    provider: Provider | None
    """The site's own; None: people sign in here only."""
    strangers: Strangers
    audit: AuditLog
    checkpoints: Checkpoints
    recorder: Recorder
    history: History | None
    clock: Clock
    wall: Clock
    changes: Bell
    health: Callable[[], dict[str, Json]]
    """How the service's own parts are, for people."""
    readiness: Readiness
    registry: CollectorRegistry
    is_https: bool
    rank: Rank = LEADS


def parts(connection: HTTPConnection) -> Parts:
    """Return the service's parts."""
    found = connection.app.state.parts
    assert isinstance(found, Parts)
    return found


# What needs no disk is asynchronous, or each would be handed to a thread and back: twice a request.
async def service(connection: HTTPConnection) -> Parts:
    """Return the service's parts to a route."""
    return parts(connection)


async def person(connection: HTTPConnection) -> Person:
    """Return who asks; the guard has found them."""
    found = connection.state.person
    assert isinstance(found, Person)
    return found


async def session(connection: HTTPConnection) -> Session:
    """Return the session in which they ask."""
    found = connection.state.session
    assert isinstance(found, Session)
    return found


Service = Annotated[Parts, Depends(service)]
Who = Annotated[Person, Depends(person)]
In = Annotated[Session, Depends(session)]


def area_of(who: Person, park: Park) -> frozenset[FacilityId] | None:
    """Return the facilities that `who` may see; None: all."""
    return facilities_of(who, park) if who.is_confined else None
