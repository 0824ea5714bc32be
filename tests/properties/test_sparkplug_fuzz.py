"""Whatever payload comes: ingest keeps or quarantines every sample of it, control believes only what it can, and nothing crashes."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from control.live.image import Image
from control.live.views import gateway_view, point_view
from domain.ids import DeviceId, FacilityId, GatewayId
from domain.park import Park
from domain.position import Position
from gateway.edge_node import is_rebirth
from ingest.judge import WHOLE, Judge, Judged, Span, Why, judge
from runtime.parkfiles.loading import load_park
from wire.sparkplug import DataType, Metric, Payload, decode, encode, payload_uuid
from wire.sparkplug_schema import PayloadMessage
from wire.topics import Channel, Kind, ours, parse_ours, parse_sparkplug, sparkplug

EPOCH = "ab" * 16
AT_MS = 1_780_000_000_000
BELIEVED = Span(oldest_ms=AT_MS - 10**6, newest_ms=AT_MS + 10**6)
EAST = GatewayId("gw_east")
DEVICE = DeviceId("plc_hc_outlet")
LIVE = sparkplug("lingang", Kind.DDATA, EAST, DEVICE)
HISTORY = ours("lingang", EAST, Channel.HISTORY)
ODD = [float("inf"), float("-inf"), float("nan"), 1e308, 5e-324, -0.0]


@cache
def park() -> Park:
    return load_park(Path(__file__).parents[2] / "parks" / "lingang")


@cache
def refs() -> list[str]:
    return sorted(point.ref for point in park().points_of(DEVICE))


names = st.deferred(lambda: st.sampled_from(refs())) | st.sampled_from(
    ["", "bdSeq", "Node Control/Rebirth", "hc_bund/closed", "x" * 5000, "hc_outlet/closed\0", "/", "排口/关"]
)
bits64 = st.integers(0, 2**64 - 1)
fields: dict[str, st.SearchStrategy[Any]] = {
    "timestamp": st.sampled_from([0, AT_MS, 2**53 - 1, 2**53, 2**63, 2**64 - 1]) | bits64,
    "datatype": st.integers(0, 40) | st.just(2**32 - 1),
    "alias": bits64,
    "is_null": st.booleans(),
    "is_historical": st.booleans(),
    "is_transient": st.booleans(),
}
values: dict[str, st.SearchStrategy[Any]] = {
    "int_value": st.integers(0, 2**32 - 1),
    "long_value": bits64,
    "float_value": st.floats(width=32),
    "double_value": st.floats() | st.sampled_from(ODD),
    "boolean_value": st.booleans(),
    "string_value": st.text(max_size=20) | st.just("x" * 5000),
    "bytes_value": st.binary(max_size=20),
}


def varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)


@st.composite
def metrics(draw: st.DrawFn) -> bytes:
    """One metric of anybody's, as the payload that holds it alone; payloads written one after the other join."""
    message = PayloadMessage()
    metric = message.metrics.add()  # type: ignore[attr-defined]
    if draw(st.integers(0, 9)):
        metric.name = draw(names)
    for name, strategy in fields.items():
        if draw(st.booleans()):
            setattr(metric, name, draw(strategy))
    if draw(st.integers(0, 9)):
        chosen = draw(st.sampled_from(sorted(values)))
        setattr(metric, chosen, draw(values[chosen]))
    for _ in range(draw(st.integers(0, 2))):
        metric.properties.keys.append(draw(st.sampled_from(["Quality", "stoplog_reason", "engUnit", ""])))
        if draw(st.integers(0, 4)):
            chosen = draw(st.sampled_from(sorted(set(values) - {"bytes_value"})))
            setattr(metric.properties.values.add(), chosen, draw(values[chosen]))
    data: bytes = message.SerializeToString()
    if metric.name and not draw(st.integers(0, 9)):
        name = metric.name.encode()
        # As long as before, and no text.
        data = data.replace(
            b"\x0a" + varint(len(name)) + name, b"\x0a" + varint(len(name)) + b"\xff" * len(name), 1
        )
    return data


def header(*, uuid: str | None = payload_uuid(EPOCH, 7), seq: int | None = None) -> bytes:
    return encode(Payload(timestamp_ms=AT_MS, seq=seq, uuid=uuid))


def good(count: int) -> list[bytes]:
    """So many metrics that nothing is wrong with."""
    points = [park().points[ref] for ref in refs()[:count]]  # type: ignore[index]
    made = [
        Metric(
            name=point.ref,
            value=True if point.is_boolean else 1.5,
            datatype=DataType.BOOLEAN if point.is_boolean else DataType.DOUBLE,
            timestamp_ms=AT_MS,
        )
        for point in points
    ]
    return [encode(Payload(timestamp_ms=None, metrics=(metric,))) for metric in made]


def kept(judged: Judged) -> set[int]:
    return {*judged.places, *(text.place for text in judged.texts)}


def is_accounted_for(judged: Judged, count: int) -> None:
    """Each metric is in one place: the store, the texts, or the quarantine."""
    refused = [item.index for item in judged.refused]
    if WHOLE in refused:
        assert refused == [WHOLE]
        assert not kept(judged)
        assert judged.refused[0].samples == count
        return
    assert len(judged.places) + len(judged.texts) == len(kept(judged))
    assert sorted([*kept(judged), *refused]) == list(range(count))


