"""The tickets that control keeps: written before they count, used once, gone by themselves, and void under another definition."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from control.bell import Bell
from control.commands.ticket import Ticket, TicketState
from control.commands.ticket_entries import row
from control.commands.tickets import OPEN_MAX, Tickets
from control.database.change import Change
from control.database.ledger import Ledger, Superseded
from control.database.recorder import Recorder
from control.people.roles import Person, Role
from domain.approval import VALID_MS, Consent
from domain.command import Action
from domain.definition import definition_hashes
from domain.errors import StorageError
from domain.refusal import Cause, Code
from runtime.clock import ManualClock
from tests.fakes.memory_database import MemoryDatabase
from tests.unit.control.world import OUTLET, PARK, person

ASKER = replace(person(Role.OPERATOR), session="s1")
SECOND = replace(person(Role.SHIFT_CHIEF, username="qian"), session="s2")


class Kept:
    """A recorder that remembers, and may be gone."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.is_available = True

    async def commit(self, change: Change) -> None:
        if not self.is_available:
            raise StorageError("gone")
        self.changes.append(change)

    async def keep(self, change: Change) -> None:
        self.changes.append(change)

    @property
    def kinds(self) -> list[str]:
        return [entry.kind for change in self.changes for entry in change.entries]


class House:
    def __init__(self) -> None:
        self.clock, self.kept = ManualClock(), Kept()
        self.tickets = Tickets(PARK, cast("Recorder", self.kept), self.clock, Bell())

    async def asked(self, who: Person = ASKER) -> Ticket:
        made = await self.tickets.ask(OUTLET, Action.OPEN, {}, who, reason="恢复")
        assert isinstance(made, Ticket)
        return made

    async def agreed(self) -> Ticket:
        asked = await self.asked()
        made = await self.tickets.approve(asked, SECOND, content_hash=asked.content_hash)
        assert isinstance(made, Ticket)
        return made

    def usable(self, ticket: Ticket) -> Consent | Cause:
        return self.tickets.usable(ticket.id, OUTLET, Action.OPEN, {}, author="zhao")


async def test_a_ticket_is_agreed_to_and_used_once() -> None:
    house = House()
    ticket = await house.agreed()
    found = house.usable(ticket)
    assert isinstance(found, Consent)
    assert (found.by, found.content_hash, found.basis) == ("qian", ticket.content_hash, "")
    with house.tickets.using(ticket.id, by="zhao") as writes:
        assert [(item.table, item.row["state"]) for item in writes] == [("tickets", "used")]
    assert isinstance(house.usable(ticket), Cause)
    assert house.tickets.open_on(OUTLET) == house.tickets.all_open() == ()
    assert house.kept.kinds == ["ticket.asked", "ticket.approved"], "its use is told by the operate"
    with house.tickets.using(None, by="zhao") as nothing:
        assert nothing == ()


async def test_an_operate_that_was_not_written_uses_nothing_up() -> None:
    house = House()
    ticket = await house.agreed()
    with pytest.raises(StorageError), house.tickets.using(ticket.id, by="zhao"):
        raise StorageError("gone")
    assert isinstance(house.usable(ticket), Consent)
    assert house.tickets.open_on(OUTLET) == (ticket,)


async def test_without_the_log_nobody_asks_or_agrees() -> None:
    house = House()
    house.kept.is_available = False
    with pytest.raises(StorageError):
        await house.asked()
    assert house.tickets.all_open() == ()
    house.kept.is_available = True
    ticket = await house.asked()
    house.kept.is_available = False
    with pytest.raises(StorageError):
        await house.tickets.approve(ticket, SECOND, content_hash=ticket.content_hash)
    assert house.tickets.find(ticket.id) == ticket
    assert isinstance(house.usable(ticket), Cause)


async def test_a_word_is_taken_back_whatever_the_log_does() -> None:
    for who, state in ((ASKER, TicketState.WITHDRAWN), (SECOND, TicketState.REFUSED)):
        house = House()
        ticket = await house.agreed()
        house.kept.is_available = False
        gone = await house.tickets.end(ticket, who)
        assert isinstance(gone, Ticket)
        assert (gone.state, house.kept.kinds[-1]) == (state, f"ticket.{state.value}")
        house.kept.is_available = True
        assert isinstance(house.usable(ticket), Cause), "the log is back, and what was taken back is not"


async def test_under_another_leader_nothing_is_taken_back_here() -> None:
    house = House()
    ticket = await house.agreed()

    async def commit(_change: Change) -> None:
        raise Superseded("another control leads now")

    house.kept.commit = commit  # type: ignore[method-assign]
    with pytest.raises(Superseded):
        await house.tickets.end(ticket, SECOND)
    assert house.tickets.find(ticket.id) == ticket, "who asked is sent to that one, where it stands"


