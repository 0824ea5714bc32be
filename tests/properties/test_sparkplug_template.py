"""A payload from a template has the bytes that protobuf writes, whatever is told, in whatever order, again and again."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.quality import Quality, Reason
from domain.sample import Value
from wire.sparkplug import DataType, Metric, Payload, encode, payload_uuid
from wire.sparkplug_template import LAYOUTS_MAX, TIME_MS_END, TIME_MS_MIN, PayloadTemplate, payload

REASONS: tuple[Reason | None, ...] = (None, *Reason)
KINDS = (DataType.DOUBLE, DataType.BOOLEAN, DataType.STRING)


@dataclass(frozen=True, slots=True)
class Item:
    """What is told of one point; `value` None is null."""

    value: Value | None
    quality: Quality
    reason: int
    time_ms: int


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=140)
numbers = st.floats(allow_nan=False)
longs = st.integers(60, 200).map("文".__mul__) | st.just("x" * 17_000)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=150) | longs
usual_times = st.integers(1_795_304_735_000, 1_795_304_735_002)
times = usual_times | st.integers(TIME_MS_MIN, TIME_MS_END - 1) | st.integers(0, 2**53 - 1)
VALUES: dict[DataType, st.SearchStrategy[Value]] = {
    DataType.DOUBLE: numbers,
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: texts,
}


@st.composite
def devices(draw: st.DrawFn) -> tuple[list[str], list[DataType]]:
    points = draw(st.lists(names, min_size=1, max_size=12, unique=True))
    return points, [draw(st.sampled_from(KINDS)) for _ in points]


@st.composite
def tellings(draw: st.DrawFn, kinds: list[DataType]) -> dict[int, Item]:
    rows = draw(st.lists(st.integers(0, len(kinds) - 1), unique=True))
    clock = draw(st.sampled_from([usual_times, times, st.just(1_795_304_735_001)]))
    is_all_good = draw(st.booleans())
    return {
        row: Item(
            draw(VALUES[kinds[row]] if is_all_good else st.none() | VALUES[kinds[row]]),
            Quality.GOOD if is_all_good else draw(st.sampled_from(Quality)),
            draw(st.integers(0, len(REASONS) - 1)),
            draw(clock),
        )
        for row in rows
    }


def by_protobuf(points: list[str], kinds: list[DataType], told: dict[int, Item], **rest: object) -> bytes:
    metrics = tuple(
        Metric(
            name=points[row],
            value=item.value,
            datatype=kinds[row],
            timestamp_ms=item.time_ms,
            quality=item.quality,
            reason=REASONS[item.reason],
        )
        for row, item in told.items()
    )
    return encode(Payload(metrics=metrics, **rest))  # type: ignore[arg-type]


def by_template(template: PayloadTemplate, told: dict[int, Item]) -> bytearray:
    items = list(told.values())
    values = [np.nan if v is None or isinstance(v, str) else float(v) for v in (item.value for item in items)]
    return template.metrics(
        np.array(list(told), dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.array([item.quality for item in items], dtype=np.int16),
        np.array([item.reason for item in items], dtype=np.int8),
        np.array([item.time_ms for item in items], dtype=np.int64),
        {place: item.value for place, item in enumerate(items) if isinstance(item.value, str)},
    )


@given(st.data())
def test_the_bytes_are_those_of_protobuf(data: st.DataObject) -> None:
    points, kinds = data.draw(devices())
    template = PayloadTemplate(points, kinds, REASONS)
    told = data.draw(st.lists(tellings(kinds), min_size=1, max_size=LAYOUTS_MAX + 3))
    # The same once more: what was remembered must have stayed as it was.
    for telling in told + told:
        assert by_template(template, telling) == encode_metrics(points, kinds, telling)


def encode_metrics(points: list[str], kinds: list[DataType], told: dict[int, Item]) -> bytes:
    return by_protobuf(points, kinds, told, timestamp_ms=None)


@given(
    st.just({}) | tellings([DataType.DOUBLE] * 3),
    times,
    st.none() | st.integers(0, 255),
    st.none() | st.builds(payload_uuid, st.just("0123456789abcdef" * 2), st.integers(0, 10**18 - 1)),
)
@example({}, 0, 0, "x" * 200)
def test_the_whole_payload_is_that_of_protobuf(
    told: dict[int, Item], timestamp_ms: int, seq: int | None, uuid: str | None
) -> None:
    points, kinds = ["a/b", "a/c", "a/d"], [DataType.DOUBLE] * 3
    metrics = by_template(PayloadTemplate(points, kinds, REASONS), told)
    whole = payload(metrics, timestamp_ms=timestamp_ms, seq=seq, uuid=uuid)
    assert whole == by_protobuf(points, kinds, told, timestamp_ms=timestamp_ms, seq=seq, uuid=uuid)


def test_a_state_is_true_at_one_only() -> None:
    template = PayloadTemplate(["a/b"], [DataType.BOOLEAN], REASONS)
    for value, is_true in ((1.0, True), (0.0, False), (2.0, False)):
        told = {0: Item(is_true, Quality.GOOD, 0, TIME_MS_MIN)}
        column = np.array([value])
        made = template.metrics(
            np.array([0]),
            column,
            np.array([192], dtype=np.int16),
            np.zeros(1, dtype=np.int8),
            np.array([TIME_MS_MIN]),
            {},
        )
        assert made == encode_metrics(["a/b"], [DataType.BOOLEAN], told)


@pytest.mark.parametrize("at_ms", [TIME_MS_MIN - 1, TIME_MS_MIN, TIME_MS_END - 1, TIME_MS_END])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_times_of_more_or_fewer_bytes_are_those_of_protobuf_wherever_they_stand(
    at_ms: int, place: int
) -> None:
    points, kinds = ["a/b", "a/c", "a/d"], [DataType.DOUBLE] * 3
    told = {row: Item(1.5, Quality.GOOD, 0, at_ms if row == place else TIME_MS_MIN + 7) for row in range(3)}
    alone = {place: told[place]}
    template = PayloadTemplate(points, kinds, REASONS)
    for telling in (told, alone):
        assert by_template(template, telling) == encode_metrics(points, kinds, telling)
