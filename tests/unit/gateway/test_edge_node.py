"""The Sparkplug session: births begin it, numbers run, the will belongs to its birth, only a rebirth is obeyed."""

from dataclasses import replace

import numpy as np
import pytest

from domain.drive import Table
from domain.ids import DeviceId, FacilityId, GatewayId, ParkId
from domain.park import Point, Register, RegisterType
from domain.quality import Quality, Reason
from domain.words import Words
from gateway.edge_node import REBIRTH, EdgeNode, is_rebirth, template
from gateway.image import Told
from gateway.judgement import REASON_NUMBERS
from wire.sparkplug import DataType, Metric, Payload, decode, encode

LEVEL = Point(
    facility=FacilityId("pool"),
    name="level",
    words=Words("液位", "level"),
    device=DeviceId("plc"),
    register=Register(table=Table.INPUT, address=0, type=RegisterType.FLOAT32),
    unit="m",
    range_min=0.0,
    range_max=5.0,
)
FULL = Told(point=LEVEL, value=4.5, quality=Quality.UNCERTAIN, reason=Reason.STALE, observed_ms=77)


def node() -> EdgeNode:
    return EdgeNode(park=ParkId("p"), gateway=GatewayId("gw"), bd_seq=254)


def test_the_will_and_the_birth_of_a_session_carry_the_same_number_and_the_next_the_next() -> None:
    edge = node()
    seen = []
    for _ in range(3):
        topic, will = edge.will()
        assert topic == "spBv1.0/p/NDEATH/gw"
        _, birth = edge.birth(now_ms=1)
        numbers = {m.value for p in (will, birth) for m in decode(p).metrics if m.name == "bdSeq"}
        assert len(numbers) == 1
        seen += numbers
    assert seen == [255, 0, 1]


def test_numbers_begin_with_the_birth_and_wrap() -> None:
    edge = node()
    assert (edge.born_ms, edge.told) == (None, 0)
    topic, birth = edge.birth(now_ms=1)
    assert topic == "spBv1.0/p/NBIRTH/gw"
    assert decode(birth).seq == 0
    assert [edge.next_seq() for _ in range(257)] == [*range(1, 256), 0, 1]
    assert edge.told == 257
    edge.birth(now_ms=2)
    assert (edge.born_ms, edge.told) == (2, 0)
    assert edge.next_seq() == 1


def test_a_device_is_born_with_every_point_and_the_bounds_of_each() -> None:
    topic, payload = node().device_birth("plc", [LEVEL], [FULL], now_ms=99)
    assert topic == "spBv1.0/p/DBIRTH/gw/plc"
    [metric] = decode(payload).metrics
    assert (metric.name, metric.value, metric.timestamp_ms) == ("pool/level", 4.5, 77)
    assert metric.properties == {"engUnit": "m", "engLow": 0.0, "engHigh": 5.0}
    [unknown] = decode(node().device_birth("plc", [LEVEL], [], now_ms=99)[1]).metrics
    assert (unknown.value, unknown.quality, unknown.reason) == (None, Quality.UNCERTAIN, Reason.STALE)
    [bare] = decode(
        node().device_birth("plc", [replace(LEVEL, unit="", range_min=None)], [], now_ms=99)[1]
    ).metrics
    assert bare.properties == {"engHigh": 5.0}, "what has no unit names none"
    assert decode(payload).uuid is None


@pytest.mark.parametrize(
    ("quality", "reason"),
    [(Quality.GOOD, None), (Quality.UNCERTAIN, Reason.CLOCK), (Quality.BAD, Reason.RANGE)],
)
def test_a_birth_says_how_far_each_value_is_to_be_trusted(quality: Quality, reason: Reason | None) -> None:
    told = replace(FULL, quality=quality, reason=reason)
    [metric] = decode(node().device_birth("plc", [LEVEL], [told], now_ms=99)[1]).metrics
    assert (metric.quality, metric.reason) == (quality, reason)


def test_data_carries_value_time_quality_and_reason_of_numbers_states_and_texts() -> None:
    kinds = {"level": RegisterType.FLOAT32, "full": RegisterType.BIT, "mark": RegisterType.STRING}
    points = [
        replace(LEVEL, name=name, register=replace(LEVEL.register, type=kind)) for name, kind in kinds.items()
    ]
    metrics = template(points).metrics(
        np.arange(3),
        np.array([4.5, 1.0, np.nan]),
        np.array([Quality.UNCERTAIN, Quality.GOOD, Quality.GOOD], dtype=np.int16),
        np.array([REASON_NUMBERS[Reason.STALE], 0, 0], dtype=np.int8),
        np.full(3, 1_795_304_735_123),
        {2: "高"},
    )
    level, full, mark = decode(bytes(metrics)).metrics
    assert (level.name, level.value, level.timestamp_ms) == ("pool/level", 4.5, 1_795_304_735_123)
    assert (level.quality, level.reason) == (Quality.UNCERTAIN, Reason.STALE)
    assert (full.value, full.datatype, full.quality) == (True, DataType.BOOLEAN, Quality.GOOD)
    assert (mark.value, mark.datatype) == ("高", DataType.STRING)


def test_only_a_rebirth_is_obeyed() -> None:
    def command(*metrics: Metric) -> bytes:
        return encode(Payload(timestamp_ms=1, metrics=metrics))

    rebirth = Metric(name=REBIRTH, value=True, datatype=DataType.BOOLEAN)
    assert is_rebirth(command(rebirth))
    assert not is_rebirth(command(rebirth, rebirth))
    assert not is_rebirth(command(Metric(name=REBIRTH, value=False, datatype=DataType.BOOLEAN)))
    assert not is_rebirth(command(Metric(name="Node Control/Reboot", value=True, datatype=DataType.BOOLEAN)))
    assert not is_rebirth(command(Metric(name=REBIRTH, value=1, datatype=DataType.INT32)))
    unreadable = command(Metric(name="x", value=None, datatype=DataType.DOUBLE)).replace(b"x", b"\xff")
    assert not is_rebirth(command(rebirth) + unreadable)
    assert not is_rebirth(command())
    assert not is_rebirth(b"\xff\xff")
