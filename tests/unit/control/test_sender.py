"""What goes out on the command topic, and that no command waits for another's broker or disk."""

import asyncio
from dataclasses import replace
from typing import cast

from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Desk
from control.commands.pen import Pen
from control.commands.sender import Sender
from control.commands.tracked import Tracked
from control.database.change import Change
from control.database.recorder import Recorder
from domain.command import Phase
from domain.ids import CommandId
from runtime.clock import ManualClock
from runtime.mqtt import MqttLink
from tests.unit.control.test_lifecycle import NOW_MS, made
from tests.unit.control.world import GW, OUTLET, RIVER, image


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
