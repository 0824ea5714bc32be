"""One poller on a real socket: what a PLC refuses is learnt, what lies costs its neighbour nothing, silence is said once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from domain.drive import Table
from domain.ids import FacilityId
from domain.park import Device, Point, PollGroup, Register, RegisterType
from domain.quality import Quality, Reason
from domain.words import Words
from gateway.field import Station
from gateway.image import DeviceImage, Rows, Told
from gateway.plc import PlcLink
from gateway.poller import Poller, Turn
from gateway.polling import Polling
from gateway.stations import Lines
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock, ClockPage, RealClock
from runtime.liveness import Liveness
from tests.service.gateway.liar import Liar, device, framed, honest, registers

FAST, SLOW = "fast", "slow"
GROUPS = {
    FAST: PollGroup(name=FAST, period_s=0.02, is_critical=True),
    SLOW: PollGroup(name=SLOW, period_s=0.1),
}


def points(made: Device, addresses: Sequence[int], group: str = FAST) -> list[Point]:
    return [
        Point(
            facility=FacilityId("f"),
            name=f"p{address}",
            words=Words("点", "point"),
            device=made.id,
            register=Register(table=Table.HOLDING, address=address, type=RegisterType.UINT16),
            unit="",
            group=group,
        )
        for address in addresses
    ]


@dataclass
class Polled:
    image: DeviceImage
    poller: Poller
    told: list[Told] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def of(self, name: str) -> list[Told]:
        return [item for item in self.told if item.point.name == name]

    async def until(self, *, polls: int = 1) -> None:
        async with asyncio.timeout(10):
            for _ in range(polls):
                await self.poller.polled(10)


def made(folder: Path, plc: Liar, listed: Sequence[Sequence[int]], clock: Clock) -> Polled:
    """Return what would poll the addresses listed for each group."""
    target = device(plc.port)
    object.__setattr__(target, "groups", GROUPS)
    image = DeviceImage(
        target,
        [p for group, each in zip(GROUPS, listed, strict=False) for p in points(target, each, group)],
        [],
    )
    poller = Poller(
        image,
        PlcLink(target, Lines(clock).of(target)),
        clock=clock,
        times=Timekeeper(folder / f"ceiling{plc.port}", clock, is_slewed=True),
        metrics=TelemetryMetrics(CollectorRegistry()),
        start_after_s=0.0,
        floor_s=0.01,
    )
    found = Polled(image, poller)

    def tell(image: DeviceImage, rows: Rows, turn: Turn) -> None:
        found.told += image.told(rows.tolist())
        found.turns.append(turn)

    poller.listen(tell, lambda image: None)
    return found


@contextlib.asynccontextmanager
async def polled(folder: Path, plc: Liar, listed: Sequence[Sequence[int]]) -> AsyncIterator[Polled]:
    """Poll the addresses listed for each group."""
    found = made(folder, plc, listed, RealClock())
    task = asyncio.ensure_future(found.poller.run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_refused_address_is_learnt_and_its_neighbours_are_read(tmp_path: Path) -> None:
    async def refuses(request: bytes, writer: asyncio.StreamWriter) -> None:
        start, count = (int.from_bytes(request[n : n + 2], "big") for n in (8, 10))
        is_legal = 37 not in range(start, start + count)
        writer.write(framed(request, registers(request) if is_legal else b"\x83\x02"))

    async with Liar(refuses).serving() as plc, polled(tmp_path, plc, [range(100)]) as seen:
        await seen.until(polls=3)
        learnt = len(plc.requests)
        await seen.until(polls=3)
        told = {item.point.name: item for item in seen.told}
        assert (told["p37"].quality, told["p37"].reason) == (Quality.BAD, Reason.ILLEGAL_ADDRESS)
        assert {name for name, item in told.items() if item.quality is Quality.GOOD} == set(told) - {"p37"}
        assert [told[f"p{n}"].value for n in (0, 36, 38, 99)] == [0.0, 36.0, 38.0, 99.0]
        spans = [(int.from_bytes(r[8:10], "big"), int.from_bytes(r[10:12], "big")) for r in plc.requests]
        assert learnt <= 1 + 2 * 7 + 2 * 3, "found by halving"
        assert set(spans[-4:]) == {(0, 37), (38, 62)}, "two reads from then on"
        assert plc.connections == 1


async def test_critical_groups_come_first_and_each_keeps_its_period(tmp_path: Path) -> None:
    async with Liar().serving() as plc, polled(tmp_path, plc, [[1], [500]]) as seen:
        await seen.until(polls=24)
        starts = [int.from_bytes(request[8:10], "big") for request in plc.requests]
        assert starts[0] == 1
        assert 3 <= starts.count(1) / starts.count(500) <= 7


async def test_silence_is_one_change_and_ends_with_a_birth(tmp_path: Path) -> None:
    async def mute(request: bytes, writer: asyncio.StreamWriter) -> None:
        """Say nothing."""

    async with Liar().serving() as plc, polled(tmp_path, plc, [[1, 2]]) as seen:
        await seen.until(polls=2)
        plc.answer = mute
        async with asyncio.timeout(10):
            while Turn.DEATH not in seen.turns:
                await seen.until()
        plc.answer = honest
        async with asyncio.timeout(10):
            while seen.turns.count(Turn.BIRTH) < 2:
                await seen.until()
        reasons = [item.reason for item in seen.of("p1")]
        assert [why for why in reasons if why is not Reason.STALE] == [None, Reason.LINK, None]
        times = [item.observed_ms for item in seen.of("p1")]
        assert times == sorted(set(times)), "times rise strictly"


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_liar_beside_it_costs_a_plc_no_sample(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    counter = 0

    async def lies(request: bytes, writer: asyncio.StreamWriter) -> None:
        good = framed(
            request, registers(request), number=chance.choice([0, 0, 1]), unit=chance.choice([0, 0, 1])
        )
        match chance.randrange(5):
            case 0:
                writer.write(chance.randbytes(chance.randrange(1, 3000)))
            case 1:
                writer.write(good[: chance.randrange(len(good))])
            case 2:
                writer.close()
            case 3:
                writer.write(good + chance.randbytes(chance.randrange(9)))
            case _:
                writer.write(good)

    async def counts(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal counter
        counter += 1
        writer.write(framed(request, bytes((3, 2)) + counter.to_bytes(2, "big")))

    async with (
        Liar(lies).serving() as liar,
        Liar(counts).serving() as sound,
        polled(tmp_path, liar, [range(10)]),
        polled(tmp_path, sound, [[7]]) as seen,
    ):
        await seen.until(polls=60)
        served = counter
        values = [item.value for item in seen.of("p7")]
        assert values[: served - 1] == [float(n) for n in range(1, served)], (
            "each read is told once, in order"
        )
        assert all(item.quality is Quality.GOOD for item in seen.told)
        assert sound.connections == 1
        assert len(liar.requests) >= 2


async def test_a_poller_that_waits_for_slow_time_goes_on_when_time_goes_faster(tmp_path: Path) -> None:
    page = ClockPage(tmp_path / "clock", start_ms=1_700_000_000_000, speed=0.001)
    started: list[asyncio.Task[None]] = []

    def start(coro: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        started.append(asyncio.create_task(coro, name=name))
        return started[-1]

    async with Liar(honest).serving() as plc:
        seen = made(tmp_path, plc, [range(3)], page.clock)
        everyone = Polling(start, Liveness(page.clock.monotonic), page.clock, lambda *_: None, lambda _: None)
        everyone.start([Station(image=seen.image, link=seen.poller.link, poller=seen.poller)])
        await seen.until(polls=1)
        asked = len(plc.requests)
        page.set_speed(1.0)
        await seen.until(polls=3)
        assert len(plc.requests) >= asked + 3
        for task in started:
            task.cancel()
        await asyncio.wait(started)
