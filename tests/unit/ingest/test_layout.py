"""What is recognised by its layout is judged exactly as protobuf's way judges it, whatever the payload."""

import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.park import Park, RegisterType
from domain.quality import Quality, Reason
from domain.sample import Value
from ingest.judge import Judge, Judged, Span, judge
from ingest.layout import LAYOUTS_MAX, Layouts
from runtime.parkfiles.loading import load_park
from stores.codes import code_of
from wire.sparkplug import DataType, Metric, Payload, encode, payload_uuid
from wire.topics import Channel, Kind, ours, sparkplug

EPOCH = "0a" * 16
NOW_MS = 1_795_000_000_000
BELIEVED = Span(oldest_ms=NOW_MS - 10**10, newest_ms=NOW_MS + 10**7)
LIVE = sparkplug("lingang", Kind.DDATA, "gw_east", "plc_hc_outlet")
HISTORY = ours("lingang", "gw_east", Channel.HISTORY)


def _park() -> Park:
    park = load_park(Path(__file__).parents[3] / "parks" / "lingang")
    known = park.points["hc_analyser/cod"]
    text = replace(known, name="serial", register=replace(known.register, type=RegisterType.STRING))
    return replace(park, points={**park.points, text.ref: text})


PARK = _park()
NUMBERS = ["hc_analyser/cod", "hc_analyser/ph", "hc_analyser/nh3n", "hc_outlet/position"]
STATES = ["hc_outlet/closed", "hc_outlet/opened", "hc_analyser/calibrating"]
STRANGE = ["no_such/point", "hc_bund/closed", "hc_analyser/serial", "名/点", ""]

times = st.one_of(
    st.just(NOW_MS),
    st.integers(NOW_MS - 1000, NOW_MS + 1000),
    st.sampled_from([None, 0, 2**35 - 1, 2**35, 2**42, NOW_MS - 2 * 10**10, NOW_MS + 10**8]),
)
usual_times = st.one_of(st.just(NOW_MS), st.integers(NOW_MS - 1000, NOW_MS + 1000))
values: st.SearchStrategy[Value | int | None] = st.one_of(
    st.floats(), st.booleans(), st.none(), st.text(max_size=3), st.integers(-5, 5)
)


@st.composite
def metrics(draw: st.DrawFn, *, is_usual: bool) -> Metric:
    is_state = draw(st.booleans())
    quality = draw(
        st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.UNCERTAIN, Quality.BAD])
    )
    reason = None if quality is Quality.GOOD else draw(st.sampled_from([None, Reason.STALE, Reason.LINK]))
    if is_usual or draw(st.integers(0, 3)):
        name = draw(st.sampled_from(STATES if is_state else NUMBERS))
        datatype = DataType.BOOLEAN if is_state else DataType.DOUBLE
        value: Value | int | None = draw(st.booleans() if is_state else st.floats(-1e9, 1e9))
        if quality is not Quality.GOOD and draw(st.booleans()):
            value = None
        return Metric(name=name, value=value, datatype=datatype, timestamp_ms=draw(usual_times if is_usual else times),
                      quality=quality, reason=reason)  # fmt: skip
    value = draw(values)
    datatype = {bool: DataType.BOOLEAN, str: DataType.STRING, int: DataType.INT32}.get(
        type(value), DataType.DOUBLE
    )
    name = draw(st.sampled_from([*NUMBERS, *STATES, *STRANGE]))
    return Metric(
        name=name, value=value, datatype=datatype, timestamp_ms=draw(times), quality=quality, reason=reason
    )


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    found = draw(st.lists(metrics(is_usual=draw(st.booleans())), max_size=6))
    uuid = draw(st.one_of(
        st.integers(0, 10**18 - 1).map(lambda offset: payload_uuid(EPOCH, offset)),
        st.sampled_from([None, "", '"' * 34, "0a" * 17, payload_uuid(EPOCH, 10**18), payload_uuid("0A" * 16, 1)]),
    ))  # fmt: skip
    return encode(
        Payload(
            timestamp_ms=draw(times), seq=draw(st.sampled_from([None, 0, 24, 34, 127, 128, 255])), uuid=uuid,
            metrics=tuple(found),
        )
    )  # fmt: skip


def same(left: Judged | None, right: Judged | None) -> bool:
    if left is None or right is None:
        return left is right
    a, b = left.samples, right.samples
    return (
        (left.name, left.is_first, [*left.places], left.texts, left.refused, a.points)
        == (right.name, right.is_first, [*right.places], right.texts, right.refused, b.points)
        and np.array_equal(a.times_ms, b.times_ms)
        and np.array_equal(a.values, b.values, equal_nan=True)
        and np.array_equal(a.codes, b.codes)
    )