def judged(data: bytes, topic: str = LIVE) -> Judged:
    found = judge(topic, data, park=park(), believed=BELIEVED)
    assert found is not None
    return found


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(metrics(), max_size=6), st.sampled_from([LIVE, HISTORY]))
def test_every_sample_is_kept_or_in_quarantine(parts: Sequence[bytes], topic: str) -> None:
    data = header() + b"".join(parts)
    is_accounted_for(judged(data, topic), len(parts))
    quick = Judge(park())
    for _ in range(2):
        again = quick.judge(topic, data, BELIEVED)
        assert again is not None
        is_accounted_for(again, len(parts))
        assert kept(again) == kept(judged(data, topic))


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(metrics(), st.integers(0, 4))
def test_a_poison_metric_takes_no_neighbour_along(poison: bytes, place: int) -> None:
    parts = good(4)
    parts.insert(place, poison)
    found = judged(header() + b"".join(parts))
    assert kept(found) >= set(range(5)) - {place}
    image = living()
    image.take(Kind.DDATA, EAST, DEVICE, decode(header(seq=2) + b"".join(parts)))
    spoilt = decode(poison).metrics
    for part in good(4):
        [metric] = decode(part).metrics
        if metric.name not in {item.name for item in spoilt}:
            assert image._held[metric.name].value == metric.value  # type: ignore[index]


def living() -> Image:
    """An image in which the gateway and its device have just been born."""
    image = Image(park())
    image.take(Kind.NBIRTH, EAST, None, Payload(timestamp_ms=AT_MS, seq=0))
    image.take(Kind.DBIRTH, EAST, DEVICE, Payload(timestamp_ms=AT_MS, seq=1))
    return image


ANY_KIND = st.sampled_from([Kind.NBIRTH, Kind.NDEATH, Kind.DBIRTH, Kind.DDEATH, Kind.NDATA, Kind.DDATA])
said = st.tuples(
    ANY_KIND, st.lists(metrics(), max_size=3), st.none() | st.integers(0, 3) | st.just(2**64 - 1), st.booleans()
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(said, max_size=5))
@example([(Kind.NDEATH, [encode(Payload(timestamp_ms=1, metrics=(
    Metric(name="bdSeq", value=float("inf"), datatype=DataType.DOUBLE),)))], None, False)])  # fmt: skip
def test_the_live_image_takes_anything_and_can_be_shown(
    messages: Sequence[tuple[Kind, Sequence[bytes], int | None, bool]],
) -> None:
    image = living()
    for kind, parts, seq, is_of_node in messages:
        device = None if is_of_node else DEVICE
        image.take(kind, EAST, device, decode(header(seq=seq) + b"".join(parts)))
    for ref in refs():
        view = point_view(image, park().points[ref].ref, now_s=1.0)  # type: ignore[index]
        assert view["stale"], "nothing is fresh without the signed heartbeat"
        json.dumps(view, allow_nan=False).encode()
    gate = park().actuators[FacilityId("hc_outlet")]
    assert image.indication(gate, now_s=1.0).position is Position.UNKNOWN
    gateway_view(image, EAST, now_s=1.0)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=120) | metrics(), st.sampled_from([LIVE, HISTORY]))
def test_any_bytes_are_judged(data: bytes, topic: str) -> None:
    found = judged(data, topic)
    assert found.refused or found.name is not None
    is_rebirth(data)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(metrics(), max_size=4), st.data())
def test_damaged_bytes_are_judged(parts: Sequence[bytes], data: st.DataObject) -> None:
    damaged = bytearray(header() + b"".join(parts))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    found = judged(bytes(damaged))
    assert found.refused or found.name is not None


UUIDS = ["-7", "7", "٣", "²", "-²", "1_0", "+1", " 1", "9" * 19, "9" * 18, "0x1", "1.0", ""]


@given(st.sampled_from(UUIDS) | st.text(max_size=20))
@example("²")
@example("٣")
def test_a_name_that_is_none_of_ours_is_no_name(offset: str) -> None:
    """Also behind an epoch that ingest knows already, in a payload laid out as ours are."""
    quick = Judge(park())
    parts = b"".join(good(3))
    for _ in range(2):
        quick.judge(LIVE, header() + parts, BELIEVED)
    text = offset.encode("utf-8", "replace").decode()
    data = header(uuid=f"{EPOCH}-{text}") + parts
    slow, fast = judged(data), quick.judge(LIVE, data, BELIEVED)
    assert fast is not None
    assert fast.name == slow.name
    if slow.name is None:
        assert [item.why for item in fast.refused] == [Why.NO_NAME]


@given(st.text(max_size=60) | st.lists(st.sampled_from(["spBv1.0", "stoplog", "1", "lingang", "", "NDATA", "DDATA", "STATE", "gw", "ack", "samples", "command", "+", "#", "\0"]), max_size=7).map("/".join))  # fmt: skip
def test_any_topic_is_one_or_none(topic: str) -> None:
    found = parse_sparkplug(topic)
    if found is not None:
        assert sparkplug(found.park, found.kind, found.gateway, found.device) == topic
    mine = parse_ours(topic)
    if mine is not None:
        assert ours(*mine) == topic
    assert judge(topic, b"\xff", park=park(), believed=BELIEVED) is None or topic.startswith(
        ("spBv1.0/lingang/DDATA/", "stoplog/1/lingang/")
    )
