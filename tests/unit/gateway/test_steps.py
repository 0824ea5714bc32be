"""A drive that opens in steps: one step at a time, and none from an opening that nobody knows."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import cast

import pytest

from domain.admission import Direction
from domain.command import Action, Event, Phase, State
from domain.drive import Setpoint, Write
from domain.ids import CommandId, PointRef
from domain.quality import Quality
from domain.refusal import Cause, Code
from domain.sample import NEVER_READ, Reading
from gateway.executor import Executor
from gateway.field import Field
from gateway.job import Job
from gateway.ledger_entry import Entry
from gateway.plc import Withheld
from gateway.proof import Seen
from gateway.transcript import Transcript
from gateway.travels import Travels
from runtime.clock import ManualClock
from tests.unit.control.world import OUTLET, PARK

GATE = replace(
    PARK.actuators[OUTLET],
    drive=Setpoint(word=0, stop=1, step_percent=25.0),
    feedback=replace(PARK.actuators[OUTLET].feedback, position="position"),
)


class Site:
    """A field, its only station and the transcript of both; the gate goes where it is told to, at once."""

    def __init__(self, opening: Reading) -> None:
        self.opening = opening
        self.sent: list[float] = []
        self.told: list[tuple[Event, list[Code]]] = []
        self.tasks: list[asyncio.Task[object]] = []
        self.poller = self.link = self

    def reading(self, ref: PointRef) -> Reading:
        return self.opening if ref.endswith("/position") else NEVER_READ

    def seen(self, _actuator: object, _since_s: float) -> Seen:
        end = 100.0 if self.opening.value == 100.0 else None
        return Seen(opened=good(end is not None), closed=good(value=False), percent=self.opening)

    def station_of(self, _actuator: object) -> "Site":
        return self

    def groups_of(self, _actuator: object) -> frozenset[str]:
        return frozenset()

    @contextlib.contextmanager
    def hurry(self, _groups: object) -> Iterator[None]:
        yield

    def poll_now(self, _groups: object) -> None:
        """What it reads is always new."""

    async def polled(self, _timeout_s: float) -> None:
        await asyncio.sleep(0)

    async def write(self, write: Write, *, permit: Callable[[], bool]) -> None:
        if not permit():
            raise Withheld
        self.sent.append(write.value / 10)
        self.opening = good(write.value / 10)

    def timeout_s(self, _actuator: object, _action: object) -> float:
        return 30.0

    def measured(self, *_more: object) -> None:
        """Nobody asks."""

    def advance(self, entry: Entry, event: Event, *, reasons: Sequence[Cause] = (), **_more: object) -> None:
        entry.state = State.OPERATING if event is Event.OPERATE else State.CONFIRMED
        self.told.append((event, [cause.code for cause in reasons]))

    def spawn(self, coro: Coroutine[object, object, None], _name: str) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(coro))


def good(value: float | bool, *, fresh: bool = True) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=fresh)


async def moved(opening: Reading, action: Action, way: Direction) -> Site:
    site = Site(opening)
    executor = Executor(
        cast("Field", site),
        cast("Transcript", site),
        cast("Travels", site),
        clock=ManualClock(),
        spawn=site.spawn,
    )
    entry = Entry(
        id=CommandId("c"), phase=Phase.OPERATE, hash="h", actuator=OUTLET, action=action, author="zhao", reason="",
        parameters={}, state=State.SELECTED, at_ms=0,
    )  # fmt: skip
    executor.start(Job(entry=entry, actuator=GATE, way=way, is_fresh=lambda _grace_s: True))
    await asyncio.gather(*site.tasks)
    return site


async def test_it_opens_one_step_at_a_time() -> None:
    site = await moved(good(0.0), Action.OPEN, Direction.AWAY_FROM_SAFE)
    assert site.sent == [25.0, 50.0, 75.0, 100.0]
    assert site.told[-1] == (Event.POSITION_REACHED, [])


@pytest.mark.parametrize("opening", [NEVER_READ, good(0.0, fresh=False)])
async def test_from_an_opening_that_is_not_known_it_opens_nothing(opening: Reading) -> None:
    site = await moved(opening, Action.OPEN, Direction.AWAY_FROM_SAFE)
    assert site.sent == [], "all the way at once is what the steps are there to prevent"
    assert site.told == [(Event.REFUSE, [Code.STALE_INPUT])]