@settings(max_examples=120)
@given(
    st.lists(
        st.tuples(st.sampled_from([LIVE, HISTORY, "spBv1.0/lingang/DDATA/gw_none/x"]), payloads()), max_size=4
    )
)
def test_what_is_judged_quickly_is_judged_the_same(messages: Sequence[tuple[str, bytes]]) -> None:
    quick = Judge(PARK)
    for topic, data in messages * 2:
        assert same(quick.judge(topic, data, BELIEVED), judge(topic, data, park=PARK, believed=BELIEVED))


def usual(count: int = 40, *, value: float = 1.5, offset: int = 7) -> bytes:
    rows = [
        Metric(name=NUMBERS[n % 4], value=value + n, datatype=DataType.DOUBLE, timestamp_ms=NOW_MS)
        for n in range(count)
    ]
    rows += [Metric(name=STATES[0], value=True, datatype=DataType.BOOLEAN, timestamp_ms=NOW_MS)]
    rows += [Metric(name=NUMBERS[1], value=3.5, datatype=DataType.DOUBLE, timestamp_ms=NOW_MS,
                    quality=Quality.BAD, reason=Reason.RANGE)]  # fmt: skip
    return encode(
        Payload(timestamp_ms=NOW_MS, seq=200, uuid=payload_uuid(EPOCH, offset), metrics=tuple(rows))
    )


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_payload_with_any_byte_changed_is_judged_the_same(at: int, byte: int) -> None:
    quick = Judge(PARK)
    data = usual()
    quick.judge(LIVE, data, BELIEVED)
    at %= len(data)
    changed = data[:at] + bytes([byte]) + data[at + 1 :]
    assert same(quick.judge(LIVE, changed, BELIEVED), judge(LIVE, changed, park=PARK, believed=BELIEVED))


@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None), slice(0, 60), slice(0, 0)])
def test_a_payload_that_is_cut_is_judged_the_same(cut: slice) -> None:
    quick = Judge(PARK)
    data = usual()
    quick.judge(LIVE, data, BELIEVED)
    assert same(quick.judge(LIVE, data[cut], BELIEVED), judge(LIVE, data[cut], park=PARK, believed=BELIEVED))


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_is_none_is_left_to_protobuf(value: float) -> None:
    quick = Judge(PARK)
    quick.judge(LIVE, usual(), BELIEVED)
    data = usual().replace(struct.pack("<d", 4.5), struct.pack("<d", value))
    found = quick.judge(LIVE, data, BELIEVED)
    assert found is not None
    assert len(found.refused) == 1
    assert same(found, judge(LIVE, data, park=PARK, believed=BELIEVED))


def test_payloads_of_one_layout_share_their_points_and_are_recognised() -> None:
    layouts = Layouts(code_of)

    def fit(name: str, is_state: bool) -> object:  # a callback
        return name

    first, second = (
        layouts.read(LIVE, usual(value=number, offset=int(number)), fit) for number in (1.0, 123.0)
    )
    assert first is not None
    assert second is not None
    assert first.points is second.points
    assert (second.uuid, second.values[0], second.values[-1]) == (payload_uuid(EPOCH, 123), 123.0, 3.5)
    assert set(second.times_ms.tolist()) == {NOW_MS}


def test_layouts_are_bounded_in_number() -> None:
    layouts = Layouts(code_of)
    for number in range(LAYOUTS_MAX + 50):
        assert layouts.read(f"topic {number}", usual(2), lambda name, is_state: name) is not None
    assert len(layouts._known) == LAYOUTS_MAX


def test_texts_are_told_apart_from_numbers() -> None:
    serial = Metric(name="hc_analyser/serial", value="AX-7", datatype=DataType.STRING, timestamp_ms=NOW_MS)
    number = Metric(name="hc_analyser/serial", value=7.0, datatype=DataType.DOUBLE, timestamp_ms=NOW_MS + 1)
    gone = Metric(name="hc_analyser/serial", value=None, datatype=DataType.STRING, timestamp_ms=NOW_MS + 2,
                  quality=Quality.BAD, reason=Reason.LINK)  # fmt: skip
    cod = Metric(name="hc_analyser/cod", value=1.0, datatype=DataType.DOUBLE, timestamp_ms=NOW_MS)
    data = encode(
        Payload(timestamp_ms=NOW_MS, uuid=payload_uuid(EPOCH, 1), metrics=(serial, cod, number, gone))
    )
    found = Judge(PARK).judge(LIVE, data, BELIEVED)
    assert found is not None
    assert [(text.place, text.value, text.code) for text in found.texts] == [
        (0, "AX-7", 0), (3, None, code_of(Quality.BAD, Reason.LINK))
    ]  # fmt: skip
    assert (found.samples.points, [*found.places]) == (("hc_analyser/cod",), [1])
    assert [(item.index, item.why) for item in found.refused] == [(2, "wrong-type")]
