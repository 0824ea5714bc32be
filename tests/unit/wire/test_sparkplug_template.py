"""Payloads from a template where a length takes one byte more: they are those of protobuf, byte for byte."""

from collections.abc import Mapping

import numpy as np
import pytest

from domain.quality import Quality, Reason
from domain.sample import Value
from wire.sparkplug import DataType, Metric, Payload, encode
from wire.sparkplug_template import PayloadTemplate, payload

AT_MS = 1_795_304_735_000
REASONS = (None, Reason.RANGE)
KINDS = (DataType.DOUBLE, DataType.BOOLEAN, DataType.STRING)


def template(*names: str) -> PayloadTemplate:
    """Of each name in turn a number, a state and a text."""
    return PayloadTemplate([name for name in names for _ in KINDS], KINDS * len(names), REASONS)


def told(
    made: PayloadTemplate,
    values: Mapping[int, Value | None],
    quality: Quality = Quality.GOOD,
    at_ms: int = AT_MS,
) -> bytes:
    count, items = len(values), list(values.values())
    numbers = [np.nan if item is None or isinstance(item, str) else float(item) for item in items]
    return bytes(
        made.metrics(
            np.array(list(values), dtype=np.int64),
            np.array(numbers, dtype=np.float64),
            np.full(count, quality, dtype=np.int16),
            np.full(count, int(quality is not Quality.GOOD), dtype=np.int8),
            np.full(count, at_ms, dtype=np.int64) + np.arange(count),
            {place: item for place, item in enumerate(items) if isinstance(item, str)},
        )
    )


def by_protobuf(
    names: list[str], values: Mapping[int, Value | None], quality: Quality = Quality.GOOD, at_ms: int = AT_MS
) -> bytes:
    reason = None if quality is Quality.GOOD else Reason.RANGE
    metrics = tuple(
        Metric(
            name=names[row // 3],
            value=value,
            datatype=KINDS[row % 3],
            timestamp_ms=at_ms + place,
            quality=quality,
            reason=reason,
        )
        for place, (row, value) in enumerate(values.items())
    )
    return encode(Payload(timestamp_ms=None, metrics=metrics))


def test_names_and_chunks_of_every_length_around_one_byte() -> None:
    names = ["n" * size for size in range(60, 135)]
    made = template(*names)
    values: dict[int, Value | None] = {}
    for row in range(len(names)):
        values |= {3 * row: row / 8, 3 * row + 1: row % 2 == 0, 3 * row + 2: "关"}
    silent = dict.fromkeys(values)
    for quality in (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD):
        for said in (values, silent, dict(reversed(values.items()))):
            assert told(made, said, quality) == by_protobuf(names, said, quality)


@pytest.mark.parametrize("sizes", [range(85, 130), range(16_345, 16_385)])
def test_texts_of_every_length_around_one_and_two_bytes(sizes: range) -> None:
    made = template("tank/lot")
    for size in sizes:
        said: dict[int, Value | None] = {2: "x" * size, 0: 1.5, 1: True}
        assert told(made, said) == by_protobuf(["tank/lot"], said)
        assert told(made, said, Quality.UNCERTAIN) == by_protobuf(["tank/lot"], said, Quality.UNCERTAIN)


def test_what_is_remembered_is_no_text_and_nothing_of_another_telling() -> None:
    made, names = template("a", "b"), ["a", "b"]
    tellings: list[dict[int, Value | None]] = [
        {2: "first"},
        {2: "second"},
        {2: None},
        {0: 1.0, 3: 2.0},
        {3: 1.0, 0: 2.0},
        {0: None, 3: 2.0},
        {0: 1.0, 3: None},
        {1: True, 4: False},
        {1: False, 4: True, 5: "third"},
        {5: "", 0: 1.0},
        {0: "a text in a number's place", 3: 1.0},
    ]
    for said in tellings * 3:
        for quality in (Quality.GOOD, Quality.BAD, Quality.UNCERTAIN):
            assert told(made, said, quality) == by_protobuf(names, said, quality)


def test_little_is_remembered_whatever_is_told() -> None:
    made = template("a")
    for row in range(3):
        for quality in Quality:
            for value in (None, "x" if row == 2 else 1.0):
                told(made, {row: value}, quality)
                assert len(made._layouts) <= 4
                assert len(made._other) <= 7


def test_nothing_told_is_no_byte() -> None:
    assert told(template("a"), {}) == b""


@pytest.mark.parametrize(
    ("at_ms", "seq", "uuid"),
    [
        (0, None, None),
        (127, 127, "u" * 127),
        (128, 128, "u" * 128),
        (2**35 - 1, 255, "u"),
        (2**35, 0, ""),
        (2**42 - 1, 1, "关"),
        (2**42, 2, "u"),
        (2**53 - 1, 3, "u"),
    ],
)
def test_the_whole_is_that_of_protobuf(at_ms: int, seq: int | None, uuid: str | None) -> None:
    told_then = told(template("a"), {0: 1.5, 1: True}, at_ms=at_ms)
    assert told_then == by_protobuf(["a"], {0: 1.5, 1: True}, at_ms=at_ms)
    whole = payload(told_then, timestamp_ms=at_ms, seq=seq, uuid=uuid)
    around = encode(Payload(timestamp_ms=at_ms, seq=seq, uuid=uuid))
    time = 1 + _varint_size(at_ms)
    assert whole == around[:time] + told_then + around[time:]


def _varint_size(number: int) -> int:
    return max(1, -(-number.bit_length() // 7))
