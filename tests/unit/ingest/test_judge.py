"""What ingest takes, what it refuses and why, sample by sample."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import GatewayId, ParkId
from domain.park import Park
from domain.quality import Quality, Reason
from domain.sample import Value
from ingest.acks import Acks
from ingest.judge import WHOLE, Judged, Span, Why, judge
from runtime.parkfiles.loading import load_park
from stores.port import PayloadName, Row
from stores.rows import rows_of
from wire.sparkplug import TIME_MS_MAX, DataType, Metric, Payload, encode, payload_uuid
from wire.topics import Channel, Kind, ours, sparkplug

EPOCH = "ab" * 16
BELIEVED = Span(oldest_ms=1_000_000, newest_ms=2_000_000)
AT_MS = 1_500_000
LIVE = sparkplug("lingang", Kind.DDATA, "gw_east", "plc_hc_outlet")
HISTORY = ours("lingang", "gw_east", Channel.HISTORY)
NAME = PayloadName(GatewayId("gw_east"), EPOCH, 7)


@cache
def park() -> Park:
    return load_park(Path(__file__).parents[3] / "parks" / "lingang")


def metric(name: str = "hc_analyser/cod", value: Value | int | None = 1.5, *, at_ms: int | None = AT_MS,
           datatype: DataType = DataType.DOUBLE, quality: Quality = Quality.GOOD) -> Metric:  # fmt: skip
    return Metric(name=name, value=value, datatype=datatype, timestamp_ms=at_ms, quality=quality)


def payload(
    *metrics: Metric, uuid: str | None = payload_uuid(EPOCH, 7), timestamp_ms: int | None = None
) -> bytes:
    return encode(Payload(timestamp_ms=timestamp_ms, metrics=metrics, uuid=uuid))


def judged(data: bytes, topic: str = LIVE) -> Judged:
    found = judge(topic, data, park=park(), believed=BELIEVED)
    assert found is not None
    return found


@pytest.mark.parametrize("topic", [LIVE, HISTORY])
def test_a_fit_payload_is_stored_whole(topic: str) -> None:
    bad = Metric(name="hc_analyser/ph", value=None, datatype=DataType.DOUBLE, timestamp_ms=AT_MS,
                 quality=Quality.BAD, reason=Reason.LINK)  # fmt: skip
    closed = metric("hc_outlet/closed", value=True, datatype=DataType.BOOLEAN)
    found = judged(payload(metric(), closed, bad), topic)
    assert found.name == NAME
    assert not found.refused
    assert rows_of(found.samples) == [
        Row("hc_analyser/cod", AT_MS, 1.5, Quality.GOOD, None),
        Row("hc_outlet/closed", AT_MS, 1.0, Quality.GOOD, None),
        Row("hc_analyser/ph", AT_MS, None, Quality.BAD, Reason.LINK),
    ]


def test_the_payload_s_time_serves_a_metric_without_one() -> None:
    assert judged(payload(metric(at_ms=None), timestamp_ms=AT_MS)).samples.times_ms.tolist() == [AT_MS]


CASES: list[tuple[Metric, Why]] = [
    (metric("hc_analyser/nothing"), Why.UNKNOWN_POINT),
    (metric("hc_bund/closed", value=True, datatype=DataType.BOOLEAN), Why.WRONG_SENDER),
    (metric(value="text", datatype=DataType.STRING), Why.WRONG_TYPE),
    (metric(value=True, datatype=DataType.BOOLEAN), Why.WRONG_TYPE),
    (metric("hc_outlet/closed", 1.0), Why.WRONG_TYPE),
    (metric(value=float("inf")), Why.NOT_FINITE),
    (metric(value=float("nan")), Why.NO_VALUE),
    (metric(value=None), Why.NO_VALUE),
    (metric(at_ms=None), Why.NO_TIME),
    (metric(at_ms=BELIEVED.oldest_ms - 1), Why.TOO_OLD),
    (metric(at_ms=BELIEVED.newest_ms + 1), Why.IN_FUTURE),
    (metric(at_ms=TIME_MS_MAX), Why.IN_FUTURE),
]


@pytest.mark.parametrize(("unfit", "why"), CASES)
def test_an_unfit_sample_is_refused_alone(unfit: Metric, why: Why) -> None:
    found = judged(payload(metric(), unfit, metric("hc_analyser/ph", 7.0)))
    assert [(item.index, item.why, item.samples) for item in found.refused] == [(1, why, 1)]
    assert [*found.places] == [0, 2]


@pytest.mark.parametrize(("data", "topic", "why", "name"), [
    (b"\xff\xff garbage", LIVE, Why.UNREADABLE, None),
    (payload(metric(), uuid=None), LIVE, Why.NO_NAME, None),
    (payload(metric(), uuid="nonsense"), LIVE, Why.NO_NAME, None),
    (payload(metric(), timestamp_ms=1 << 60), LIVE, Why.UNREADABLE, NAME),
    (payload(metric()), sparkplug("lingang", Kind.DDATA, "gw_none", "plc_hc_outlet"), Why.UNKNOWN_GATEWAY,
     PayloadName(GatewayId("gw_none"), EPOCH, 7)),
])  # fmt: skip
def test_a_payload_that_is_not_ours_is_refused_whole(
    data: bytes, topic: str, why: Why, name: PayloadName | None
) -> None:
    found = judged(data, topic)
    assert (found.name, found.samples.points) == (name, ())
    assert [(item.index, item.why) for item in found.refused] == [(WHOLE, why)]


@pytest.mark.parametrize("poison", [
    payload(metric(at_ms=(1 << 64) - 1)), payload(metric()).replace(b"\x20\x0a\x69", b"\x20\x63\x69"),
])  # fmt: skip
def test_a_metric_that_cannot_be_read_is_refused_alone(poison: bytes) -> None:
    neighbours = payload(metric("hc_analyser/ph", 7.0), uuid=None)
    # Protobuf joins repeated fields of messages written one after the other.
    found = judged(neighbours + poison + neighbours)
    assert found.name == NAME
    assert [(item.index, item.why, item.samples) for item in found.refused] == [(1, Why.UNREADABLE, 1)]
    assert found.refused[0].point == "hc_analyser/cod"
    assert [
        (place, row.point, row.value) for place, row in zip(found.places, rows_of(found.samples), strict=True)
    ] == [
        (0, "hc_analyser/ph", 7.0),
        (2, "hc_analyser/ph", 7.0),
    ]


def test_a_refused_payload_stands_for_its_samples() -> None:
    poison = payload(metric()).replace(b"\x20\x0a\x69", b"\x20\x63\x69")
    assert judged(poison + payload(metric(), uuid="nonsense")).refused[0].samples == 2


@pytest.mark.parametrize("topic", [
    "spBv1.0/elsewhere/DDATA/gw_east/plc_hc_outlet", "spBv1.0/lingang/DDATA/gw_east",
    "spBv1.0/lingang/DBIRTH/gw_east/plc_hc_outlet", "stoplog/1/elsewhere/gw_east/history",
    "stoplog/1/lingang/gw_east/heartbeat", "nonsense", "",
])  # fmt: skip
def test_other_topics_carry_no_samples(topic: str) -> None:
    assert judge(topic, payload(metric()), park=park(), believed=BELIEVED) is None


@given(st.binary(max_size=200), st.sampled_from([LIVE, HISTORY]))
def test_any_bytes_are_judged(data: bytes, topic: str) -> None:
    found = judged(data, topic)
    assert found.refused or found.name is not None


names: Callable[[int], PayloadName] = lambda offset: PayloadName(GatewayId("gw_east"), EPOCH, offset)  # noqa: E731


def test_acknowledgements_are_sets_for_each_gateway_and_epoch() -> None:
    acks = Acks(ParkId("lingang"))
    acks.received([names(1), names(2), names(5), PayloadName(GatewayId("gw_west"), EPOCH, 0)])
    acks.durable([names(2)])
    east, west = acks.take()
    assert (east.gateway, east.received, east.durable) == ("gw_east", ((1, 2), (5, 5)), ((2, 2),))
    assert (west.gateway, west.received, west.durable) == ("gw_west", ((0, 0),), ())
    assert acks.take() == []
