"""Keeps the operation tickets (操作票): asked for by one person, agreed to by a second, used by one operate (I9).

They are in the database: a restart of control loses none. What a move away from safe needs beside them is decided elsewhere.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import SYSTEM
from control.bell import Bell
from control.commands.ticket import (
    OPEN,
    Ticket,
    TicketEvent,
    approved,
    ended,
    objection,
    overdue,
    unusable,
)
from control.commands.ticket_entries import row, told
from control.commands.ticket_entries import ticket as ticket_of
from control.database.change import Write
from control.database.ledger import Superseded
from control.database.recorder import Recorder
from control.database.tables import TICKETS
from control.people.roles import Person
from domain.approval import Consent, consent
from domain.command import Action
from domain.definition import definition_hashes
from domain.errors import StorageError
from domain.ids import FacilityId
from domain.park import Park
from domain.refusal import Cause, Code
from domain.words import Words
from runtime.clock import Clock

OPEN_MAX = 100
"""Tickets that may be open; one more is refused: each is a question to somebody."""
KEPT_MAX = 200
"""Tickets shown; older ones are in the database and the audit."""
LOOK_S = 1.0
"""Wall seconds between two looks at what has lapsed."""


class Tickets:
    """Every open ticket, and the last of the others."""

    def __init__(
        self,
        park: Park,
        recorder: Recorder,
        clock: Clock,
        changes: Bell,
        *,
        is_gone: Callable[[str], bool] = lambda _username: False,
    ) -> None:
        """`is_gone`: whether this person was shut out; then their word counts no more."""
        self._park = park
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self._is_gone = is_gone
        self._definitions = {
            key: definition_hashes(park, actuator) for key, actuator in park.actuators.items()
        }
        self._held: dict[str, Ticket] = {}
        self._open: dict[FacilityId, tuple[Ticket, ...]] = {}
        self._turn = asyncio.Lock()
        """Who asks: one after the other, so that the second sees what the first has asked for."""
        self._busy: set[str] = set()
        """Tickets of which something is being written: nothing else is decided of them meanwhile."""

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds; what its actuator's definition has changed under is void."""
        newest = select(TICKETS.c.id).order_by(TICKETS.c.asked_ms.desc()).limit(KEPT_MAX)
        is_open = TICKETS.c.state.in_([state.value for state in OPEN])
        wanted = select(TICKETS.c.body).where(TICKETS.c.id.in_(newest) | is_open).order_by(TICKETS.c.asked_ms)
        async with engine.connect() as connection:
            bodies = (await connection.scalars(wanted)).all()
        for found in map(ticket_of, bodies):
            self._put(found)
            if found.is_open and self._definitions.get(found.actuator) != found.definition:
                await self._end(found, TicketEvent.VOID)

    def find(self, ticket: str) -> Ticket | None:
        """Return a ticket, open or ended."""
        return self._held.get(ticket)

    def all_open(self) -> tuple[Ticket, ...]:
        """Return what waits or may be used, oldest first."""
        return tuple(item for item in self._held.values() if item.is_open)

    def open_on(self, actuator: FacilityId) -> tuple[Ticket, ...]:
        """Return what of it is for `actuator`."""
        return self._open.get(actuator, ())

    async def ask(
        self,
        actuator: FacilityId,
        action: Action,
        parameters: Mapping[str, float],
        who: Person,
        *,
        reason: str,
    ) -> Ticket | Cause:
        """Note a wish. Raises StorageError: without the log nobody asks."""
        async with self._turn:
            return await self._ask(actuator, action, parameters, who, reason)

    async def _ask(
        self, actuator: FacilityId, action: Action, parameters: Mapping[str, float], who: Person, reason: str
    ) -> Ticket | Cause:
        mine = [item for item in self.open_on(actuator) if item.by == who.username]
        if mine:
            words = Words("您对此设备已有操作票", "you have a ticket for it already")
            return Cause(code=Code.MODE, detail=words, values={"ticket": mine[0].id})
        if len(self.all_open()) >= OPEN_MAX:
            words = Words("待复核的操作票过多", "too many tickets wait for a second person")
            return Cause(code=Code.MODE, detail=words)
        new = Ticket(
            id=secrets.token_hex(16),
            actuator=actuator,
            action=action,
            parameters=parameters,
            reason=reason,
            definition=self._definitions[actuator],
            by=who.username,
            session=who.session,
            asked_ms=self._clock.now_ms(),
        )
        await self._recorder.commit(told(new, self._park, actor=who.username, at_ms=new.asked_ms))
        self._put(new)
        return new

    async def approve(self, ticket: Ticket, who: Person, *, content_hash: str) -> Ticket | Cause:
        """Note the second person's word. Raises StorageError: it counts once it is written."""
        now_ms = self._clock.now_ms()
        cause = objection(ticket, who, content_hash=content_hash, now_ms=now_ms)
        if cause is None and self._definitions[ticket.actuator] != ticket.definition:
            cause = Cause(code=Code.DEFINITION)
        if cause is not None:
            return cause
        return await self._write(ticket, approved(ticket, who, now_ms=now_ms), by=who.username)

    async def end(self, ticket: Ticket, who: Person) -> Ticket | Cause:
        """Withdraw one's own ticket or refuse another's; without the log too. Raises Superseded: then it is another's to end."""
        event = TicketEvent.WITHDRAW if ticket.by == who.username else TicketEvent.REFUSE
        if not ticket.is_open:
            words = Words("操作票已经结束", "the ticket is over already")
            return Cause(code=Code.MODE, detail=words)
        after = ended(ticket, event, by=who.username, now_ms=self._clock.now_ms())
        try:
            return await self._write(ticket, after, by=who.username)
        except Superseded:
            raise
        except StorageError:
            # A word that is taken back opens nothing any more, whether or not that can be written now.
            self._put(after)
            await self._recorder.keep(told(after, self._park, actor=who.username, at_ms=self._clock.now_ms()))
            return after

    def usable(
        self,
        ticket: str,
        actuator: FacilityId,
        action: Action,
        parameters: Mapping[str, float],
        *,
        author: str,
    ) -> Consent | Cause:
        """Return the consent under which `author` may make this move now, or why there is none."""
        if ticket in self._busy:
            return Cause(code=Code.BUSY)
        found = self._held.get(ticket)
        if found is None:
            words = Words("没有这张操作票", "there is no such ticket")
            return Cause(code=Code.APPROVAL, detail=words)
        cause = unusable(
            found,
            author=author,
            actuator=actuator,
            action=action,
            parameters=parameters,
            definition=self._definitions.get(actuator, ("", "")),
            now_ms=self._clock.now_ms(),
        )
        if cause is not None:
            return cause
        assert found.approval is not None
        if self._is_gone(found.approval.by):
            words = Words(
                "同意人已停用,请撤回后重新申请", "who agreed was shut out: withdraw it and ask again"
            )
            return Cause(code=Code.APPROVAL, detail=words, values={"by": found.approval.by})
        return consent(found.approval)

    @contextmanager
    def using(self, ticket: str | None, *, by: str) -> Iterator[tuple[Write, ...]]:
        """Use a usable ticket up: yield what has to be written of it with the operate. What fails leaves it as it was."""
        if ticket is None:
            yield ()
            return
        before = self._held[ticket]
        after = ended(before, TicketEvent.USE, by=by, now_ms=self._clock.now_ms())
        self._put(after)
        try:
            yield (row(after),)
        except BaseException:
            self._put(before)
            raise

    async def run(self, speaks: Callable[[], bool]) -> None:
        """Drop what has lapsed, for ever; `speaks`: of two controls, whether it is this one that does."""
        while True:
            if speaks():
                await self.look()
            await self._clock.sleep(0.0, floor_s=LOOK_S)

    async def look(self) -> None:
        """Drop what nobody agreed to, or what nobody used, in time."""
        for item in overdue(self.all_open(), now_ms=self._clock.now_ms()):
            # As it was found: while another one's end was being written it may have been ended by a person.
            if item.id not in self._busy and self._held.get(item.id) is item:
                await self._end(item, TicketEvent.LAPSE)

    async def _end(self, ticket: Ticket, event: TicketEvent) -> None:
        now_ms = self._clock.now_ms()
        after = ended(ticket, event, by=SYSTEM, now_ms=now_ms)
        self._put(after)
        await self._recorder.keep(told(after, self._park, actor=SYSTEM, at_ms=now_ms))

    async def _write(self, before: Ticket, after: Ticket, *, by: str) -> Ticket | Cause:
        """Let `after` stand once it is written; nobody decides of it twice meanwhile. Raises StorageError."""
        if before.id in self._busy:
            return Cause(code=Code.BUSY)
        self._busy.add(before.id)
        try:
            await self._recorder.commit(told(after, self._park, actor=by, at_ms=self._clock.now_ms()))
        finally:
            self._busy.discard(before.id)
        self._put(after)
        return after

    def _put(self, ticket: Ticket) -> None:
        self._held[ticket.id] = ticket
        others = tuple(item for item in self.open_on(ticket.actuator) if item.id != ticket.id)
        self._open[ticket.actuator] = (*others, ticket) if ticket.is_open else others
        if len(self._held) > KEPT_MAX:
            over = [key for key, item in self._held.items() if not item.is_open]
            for key in over[: len(self._held) - KEPT_MAX]:
                del self._held[key]
        self._changes.ring()
