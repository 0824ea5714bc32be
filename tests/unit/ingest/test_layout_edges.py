"""Which payloads are recognised by their layout: all that our gateways write, for it is they whose speed counts; and none other."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from domain.ids import PointRef
from domain.quality import Quality, Reason
from ingest.layout import ALIKE_MAX, LAYOUTS_MAX, UUID_MAX, Layouts, Recognised
from stores.codes import code_of
from tests.unit.ingest.test_layout import EPOCH, LIVE, NOW_MS
from wire.sparkplug import DataType, Metric, Payload, decode, encode, payload_uuid

NUMBER = Metric(name="a/cod", value=1.5, datatype=DataType.DOUBLE, timestamp_ms=NOW_MS)
STATE = Metric(name="a/closed", value=True, datatype=DataType.BOOLEAN, timestamp_ms=NOW_MS)
BAD = replace(NUMBER, value=None, quality=Quality.BAD, reason=Reason.LINK)
DOUBTED = replace(STATE, name="a/open", quality=Quality.UNCERTAIN, reason=Reason.STALE)
PAYLOAD = Payload(
    timestamp_ms=NOW_MS, seq=200, uuid=payload_uuid(EPOCH, 7), metrics=(NUMBER, STATE, BAD, DOUBTED)
)


def fit(name: str, is_state: bool) -> PointRef | None:  # a callback
    return None if name.startswith("no") else PointRef(f"{name}?" if is_state else name)


def read(payload: Payload, layouts: Layouts | None = None) -> Recognised | None:
    return (layouts or Layouts(code_of)).read(LIVE, encode(payload), fit)


def is_read(payload: Payload) -> bool:
    """Read twice, so that it is both learnt and known, and hold it against what protobuf reads."""
    layouts = Layouts(code_of)
    found = [read(payload, layouts), read(payload, layouts)]
    if None in found:
        assert found == [None, None]
        return False
    wanted = decode(encode(payload)).metrics
    for item in found:
        assert item is not None
        assert item.uuid == payload.uuid
        assert item.points == tuple(fit(m.name, m.datatype is DataType.BOOLEAN) for m in wanted)
        assert item.times_ms.tolist() == [m.timestamp_ms for m in wanted]
        assert item.codes.tolist() == [code_of(m.quality, m.reason) for m in wanted]
        values = [np.nan if m.value is None else m.value for m in wanted]
        assert np.array_equal(item.values, np.array(values, float), equal_nan=True)
    return True


def all_read(payloads: Iterable[Payload]) -> list[bool]:
    return [is_read(payload) for payload in payloads]


def test_every_count_of_a_session_is_recognised() -> None:
    assert all(all_read(replace(PAYLOAD, seq=seq) for seq in (None, *range(40), *range(120, 140), 254, 255)))


def test_every_number_of_a_payload_is_recognised() -> None:
    offsets = [0, 9, 10, *(10**digits for digits in range(2, 19)), 10**18 - 1]
    assert all(all_read(replace(PAYLOAD, uuid=payload_uuid(EPOCH, offset)) for offset in offsets))
    assert all(all_read(replace(PAYLOAD, seq=None, uuid=payload_uuid(EPOCH, offset)) for offset in offsets))


def test_names_are_recognised_up_to_what_one_byte_can_count() -> None:
    for metric in (NUMBER, STATE, BAD):
        lengths = [
            size
            for size in range(1, 132)
            if is_read(replace(PAYLOAD, metrics=(replace(metric, name="p" * size),)))
        ]
        assert lengths == list(range(1, 128))


def test_times_are_recognised_that_take_six_bytes() -> None:
    edges = [0, 2**35 - 1, 2**35, NOW_MS, 2**42 - 1, 2**42]
    own = [is_read(replace(PAYLOAD, timestamp_ms=at_ms)) for at_ms in edges]
    one = [is_read(replace(PAYLOAD, metrics=(NUMBER, replace(STATE, timestamp_ms=at_ms)))) for at_ms in edges]
    assert own == one == [False, False, True, True, True, False]


def test_each_metric_has_its_own_time_and_value() -> None:
    layouts = Layouts(code_of)
    read(PAYLOAD, layouts)
    times = [NOW_MS + 1, 2**35, 2**42 - 1, 0x123_4567_89AB]
    metrics = tuple(
        replace(metric, timestamp_ms=at_ms) for metric, at_ms in zip(PAYLOAD.metrics, times, strict=True)
    )
    moved = read(
        replace(PAYLOAD, metrics=(metrics[0], replace(metrics[1], value=False), *metrics[2:])), layouts
    )
    assert moved is not None
    assert moved.times_ms.tolist() == times
    assert moved.values.tolist()[:2] == [1.5, 0.0]
    assert len(layouts._known[LIVE, next(iter(layouts._known))[1]]) == 1, "one layout, learnt once"


def test_payloads_share_a_layout_whatever_their_own_time() -> None:
    layouts = Layouts(code_of)
    found = [read(replace(PAYLOAD, timestamp_ms=at_ms), layouts) for at_ms in (NOW_MS, 2**35, 2**42 - 1)]
    points = [item.points for item in found if item is not None]
    assert len(points) == len(found)
    assert all(of is points[0] for of in points), "learnt once"


@pytest.mark.parametrize(
    "odd",
    [
        replace(NUMBER, name="名/点"),
        replace(NUMBER, timestamp_ms=None),
        replace(NUMBER, datatype=DataType.INT32, value=5),
        replace(NUMBER, value=float("inf")),
        replace(NUMBER, value=float("nan")),
        replace(NUMBER, datatype=DataType.STRING, value="x"),
        replace(BAD, datatype=DataType.STRING),
        replace(BAD, datatype=DataType.INT32, value=5),
        replace(NUMBER, name="no/point"),
    ],
)
def test_what_our_gateways_do_not_store_is_left_to_protobuf(odd: Metric) -> None:
    assert not is_read(replace(PAYLOAD, metrics=(odd,)))
    assert not is_read(replace(PAYLOAD, metrics=(*PAYLOAD.metrics, odd)))
    assert not is_read(replace(PAYLOAD, metrics=(odd, *PAYLOAD.metrics)))


def test_payloads_of_any_length_up_to_that_of_the_longest_number_are_recognised() -> None:
    assert len(payload_uuid(EPOCH, 10**19 - 1)) == UUID_MAX
    numbered = [replace(PAYLOAD, uuid="0" * size) for size in range(UUID_MAX + 3)]
    assert all_read(numbered) == [size <= UUID_MAX for size in range(UUID_MAX + 3)]
    assert all(all_read(replace(PAYLOAD, seq=34, uuid="0" * size) for size in range(34, UUID_MAX + 1)))


@pytest.mark.parametrize("uuid", [None, "0a" * 27, "é" * 20])
def test_a_payload_without_a_number_of_ours_is_left_to_protobuf(uuid: str | None) -> None:
    assert not is_read(replace(PAYLOAD, uuid=uuid))


def test_a_payload_of_numbers_alone_and_one_of_states_alone() -> None:
    assert all(all_read(replace(PAYLOAD, metrics=(metric,) * 3) for metric in (NUMBER, STATE, BAD, DOUBTED)))


def test_as_many_layouts_of_one_length_are_known_as_said_the_newest_first() -> None:
    layouts = Layouts(code_of)
    alike = [
        replace(PAYLOAD, metrics=(replace(NUMBER, name=f"p{number}"),)) for number in range(ALIKE_MAX + 1)
    ]
    first = read(alike[0], layouts)
    for payload in alike[1:ALIKE_MAX]:
        read(payload, layouts)
    kept = read(alike[0], layouts)
    assert first is not None
    assert kept is not None
    assert kept.points is first.points
    read(alike[ALIKE_MAX], layouts)
    anew = read(alike[0], layouts)
    assert anew is not None
    assert anew.points is not first.points
    (known,) = layouts._known.values()
    assert len(known) == ALIKE_MAX


def test_the_layout_made_first_is_forgotten_when_there_are_too_many() -> None:
    layouts, data = Layouts(code_of), encode(replace(PAYLOAD, metrics=(NUMBER,)))
    kept = {}
    for number in range(LAYOUTS_MAX):
        kept[number] = layouts.read(f"topic {number}", data, fit)
    assert len(layouts._known) == LAYOUTS_MAX
    layouts.read("one more", data, fit)
    assert len(layouts._known) == LAYOUTS_MAX
    for number, is_kept in [(1, True), (LAYOUTS_MAX - 1, True), (0, False)]:
        found, before = layouts.read(f"topic {number}", data, fit), kept[number]
        assert found is not None
        assert before is not None
        assert (found.points is before.points) is is_kept


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_great_numbers_are_numbers_though_their_sum_is_none() -> None:
    great = [replace(NUMBER, name=f"p{number}", value=1.7e308) for number in range(3)]
    assert is_read(replace(PAYLOAD, metrics=tuple(great)))
    for odd in (float("inf"), float("nan"), -float("inf")):
        assert not is_read(replace(PAYLOAD, metrics=(*great, replace(NUMBER, value=odd))))


def test_a_state_that_is_neither_0_nor_1_is_left_to_protobuf() -> None:
    layouts, data = Layouts(code_of), bytearray(encode(replace(PAYLOAD, metrics=(STATE, NUMBER))))
    at = data.index(b"\x20\x0b\x70") + 3
    assert data[at] == 1
    for byte, is_recognised in ((1, True), (0, True), (2, False), (0x7F, False)):
        data[at] = byte
        assert (layouts.read(LIVE, bytes(data), fit) is not None) is is_recognised


def test_a_null_that_says_to_be_good_is_left_to_protobuf_and_one_of_any_name_that_is_not_is_read() -> None:
    for metric in (NUMBER, STATE):
        assert not is_read(replace(PAYLOAD, metrics=(replace(metric, value=None),)))
    assert is_read(replace(PAYLOAD, metrics=(NUMBER, BAD)))
    assert is_read(replace(PAYLOAD, metrics=(replace(BAD, name="名/点"),)))
