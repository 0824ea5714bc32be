"""Whatever bytes come, what is recognised by its layout is what protobuf reads: each byte changed, and what only looks like ours."""

from dataclasses import replace

import numpy as np
import pytest

from domain.errors import RemoteProtocolError
from domain.quality import Quality
from ingest.layout import Layouts
from stores.codes import code_of
from tests.unit.ingest.test_layout import LIVE
from tests.unit.ingest.test_layout_edges import DOUBTED, NUMBER, PAYLOAD, STATE, fit
from wire.sparkplug import DataType, Metric, Payload, decode, encode

SHORT = replace(PAYLOAD, uuid="0" * 20)


def is_recognised(data: bytes) -> bool:
    """Whether it is; and if so, hold it against what protobuf reads."""
    found = Layouts(code_of).read(LIVE, data, fit)
    if found is None:
        return False
    wanted = decode(data)
    assert (found.uuid, wanted.unreadable) == (wanted.uuid, ())
    assert found.points == tuple(fit(m.name, m.datatype is DataType.BOOLEAN) for m in wanted.metrics)
    assert found.times_ms.tolist() == [m.timestamp_ms for m in wanted.metrics]
    assert found.codes.tolist() == [code_of(m.quality, m.reason) for m in wanted.metrics]
    values = [np.nan if m.value is None else m.value for m in wanted.metrics]
    assert np.array_equal(found.values, np.array(values, float), equal_nan=True)
    return True


@pytest.mark.parametrize("seq", [None, 100, 200])
def test_with_any_byte_changed_a_payload_is_read_as_protobuf_reads_it_or_left_alone(seq: int | None) -> None:
    data = encode(replace(SHORT, seq=seq, metrics=(replace(NUMBER, name="n"), replace(STATE, name="s"))))
    assert is_recognised(data)
    changed = [
        data[:at] + bytes([other]) + data[at + 1 :]
        for at, byte in enumerate(data)
        for other in {byte ^ 0x80, byte ^ 1, byte ^ 2, 0x00, 0x7F, 0x80} - {byte}
    ]
    assert 0 < sum(map(is_recognised, changed)) < len(changed)


def put(metric: Metric, chunk: bytes) -> bytes:
    """Return a payload of one metric that is written as `chunk`, and not as ours are."""
    ours = encode(Payload(timestamp_ms=None, metrics=(metric,)))
    data = encode(replace(SHORT, metrics=(metric,)))
    assert is_recognised(data)
    assert data.count(ours) == 1
    return data.replace(ours, chunk)


@pytest.mark.parametrize("metric", [NUMBER, STATE, replace(NUMBER, quality=Quality.UNCERTAIN), DOUBTED])
def test_a_metric_that_says_more_than_ours_do_is_left_to_protobuf(metric: Metric) -> None:
    ours = encode(Payload(timestamp_ms=None, metrics=(metric,)))
    longer = put(metric, bytes([0x12, ours[1] + 2]) + ours[2:] + b"\x28\x00")
    assert decode(longer).metrics == (metric,), "not historical, it says, which all are"
    assert not is_recognised(longer)


def test_a_name_whose_length_takes_two_bytes_and_has_one_is_left_to_protobuf() -> None:
    metric = replace(NUMBER, name="p" * 127)
    ours = encode(Payload(timestamp_ms=None, metrics=(metric,)))
    assert ours[1:5] == b"\x93\x01\x0a\x7f"
    garbled = put(metric, b"\x12\x94\x01\x0a\x80" + b"p" * 128 + ours[5 + 127 :])
    with pytest.raises(RemoteProtocolError):
        decode(garbled)
    assert not is_recognised(garbled)


@pytest.mark.parametrize(("value", "ends"), [(6.0, "1840"), (4.497164061662386e-300, "18c801")])
def test_a_last_number_that_ends_like_a_count_of_the_session_is_left_to_protobuf(
    value: float, ends: str
) -> None:
    data = encode(replace(SHORT, seq=None, metrics=(STATE, replace(NUMBER, value=value))))
    assert bytes.fromhex(ends + "2214") in data
    assert not is_recognised(data)
    assert is_recognised(encode(replace(SHORT, metrics=(STATE, replace(NUMBER, value=value)))))


def test_a_quotation_mark_in_the_payload_s_own_time_is_no_tag() -> None:
    data = encode(Payload(timestamp_ms=0x22 << 35, metrics=())) + b"\x2a\x29" + b" " * 41
    assert data[6] == ord('"')
    assert decode(data).uuid is None
    assert not is_recognised(data)