async def test_nobody_decides_of_a_ticket_while_something_is_written_of_it() -> None:
    house = House()
    ticket = await house.agreed()

    async def commit(_change: Change) -> None:
        found = house.usable(ticket)
        assert isinstance(found, Cause)
        assert found.code is Code.BUSY
        again = await house.tickets.end(ticket, SECOND)
        assert isinstance(again, Cause)
        assert again.code is Code.BUSY

    house.kept.commit = commit  # type: ignore[method-assign]
    gone = await house.tickets.end(ticket, ASKER)
    assert isinstance(gone, Ticket)
    assert (gone.state, gone.ended_by) == (TicketState.WITHDRAWN, "zhao")


async def test_one_at_a_time_for_each_device_and_person_and_not_too_many() -> None:
    house = House()
    await house.asked()
    again = await house.tickets.ask(OUTLET, Action.OPEN, {}, ASKER, reason="")
    assert isinstance(again, Cause)
    assert again.code is Code.MODE
    for number in range(OPEN_MAX - 1):
        await house.asked(replace(ASKER, username=f"p{number}"))
    assert isinstance(await house.tickets.ask(OUTLET, Action.OPEN, {}, SECOND, reason=""), Cause)


async def test_it_lapses_by_itself_and_that_is_on_record() -> None:
    house = House()
    waiting, agreed = await house.asked(replace(ASKER, username="li")), await house.agreed()
    house.clock.advance(VALID_MS / 1000 - 0.001)
    await house.tickets.look()
    assert {waiting.id, agreed.id} == {item.id for item in house.tickets.all_open()}
    house.clock.advance(0.002)
    await house.tickets.look()
    await house.tickets.look()
    assert house.tickets.all_open() == ()
    assert house.kept.kinds[-2:] == ["ticket.lapsed"] * 2
    late = await house.tickets.end(agreed, ASKER)
    assert isinstance(late, Ticket | Cause)


async def test_what_is_withdrawn_while_the_disk_takes_its_time_does_not_lapse() -> None:
    house = House()
    first, second = await house.asked(replace(ASKER, username="li")), await house.asked()
    keep = house.kept.commit

    async def slow(change: Change) -> None:
        house.kept.keep = keep  # type: ignore[method-assign]
        await house.tickets.end(second, ASKER)
        await keep(change)

    house.clock.advance(VALID_MS / 1000)
    house.kept.keep = slow  # type: ignore[method-assign]
    await house.tickets.look()
    assert house.kept.kinds[2:] == ["ticket.withdrawn", "ticket.lapsed"]
    found = house.tickets.find(second.id), house.tickets.find(first.id)
    assert [item.state for item in found if item] == [TicketState.WITHDRAWN, TicketState.LAPSED]


async def test_a_refusal_is_the_other_persons_and_final() -> None:
    house = House()
    ticket = await house.agreed()
    gone = await house.tickets.end(ticket, SECOND)
    assert isinstance(gone, Ticket)
    assert (gone.state, gone.ended_by, house.kept.kinds[-1]) == (
        TicketState.REFUSED,
        "qian",
        "ticket.refused",
    )
    assert isinstance(await house.tickets.end(gone, ASKER), Cause)
    assert isinstance(house.tickets.usable("nothing", OUTLET, Action.OPEN, {}, author="zhao"), Cause)


async def test_after_a_restart_they_are_as_they_were_but_for_what_is_defined_otherwise() -> None:
    database = MemoryDatabase()
    ledger = Ledger(database.engine())
    await ledger.load()
    writing = asyncio.get_running_loop().create_task(ledger.run())
    before = House()
    agreed, waiting = await before.agreed(), await before.asked(replace(ASKER, username="li"))
    edited = replace(waiting, id="e" * 32, definition=("another", "drive"))
    over = replace(waiting, id="d" * 32, state=TicketState.LAPSED, definition=("another", "drive"))
    await ledger.commit(Change(writes=tuple(row(item) for item in (agreed, waiting, edited, over))))
    after = House()
    await after.tickets.load(ledger.engine)
    writing.cancel()
    assert agreed.definition == definition_hashes(PARK, PARK.actuators[OUTLET])
    assert after.tickets.all_open() == (agreed, waiting)
    assert isinstance(after.usable(agreed), Consent)
    voided = after.tickets.find(edited.id)
    assert voided is not None
    assert (voided.state, after.kept.kinds) == (TicketState.VOID, ["ticket.void"])
    assert after.tickets.find(over.id) == over
