"""What goes out on the command topic, and that no command waits for another's broker or disk."""

import asyncio
from dataclasses import replace
from typing import cast

from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Desk
from control.commands.orders import Orders
from control.commands.pen import Pen
from control.commands.sender import Sender
from control.commands.term import Term
from control.commands.tracked import Tracked
from control.commands.view import View
from control.database.change import Change
from control.database.recorder import Recorder
from domain.command import Phase, State
from domain.errors import StorageError
from domain.ids import CommandId, FacilityId
from runtime.clock import ManualClock
from runtime.mqtt import MqttLink
from tests.unit.control.test_lifecycle import NOW_MS, made
from tests.unit.control.world import GW, OUTLET, PARK, RIVER, image
from wire.signing import Signer


class Stuck:
    """A link whose broker never answers for one command, a recorder that keeps all, a pen that signs all."""

    is_connected = True

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def publish(self, topic: str, payload: bytes, *, qos: int) -> None:
        self.sent.append(payload)
        if payload == b"ab" * 16:
            await asyncio.get_running_loop().create_future()

    async def keep(self, change: Change) -> None:
        await asyncio.sleep(0)

    def can_sign(self, tracked: Tracked) -> bool:
        return tracked.wanted is not None

    def sign(self, tracked: Tracked) -> Tracked:
        return tracked.signed(Phase.OPERATE, tracked.id.encode())


async def test_a_command_waits_for_no_other() -> None:
    stuck, book, clock, changes = Stuck(), Book(), ManualClock(now_ms=NOW_MS), Bell()
    sender = Sender(
        cast("MqttLink", stuck), image(), book, cast("Pen", stuck), cast("Desk", stuck),
        cast("Recorder", stuck), clock, changes,
    )  # fmt: skip
    first = replace(made(), gateway=GW)
    other = replace(first.command, id=CommandId("cd" * 16), actuator=RIVER)
    assert first.command.actuator == OUTLET
    book.put(first, now_s=clock.monotonic())
    book.put(replace(first, command=other), now_s=clock.monotonic())
    task = asyncio.create_task(sender.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert stuck.sent == [b"ab" * 16, b"cd" * 16]
    third = replace(first.command, id=CommandId("ef" * 16), actuator=RIVER)
    book.put(replace(first, command=third), now_s=clock.monotonic())
    changes.ring()
    for _ in range(20):
        await asyncio.sleep(0)
    assert stuck.sent == [b"ab" * 16, b"cd" * 16, b"ef" * 16]
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_an_opening_leaves_once_the_database_knows_and_a_closure_waits_for_none() -> None:
    class Gone(Stuck):
        is_gone = True

        async def commit(self, change: Change) -> None:
            if self.is_gone:
                raise StorageError("gone")

    stuck, book, clock, changes = Gone(), Book(), ManualClock(now_ms=NOW_MS), Bell()
    sender = Sender(
        cast("MqttLink", stuck), image(), book, cast("Pen", stuck), cast("Desk", stuck),
        cast("Recorder", stuck), clock, changes,
    )  # fmt: skip
    closure = replace(made(), gateway=GW)
    away = replace(closure.command, id=CommandId("cd" * 16), actuator=RIVER)
    opening = replace(closure, command=away, is_away=True)
    for item in (opening, closure):
        book.put(item, now_s=clock.monotonic())
    task = asyncio.create_task(sender.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert stuck.sent == [b"ab" * 16]
    held = book.get(opening.id)
    assert held is not None
    assert held.sent == frozenset()
    stuck.is_gone = False
    changes.ring()
    for _ in range(20):
        await asyncio.sleep(0)
    assert stuck.sent == [b"ab" * 16, b"cd" * 16]
    task.cancel()
    await asyncio.wait({task})


async def test_what_the_park_no_longer_has_keeps_no_command_back() -> None:
    stuck, book, clock, changes = Stuck(), Book(), ManualClock(now_ms=NOW_MS), Bell()
    first = replace(made(), gateway=GW)

    def of_what_is_gone(number: int, state: State) -> Tracked:
        gone = replace(
            first.command, id=CommandId(f"{number:032x}"), actuator=FacilityId("taken_away"), state=state
        )
        return replace(first, command=gone)

    live = image()
    recorder = cast("Recorder", stuck)
    view = View(PARK, live, Orders(PARK), book, recorder, clock)
    pen = Pen(cast("Signer", stuck), view, Term(recorder, clock))
    late = replace(of_what_is_gone(1, State.REQUESTED), expires_ms=NOW_MS - 60_000, messages={})
    book.load([of_what_is_gone(2, State.UNKNOWN), late], now_s=clock.monotonic())
    sender = Sender(cast("MqttLink", stuck), live, book, pen, cast("Desk", stuck), recorder, clock, changes)
    book.put(first.signed(Phase.OPERATE, b"to go"), now_s=clock.monotonic())
    task = asyncio.create_task(sender.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    assert stuck.sent == [b"to go"]
    assert book.doubted() == ()
    ended = book.get(late.id)
    assert ended is not None
    assert ended.state.is_final
    task.cancel()
    await asyncio.wait({task})
