"""Sparkplug 3.0, chapters 4 and 6: the bytes of our births, data, deaths and commands, field by field."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from control.edge import rebirth_request
from domain.drive import Table
from domain.ids import DeviceId, FacilityId, GatewayId, ParkId, is_id
from domain.park import Point, Register, RegisterType
from domain.quality import Quality, Reason
from domain.words import Words
from gateway.edge_node import EdgeNode, template
from gateway.image import Told
from gateway.judgement import REASON_NUMBERS
from wire.sparkplug import DataType
from wire.sparkplug_schema import PayloadMessage
from wire.sparkplug_template import payload
from wire.topics import Kind, parse_sparkplug, sparkplug

NOW_MS = 1_780_000_000_000
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
FULL = replace(LEVEL, name="full", unit="", register=replace(LEVEL.register, type=RegisterType.BIT))
MARK = replace(LEVEL, name="mark", unit="", register=replace(LEVEL.register, type=RegisterType.STRING))
POINTS = (LEVEL, FULL, MARK)
BASIC = {int(kind) for kind in DataType}


def node() -> EdgeNode:
    return EdgeNode(park=ParkId("park"), gateway=GatewayId("gw"), bd_seq=255)


def raw(data: bytes) -> Any:
    message = PayloadMessage()
    message.ParseFromString(data)
    return message


def told(point: Point, value: float | bool | str | None, quality: Quality = Quality.GOOD) -> Told:
    reason = None if quality is Quality.GOOD else Reason.RANGE
    return Told(point=point, value=value, quality=quality, reason=reason, observed_ms=NOW_MS - 5)


def data(quality: Quality = Quality.GOOD) -> bytes:
    number = 0 if quality is Quality.GOOD else REASON_NUMBERS[Reason.RANGE]
    metrics = template(POINTS).metrics(
        np.arange(3), np.array([4.5, 1.0, np.nan]), np.full(3, quality, dtype=np.int16),
        np.full(3, number, dtype=np.int8), np.full(3, NOW_MS - 5), {2: "高"},
    )  # fmt: skip
    return payload(metrics, timestamp_ms=NOW_MS, seq=7, uuid="a" * 32 + "-1")


def births() -> Iterator[bytes]:
    edge = node()
    yield edge.birth(now_ms=NOW_MS)[1]
    for quality in Quality:
        said = [told(LEVEL, 4.5, quality), told(FULL, value=True, quality=quality), told(MARK, "高", quality)]
        yield edge.device_birth("plc", POINTS, said, now_ms=NOW_MS)[1]
    yield edge.device_birth("plc", POINTS, [], now_ms=NOW_MS)[1]


def all_messages() -> Iterator[bytes]:
    yield from births()
    yield from (data(quality) for quality in Quality)


def test_every_message_of_a_session_has_a_time_and_a_number() -> None:
    for said in [*all_messages(), node().device_death("plc", now_ms=NOW_MS)[1]]:
        message = raw(said)
        assert message.timestamp == NOW_MS
        assert message.HasField("seq")
        assert 0 <= message.seq <= 255


def test_a_death_is_one_metric_and_has_no_number() -> None:
    edge = node()
    topic, said = edge.will()
    message = raw(said)
    assert topic == "spBv1.0/park/NDEATH/gw"
    assert not message.HasField("seq")
    [metric] = message.metrics
    assert (metric.name, metric.datatype, metric.long_value) == ("bdSeq", DataType.INT64, 0)


def test_every_metric_has_name_time_and_type_and_no_alias() -> None:
    for said in all_messages():
        for metric in raw(said).metrics:
            assert metric.name
            assert metric.timestamp in {NOW_MS, NOW_MS - 5}
            assert metric.datatype in BASIC
            assert not metric.HasField("alias")
            assert not metric.HasField("is_historical")


def test_each_metric_stands_once_in_a_message() -> None:
    for said in all_messages():
        names = [metric.name for metric in raw(said).metrics]
        assert len(names) == len({name.lower() for name in names})


def test_null_is_said_by_its_flag_and_without_a_value() -> None:
    edge = node()
    for metric in raw(edge.device_birth("plc", POINTS, [], now_ms=NOW_MS)[1]).metrics:
        assert metric.is_null
        assert metric.WhichOneof("value") is None


def test_properties_are_pairs_of_basic_types_and_a_quality_is_one_of_three() -> None:
    for said in all_messages():
        for metric in raw(said).metrics:
            keys, values = list(metric.properties.keys), list(metric.properties.values)
            assert len(keys) == len(values)
            for key, value in zip(keys, values, strict=True):
                assert value.type in BASIC
                if key == "Quality":
                    assert (value.type, value.WhichOneof("value")) == (3, "int_value")
                    assert value.int_value in {0, 192, 500}


@pytest.mark.parametrize("quality", Quality)
def test_data_are_typed_like_their_births(quality: Quality) -> None:
    (birth,) = list(births())[1:2]
    types = {metric.name: metric.datatype for metric in raw(birth).metrics}
    assert {metric.name: metric.datatype for metric in raw(data(quality)).metrics} == types


def test_a_rebirth_is_asked_for_in_one_metric_with_a_time_and_no_number() -> None:
    topic, said = rebirth_request(ParkId("park"), GatewayId("gw"), at_ms=NOW_MS)
    message = raw(said)
    assert topic == "spBv1.0/park/NCMD/gw"
    assert message.timestamp == NOW_MS
    assert not message.HasField("seq")
    [metric] = message.metrics
    assert (metric.name, metric.datatype, metric.boolean_value) == (
        "Node Control/Rebirth",
        DataType.BOOLEAN,
        True,
    )


@pytest.mark.parametrize("kind", Kind)
def test_a_topic_names_namespace_group_type_node_and_the_device_of_what_is_a_devices(kind: Kind) -> None:
    device = None if kind.value.startswith("N") else "plc"
    topic = sparkplug("park", kind, "gw", device)
    assert topic == f"spBv1.0/park/{kind.value}/gw" + ("/plc" if device else "")
    parsed = parse_sparkplug(topic)
    assert parsed is not None
    assert (parsed.park, parsed.gateway, parsed.device) == ("park", "gw", device)


@pytest.mark.parametrize("name", ["a+b", "a/b", "a#b", "", "A", "é", "a" * 64, "\udcff"])
def test_an_id_that_a_topic_cannot_carry_or_that_differs_by_case_only_is_none(name: str) -> None:
    assert not is_id(name)
