"""The gateway counts up the registers of PLCs that want it, at their period, and calls nobody who has no connection."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from domain.drive import Write
from domain.errors import LinkTimeout
from domain.park import PlcHeartbeat
from gateway.field import Field
from gateway.plc_heartbeat import PlcHeartbeats
from runtime.clock import ManualClock


@dataclass
class Link:
    fault: str | None = None
    is_silent: bool = False
    counts: list[int] = field(default_factory=list)

    async def write(self, write: Write, *, permit: Callable[[], bool]) -> None:
        assert permit()
        if self.is_silent:
            message = "no answer"
            raise LinkTimeout(message)
        self.counts.append(write.value)


def world(heartbeat: PlcHeartbeat | None, link: Link) -> Field:
    device = SimpleNamespace(id="plc", heartbeat=heartbeat)
    station = SimpleNamespace(image=SimpleNamespace(device=device), link=link)
    return cast("Field", SimpleNamespace(stations={"plc": station}))


async def looks(heartbeat: PlcHeartbeat | None, link: Link, *, seconds: float, clock: ManualClock) -> bool:
    tasks: list[asyncio.Task[None]] = []

    def spawn(coro: Coroutine[object, object, None], name: str) -> object:
        tasks.append(asyncio.create_task(cast("Coroutine[object, None, None]", coro), name=name))
        return tasks[-1]

    beats, has_one = PlcHeartbeats(world(heartbeat, link), clock=clock, spawn=spawn), False
    for _ in range(round(seconds / 0.1)):
        has_one = beats.look()
        clock.advance(0.1)
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return has_one


def test_it_counts_at_the_period() -> None:
    link = Link()
    beat = PlcHeartbeat(word=5, period_s=1.0)
    assert asyncio.run(looks(beat, link, seconds=5.0, clock=ManualClock()))
    assert link.counts == [1, 2, 3, 4, 5]


def test_nobody_is_counted_who_has_no_heartbeat_or_no_connection() -> None:
    link = Link()
    assert not asyncio.run(looks(None, link, seconds=3.0, clock=ManualClock()))
    lost = Link(fault="no connection")
    assert asyncio.run(looks(PlcHeartbeat(word=5, period_s=1.0), lost, seconds=3.0, clock=ManualClock()))
    assert link.counts == lost.counts == []


def test_a_count_that_is_not_answered_ends_nothing() -> None:
    link = Link(is_silent=True)
    assert asyncio.run(looks(PlcHeartbeat(word=5, period_s=0.5), link, seconds=2.0, clock=ManualClock()))
    assert link.counts == []
