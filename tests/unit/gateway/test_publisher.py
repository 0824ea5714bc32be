"""The way of samples out: one payload a poll for journal and broker alike, and every device born before its data."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from domain.drive import Table
from domain.ids import DeviceId, FacilityId, GatewayId, ParkId
from domain.park import Device, Point, PollGroup, Register, RegisterType
from domain.quality import Quality, Reason
from domain.words import Words
from gateway.edge_node import EdgeNode
from gateway.image import DeviceImage
from gateway.lane import Lane
from gateway.poller import Turn
from gateway.publisher import Publisher
from gateway.telemetry_metrics import TelemetryMetrics
from runtime.clock import ManualClock
from runtime.journal import Journal
from wire.modbus import Columns
from wire.sparkplug import decode, parse_uuid
from wire.topics import Kind, parse_sparkplug

EPOCH = "e" * 32
DEVICE = Device(
    id=DeviceId("plc_0"),
    gateway=GatewayId("gw"),
    words=Words("柜", "box"),
    host="127.0.0.1",
    port=502,
    unit_id=1,
    template="t",
    groups={"normal": PollGroup(name="normal", period_s=1.0)},
)
LEVEL = Point(
    facility=FacilityId("pool_0"),
    name="level",
    words=Words("液位", "level"),
    device=DEVICE.id,
    register=Register(table=Table.INPUT, address=0, type=RegisterType.UINT16),
    unit="m",
)


class Way:
    """A publisher between images that a test fills and a lane that it reads."""

    def __init__(self, folder: Path, devices: int) -> None:
        self.clock = ManualClock()
        self.sent: list[tuple[str, bytes]] = []
        self.images = [self._image(number) for number in range(devices)]
        self.journal = Journal.open(folder, gateway="gw", epoch=EPOCH, clock=self.clock)
        node = EdgeNode(park=ParkId("p"), gateway=GatewayId("gw"), bd_seq=0)
        metrics = TelemetryMetrics(CollectorRegistry())
        lane = Lane(self._never, self._at_once)
        self.publisher = Publisher(node, self.images, self.journal, lane, clock=self.clock, metrics=metrics)

    def read(self, number: int, value: float, turn: Turn = Turn.DATA) -> None:
        """Let a poll of one device find `value`."""
        self.clock.advance(1.0)
        image = self.images[number]
        image.is_alive = True
        columns = Columns(values=np.array([value]), is_invalid=np.zeros(1, dtype=np.bool_))
        now_s = self.clock.monotonic()
        rows = image.take(np.arange(1), columns, observed_ms=self.clock.now_ms(), asked_s=now_s, read_s=now_s)
        self.publisher.tell(image, rows, turn)

    def fall_silent(self, number: int) -> None:
        image = self.images[number]
        image.is_alive = False
        rows = image.doubt(np.arange(1), Quality.BAD, Reason.LINK, observed_ms=self.clock.now_ms() + 1)
        self.publisher.tell(image, rows, Turn.DEATH)

    def kinds(self) -> list[tuple[str, str | None]]:
        """Return kind and device of what was sent, `history` for our own topic."""
        parsed = [parse_sparkplug(topic) for topic, _ in self.sent]
        return [("history", None) if item is None else (item.kind.value, item.device) for item in parsed]

    def seqs(self) -> list[int | None]:
        return [decode(data).seq for _, data in self.sent]

    def _at_once(self, topic: str, payload: bytes) -> bool:
        self.sent.append((topic, payload))
        return True

    async def _never(self, topic: str, payload: bytes, qos: int) -> None:
        raise AssertionError(topic)

    @staticmethod
    def _image(number: int) -> DeviceImage:
        device = DeviceId(f"plc_{number}")
        point = replace(LEVEL, facility=FacilityId(f"pool_{number}"), device=device)
        return DeviceImage(replace(DEVICE, id=device), [point], [])


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return Way(tmp_path, 5)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_journal_holds_the_very_bytes_that_are_published(way: Way) -> None:
    way.publisher.birth()
    way.read(0, 4.5, Turn.BIRTH)
    topic, data = way.sent[-1]
    assert parse_sparkplug(topic) is not None
    payload = decode(data)
    assert parse_uuid(payload.uuid) == (EPOCH, 0)
    [metric] = payload.metrics
    assert (metric.name, metric.value, metric.quality) == ("pool_0/level", 4.5, Quality.GOOD)
    [entry] = way.journal.due(way.clock.monotonic() + 10)
    assert (entry.topic, entry.payload) == (topic, data)


async def test_births_are_spread_over_turns_and_come_before_the_devices_data(way: Way) -> None:
    for number in range(5):
        way.read(number, 1.0)
    assert way.kinds() == []
    way.publisher.birth()
    assert way.kinds() == [("NBIRTH", None), ("DBIRTH", "plc_0")]
    way.read(4, 2.0)
    assert way.kinds()[2:] == [("DBIRTH", "plc_4"), ("DDATA", "plc_4")]
    way.read(0, 2.0)
    assert way.kinds()[4:] == [("DDATA", "plc_0")]
    await turns(5)
    assert way.kinds()[5:] == [("DBIRTH", f"plc_{number}") for number in (1, 2, 3)]
    assert way.seqs() == list(range(len(way.sent)))


async def test_a_device_that_falls_silent_before_its_birth_was_never_there(way: Way) -> None:
    for number in range(3):
        way.read(number, 1.0)
    way.publisher.birth()
    way.fall_silent(2)
    await turns(5)
    assert way.kinds() == [
        *(("NBIRTH", None), ("DBIRTH", "plc_0"), ("history", None), ("DBIRTH", "plc_1")),
    ]
    way.fall_silent(1)
    assert way.kinds()[-2:] == [(Kind.DDEATH.value, "plc_1"), ("history", None)]


async def test_births_end_with_the_session(way: Way) -> None:
    for number in range(3):
        way.read(number, 1.0)
    way.publisher.birth()
    way.publisher.lost()
    way.sent.clear()
    await turns(5)
    way.read(2, 2.0)
    assert way.sent == []


def all_of(parts: Sequence[tuple[str, str | None]], kind: str) -> int:
    return sum(part[0] == kind for part in parts)


async def test_a_rebirth_bears_everybody_again_once(way: Way) -> None:
    for number in range(4):
        way.read(number, 1.0)
    way.publisher.birth()
    await turns(1)
    way.sent.clear()
    way.publisher.birth()
    await turns(8)
    assert all_of(way.kinds(), "NBIRTH") == 1
    assert all_of(way.kinds(), "DBIRTH") == 4
    assert way.seqs() == [0, 1, 2, 3, 4]
