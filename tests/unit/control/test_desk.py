"""Two words about one select at once: each waits for the disk, and only the first is taken."""

import asyncio
from typing import cast

from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Accepted, Declined, Desk
from control.commands.gate import Clear, Request
from control.commands.pen import Pen
from control.commands.tickets import Tickets
from control.commands.tracked import Tracked
from control.commands.view import View
from control.database.change import Change
from control.database.recorder import Recorder
from control.people.roles import Person
from domain.admission import Direction
from domain.command import Action, Phase, State
from runtime.clock import ManualClock
from tests.unit.control.test_lifecycle import NOW_MS, made
from tests.unit.control.world import OUTLET, PARK, person


class Around:
    """A gate that finds nothing against anything, a pen that signs all, and a disk that takes its time."""

    park = PARK

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def consider(
        self, request: Request, who: Person, *, but: object = None, asks_second: bool = True
    ) -> Clear:
        return Clear(way=Direction.AWAY_FROM_SAFE, warnings=())

    def sign(self, tracked: Tracked) -> Tracked:
        return tracked if tracked.wanted is None else tracked.signed(tracked.wanted, b"signed")

    async def commit(self, change: Change) -> None:
        await asyncio.sleep(0)
        self.kinds += [entry.kind for entry in change.entries]

    keep = commit


def desk(around: Around) -> tuple[Desk, Tracked, Book]:
    book, clock = Book(), ManualClock(now_ms=NOW_MS)
    held = made(State.SELECTED, is_away=True, wanted=Phase.SELECT)
    book.put(held, now_s=clock.monotonic())
    view, pen, recorder = cast("View", around), cast("Pen", around), cast("Recorder", around)
    changes = Bell()
    tickets = Tickets(PARK, recorder, clock, changes)
    return Desk(view, book, tickets, pen, recorder, clock, changes), held, book


REQUEST = Request(actuator=OUTLET, action=Action.CLOSE, reason="")
ZHAO = person(username="zhao")


async def test_what_is_being_taken_back_is_not_operated_and_not_taken_back_twice() -> None:
    around = Around()
    here, held, book = desk(around)
    gone, operated, again = await asyncio.gather(
        here.cancel(held.id, ZHAO), here.operate(REQUEST, ZHAO, select=held.id), here.cancel(held.id, ZHAO)
    )
    late = await here.operate(REQUEST, ZHAO, select=held.id)
    assert [type(item) for item in (gone, operated, again, late)] == [Accepted, Declined, Accepted, Declined]
    now = book.get(held.id)
    assert now is not None
    assert now.wanted is Phase.CANCEL
    assert around.kinds.count("command.cancel") == 1


async def test_what_is_being_operated_is_not_taken_back() -> None:
    around = Around()
    here, held, book = desk(around)
    operated, gone = await asyncio.gather(
        here.operate(REQUEST, ZHAO, select=held.id), here.cancel(held.id, ZHAO)
    )
    assert isinstance(operated, Accepted)
    assert isinstance(gone, Declined), "it would be said to be taken back, and opens"
    now = book.get(held.id)
    assert now is not None
    assert now.wanted is Phase.OPERATE
    assert around.kinds == ["command.operate"]
