"""Modbus RTU over a pty pair: every function, units that share the line, and answers that come too late to be believed."""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from domain.connection import Serial, Transport, Writes
from domain.drive import Table, Write
from domain.errors import LinkLost, LinkTimeout
from domain.ids import GatewayId, PointRef
from domain.quality import Quality, Reason
from gateway.image import DeviceImage, Rows
from gateway.modbus_line import Line
from gateway.modbus_ways import Rtu
from gateway.plc import DeviceRefused, LinkGarbled, PlcLink
from gateway.poll_plan import Block
from gateway.poller import Turn
from gateway.stations import build_stations
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from runtime.clock import RealClock
from runtime.parkfiles.loading import load_park
from tests.service.gateway.liar import device
from tests.service.gateway.serial_bus import Bus, Unit
from tests.service.gateway.wires_park import write_park

TIMEOUT_S = 0.6
"""For an answer: the bus lives on the loop of a busy machine."""


@contextlib.asynccontextmanager
async def on_line(*numbers: int, writes: Writes = Writes.SINGLE) -> AsyncIterator[tuple[Bus, list[PlcLink]]]:
    units = {number: Unit(registers=dict.fromkeys(range(20), number)) for number in numbers}
    async with Bus(units).serving() as bus:
        serial = Serial(path=bus.path, baud=115_200)
        line = Line(Rtu(port=serial), clock=RealClock())
        links = []
        for number in numbers:
            made = device(0, transport=Transport.RTU, serial=serial, writes=writes, timeout_s=TIMEOUT_S)
            object.__setattr__(made, "unit_id", number)
            links.append(PlcLink(made, line))
        try:
            yield bus, links
        finally:
            line.close()


def block(start: int, count: int, table: Table = Table.HOLDING) -> Block:
    return Block(table=table, start=start, count=count, rows=tuple(range(count)))


@pytest.mark.parametrize("writes", list(Writes))
async def test_every_function(writes: Writes) -> None:
    async with on_line(1, writes=writes) as (bus, [link]):
        await link.write(Write(table=Table.COIL, address=9, value=1), permit=lambda: True)
        await link.write(Write(table=Table.HOLDING, address=3, value=500), permit=lambda: True)
        for table in (Table.COIL, Table.DISCRETE):
            assert (await link.read(block(8, 3, table))).tolist() == [0, 1, 0]
        for table in (Table.HOLDING, Table.INPUT):
            assert (await link.read(block(2, 3, table))).tolist() == [1, 500, 1]
        written = [5, 6] if writes is Writes.SINGLE else [15, 16]
        assert bus.units[1].asked == [*written, 1, 2, 3, 4]
        with pytest.raises(DeviceRefused):
            await link.read(block(100, 1))


async def test_units_share_the_line_one_request_at_a_time() -> None:
    async with on_line(1, 2, 3) as (bus, links):
        for unit in bus.units.values():
            unit.delay_s = 0.01
        answers = await asyncio.gather(*(link.read(block(0, 2)) for link in links for _ in range(3)))
        assert [words.tolist() for words in answers] == [[n, n] for n in (1, 2, 3) for _ in range(3)]
        assert bus.overlaps == 0


async def test_a_mute_unit_is_left_alone_and_its_neighbours_are_read() -> None:
    async with on_line(1, 2) as (bus, [mute, sound]):
        bus.units[1].is_mute = True
        with pytest.raises(LinkTimeout):
            await mute.read(block(0, 1))
        for _ in range(20):
            with pytest.raises(LinkLost, match="may still come"):
                await mute.read(block(0, 1))
            assert (await sound.read(block(0, 1))).tolist() == [2]
        assert len(bus.units[1].asked) == 1


async def test_an_answer_that_comes_late_is_nobodys() -> None:
    async with on_line(1, 2) as (bus, [slow, sound]):
        bus.units[1].delay_s = TIMEOUT_S + 0.05
        with pytest.raises(LinkTimeout):
            await slow.read(block(0, 1))
        bus.units[2].delay_s = 0.1
        assert (await sound.read(block(0, 1))).tolist() == [2], (
            "though the late one came while it was waited for"
        )


async def test_a_command_to_a_slow_unit_is_not_answered_by_its_late_reading() -> None:
    async with on_line(1) as (bus, [slow]):
        bus.units[1].delay_s = TIMEOUT_S + 0.05
        with pytest.raises(LinkTimeout):
            await slow.read(block(0, 1))
        bus.units[1].delay_s = 0.1
        await slow.write(Write(table=Table.COIL, address=4, value=1), permit=lambda: True)
        assert bus.units[1].bits[4]


async def test_noise_costs_one_answer() -> None:
    async with on_line(1) as (bus, [link]):
        bus.units[1].noise = b"\xff\x00\x55"
        with pytest.raises((LinkGarbled, LinkTimeout)):
            await link.read(block(0, 2))
        assert (await link.read(block(0, 2))).tolist() == [1, 1]


async def test_a_line_that_is_no_device_is_said() -> None:
    line = Line(Rtu(port=Serial(path="/dev/null")), clock=RealClock())
    link = PlcLink(device(0, transport=Transport.RTU), line)
    with pytest.raises(LinkLost, match="/dev/null"):
        await link.read(block(0, 1))


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[n : n + 2], "big") for n in range(0, len(data), 2)]


async def test_a_gateway_polls_a_line_of_two_plcs(tmp_path: Path) -> None:
    outlet, analyser = Unit(bits={0: False, 1: True, 3: True}), Unit()
    cod = words(struct.pack(">f", 41.5))
    values = [cod[1], cod[0], 0x0712, 65_535, *words("批7".encode().ljust(8, b"\0"))]
    places = [0, 1, 2, 3, 10, 11, 12, 13]
    analyser.registers = {**dict.fromkeys(range(25), 0), **dict(zip(places, values, strict=True)), 20: 0b1000}
    async with Bus({1: outlet, 2: analyser}).serving() as bus:
        overrides = tmp_path / "devices.json"
        overrides.write_text(
            json.dumps({name: {"serial": bus.path} for name in ("plc_outlet", "plc_analyser")})
        )
        park = load_park(write_park(tmp_path / "park"), overrides)
        clock = RealClock()
        stations = build_stations(
            park,
            GatewayId("gw_east"),
            clock=clock,
            times=Timekeeper(tmp_path / "ceiling", clock, is_slewed=True),
            metrics=TelemetryMetrics(CollectorRegistry()),
            floor_s=0.05,
            only={"plc_outlet", "plc_analyser"},
        )
        births = asyncio.Event()
        alive: list[str] = []

        def tell(image: DeviceImage, rows: Rows, turn: Turn) -> None:
            if turn is Turn.BIRTH:
                alive.append(image.device.id)
            if len(alive) == 2:
                births.set()

        polls = []
        for station in stations:
            station.poller.listen(tell, lambda image: None)
            polls.append(asyncio.ensure_future(station.poller.run()))
        async with asyncio.timeout(10):
            await births.wait()
        for poll in polls:
            poll.cancel()
        await asyncio.wait(polls)
        told = {item.point.ref: item for s in stations for item in s.image.told(range(len(s.image.points)))}
        assert told[PointRef("hc_outlet/closed")].value is True
        assert told[PointRef("hc_analyser/cod")].value == 41.5
        assert told[PointRef("hc_analyser/cod")].reason is Reason.CALIBRATION
        assert told[PointRef("hc_analyser/ph")].value == pytest.approx(7.12)
        assert told[PointRef("hc_analyser/conductivity")].quality is Quality.BAD
        assert told[PointRef("hc_analyser/batch")].value == "批7"
        assert bus.overlaps == 0
