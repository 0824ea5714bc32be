"""Sparkplug payloads of others: what we accept, what we refuse, and how we name our own."""

import struct
from pathlib import Path

import pytest

from domain.errors import RemoteProtocolError
from domain.quality import Quality, Reason
from wire.sparkplug import (
    METRICS_MAX,
    PAYLOAD_BYTES_MAX,
    DataType,
    Metric,
    Payload,
    decode,
    encode,
    parse_uuid,
    payload_uuid,
    peek,
)
from wire.sparkplug_schema import PayloadMessage


def raw(**fields: object) -> bytes:
    """A payload with one metric, as a stranger might write it."""
    message = PayloadMessage()
    metric = message.metrics.add()  # type: ignore[attr-defined]
    metric.name, metric.datatype = "hc_outlet/closed", int(DataType.DOUBLE)
    for key, value in fields.items():
        setattr(metric, key, value)
    data: bytes = message.SerializeToString()
    return data


def with_property(key: str, kind: str, value: object) -> bytes:
    message = PayloadMessage()
    metric = message.metrics.add()  # type: ignore[attr-defined]
    metric.name, metric.datatype, metric.double_value = "x", int(DataType.DOUBLE), 1.0
    metric.properties.keys.append(key)
    item = metric.properties.values.add()
    setattr(item, kind, value)
    data: bytes = message.SerializeToString()
    return data


def test_only_a_doubtful_value_says_so() -> None:
    good = Metric(name="x", value=1.0, datatype=DataType.DOUBLE)
    stale = Metric(
        name="x", value=1.0, datatype=DataType.DOUBLE, quality=Quality.UNCERTAIN, reason=Reason.STALE
    )
    assert b"Quality" not in encode(Payload(timestamp_ms=1, metrics=(good,)))
    assert b"Quality" in encode(Payload(timestamp_ms=1, metrics=(stale,)))


def test_a_float_of_another_host_is_a_number() -> None:
    (metric,) = decode(raw(datatype=int(DataType.FLOAT), float_value=1.5)).metrics
    assert metric.value == 1.5


@pytest.mark.parametrize(
    ("datatype", "field", "value", "expected"),
    [
        (DataType.INT8, "int_value", 0xFF, -1),
        (DataType.INT16, "int_value", 0x8000, -32768),
        (DataType.INT32, "int_value", 0xFFFFFFFF, -1),
        (DataType.INT64, "long_value", 2**64 - 1, -1),
        (DataType.UINT32, "int_value", 0xFFFFFFFF, 2**32 - 1),
        (DataType.UINT64, "long_value", 2**63, 2**63),
    ],
)
def test_integers_in_twos_complement(datatype: DataType, field: str, value: int, expected: int) -> None:
    (metric,) = decode(raw(datatype=int(datatype), **{field: value})).metrics
    assert metric.value == expected


def test_nan_is_no_value() -> None:
    (metric,) = decode(raw(double_value=float("nan"))).metrics
    assert metric.value is None


def test_null_wins_over_a_value() -> None:
    (metric,) = decode(raw(is_null=True, double_value=1.0)).metrics
    assert metric.value is None


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\xff\xff\xff", "payload"),
        (encode(Payload(timestamp_ms=2**60)), "time"),
    ],
)
def test_refused(data: bytes, word: str) -> None:
    with pytest.raises(RemoteProtocolError, match=word):
        decode(data)


@pytest.mark.parametrize(
    ("poison", "name", "word"),
    [
        (raw(name=""), None, "no name"),
        (raw(name="zzzz").replace(b"zzzz", b"zz\xff\xfe"), None, "no name"),
        (raw(datatype=99), "hc_outlet/closed", "data type 99"),
        (raw(datatype=0), "hc_outlet/closed", "data type 0"),
        (raw(bytes_value=b"x"), "hc_outlet/closed", "bytes"),
        (raw(timestamp=2**60), "hc_outlet/closed", "time"),
    ],
)
def test_a_metric_that_cannot_be_read_takes_no_neighbour_along(
    poison: bytes, name: str | None, word: str
) -> None:
    # Protobuf joins repeated fields of messages written one after the other.
    payload = decode(raw(name="before", double_value=1.0) + poison + raw(name="after", double_value=2.0))
    assert [(place, metric.name, metric.value) for place, metric in payload.numbered()] == [
        (0, "before", 1.0),
        (2, "after", 2.0),
    ]
    [gone] = payload.unreadable
    assert (gone.place, gone.name) == (1, name)
    assert word in gone.fault


def test_what_the_broker_lets_through_is_read() -> None:
    """deploy/mosquitto refuses a longer packet, so that nobody takes in what another would refuse."""
    settings = (Path(__file__).parents[3] / "deploy" / "mosquitto" / "mosquitto.conf").read_text("utf-8")
    assert f"max_packet_size {PAYLOAD_BYTES_MAX}" in settings.splitlines()


def test_the_latest_time_is_the_last_that_json_can_say_exactly() -> None:
    assert decode(encode(Payload(timestamp_ms=2**53 - 1))).timestamp_ms == 2**53 - 1
    with pytest.raises(RemoteProtocolError, match="the time 9007199254740992 is no time"):
        decode(encode(Payload(timestamp_ms=2**53)))


def test_too_many_bytes_are_refused_unread() -> None:
    data = b"\x12\x00" * (PAYLOAD_BYTES_MAX // 2 + 1)
    with pytest.raises(RemoteProtocolError, match="2000002 bytes"):
        decode(data)
    assert peek(data) == (None, 0)


def test_too_many_metrics_are_refused() -> None:
    metric = Metric(name="x", value=True, datatype=DataType.BOOLEAN)
    with pytest.raises(RemoteProtocolError, match="10001 metrics"):
        decode(encode(Payload(timestamp_ms=1, metrics=(metric,) * (METRICS_MAX + 1))))


@pytest.mark.parametrize(
    ("kind", "value", "quality"),
    [
        ("int_value", 192, Quality.GOOD),
        ("int_value", 500, Quality.UNCERTAIN),
        ("int_value", 0, Quality.BAD),
        ("int_value", 7, Quality.UNCERTAIN),
        ("string_value", "fine", Quality.UNCERTAIN),
        ("double_value", float("inf"), Quality.UNCERTAIN),
        ("double_value", float("nan"), Quality.UNCERTAIN),
    ],
)
def test_a_quality_that_we_do_not_know_is_uncertain(kind: str, value: object, quality: Quality) -> None:
    (metric,) = decode(with_property("Quality", kind, value)).metrics
    assert metric.quality is quality


def test_a_reason_stands_under_its_own_name() -> None:
    """docs/protocols/mqtt.md: whoever reads our values finds there why one is in doubt."""
    (metric,) = decode(with_property("stoplog_reason", "string_value", "stale")).metrics
    assert metric.reason is Reason.STALE


def test_a_reason_that_we_do_not_know_is_none() -> None:
    (metric,) = decode(with_property("stoplog_reason", "string_value", "sunspots")).metrics
    assert metric.reason is None


@pytest.mark.parametrize("uuid", [None, "", "x", "0" * 32, "0" * 32 + "-", "0" * 31 + "-1", "G" * 32 + "-1", "X" * 32 + "-1", "A" * 32 + "-1", "0" * 32 + "--1", "0" * 32 + "-1x", "0" * 32 + "-" + "9" * 19, "0" * 32 + "-²"])  # fmt: skip
def test_names_that_are_not_ours(uuid: str | None) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_uuid(uuid)


def test_our_names() -> None:
    assert payload_uuid("ab" * 16, 7) == "ab" * 16 + "-7"
    assert parse_uuid("ab" * 16 + "-7") == ("ab" * 16, 7)


def test_a_double_keeps_all_its_bits() -> None:
    value = struct.unpack("<d", b"\x01" * 8)[0]
    (metric,) = decode(
        encode(Payload(timestamp_ms=1, metrics=(Metric(name="x", value=value, datatype=DataType.DOUBLE),)))
    ).metrics
    assert metric.value == value


@pytest.mark.parametrize(
    ("datatype", "value", "field", "written"),
    [
        (DataType.DOUBLE, 7, "double_value", 7.0),
        (DataType.INT32, -1, "int_value", 0xFFFF_FFFF),
        (DataType.UINT32, 7, "int_value", 7),
        (DataType.INT64, -1, "long_value", 0xFFFF_FFFF_FFFF_FFFF),
        (DataType.UINT64, 2**63, "long_value", 2**63),
        (DataType.DATETIME, 1_795_219_200_000, "long_value", 1_795_219_200_000),
        (DataType.BOOLEAN, False, "boolean_value", False),
        (DataType.STRING, "关", "string_value", "关"),
    ],
)
def test_a_value_is_written_in_the_field_of_its_type(
    datatype: DataType, value: float | str, field: str, written: float | str
) -> None:
    message = PayloadMessage()
    metric = Metric(name="x", value=value, datatype=datatype)
    message.ParseFromString(encode(Payload(timestamp_ms=None, metrics=(metric,))))
    (found,) = message.metrics  # type: ignore[attr-defined]
    assert (found.datatype, found.WhichOneof("value"), getattr(found, field)) == (datatype, field, written)


@pytest.mark.parametrize(("field", "value"), [("string_value", "x"), ("double_value", 1.5)])
def test_a_value_that_is_not_of_its_type_is_read_as_it_stands(field: str, value: object) -> None:
    (metric,) = decode(raw(datatype=int(DataType.INT8), **{field: value})).metrics
    assert metric.value == value


def test_properties_are_texts_and_numbers_under_names_that_are_texts() -> None:
    message = PayloadMessage()
    metric = message.metrics.add()  # type: ignore[attr-defined]
    metric.name, metric.datatype, metric.double_value = "x", int(DataType.DOUBLE), 1.0
    metric.properties.keys.extend(["unit", "none", "set", "low", "high", "zzzz"])
    values = [metric.properties.values.add() for _ in range(6)]
    values[0].string_value = "m"
    values[2].propertyset_value.keys.append("inner")
    values[3].int_value = 2
    values[4].double_value = 2.5
    values[5].string_value = "under a name that is none"
    (found,) = decode(message.SerializeToString().replace(b"zzzz", b"zz\xff\xfe")).metrics
    assert found.properties == {"unit": "m", "low": 2, "high": 2.5}


def test_a_payload_is_read_up_to_two_million_bytes_and_ten_thousand_metrics() -> None:
    longest = encode(Payload(timestamp_ms=None, uuid="x" * (2_000_000 - 4)))
    assert len(longest) == 2_000_000
    assert decode(longest).uuid == "x" * 1_999_996
    assert peek(longest) == ("x" * 1_999_996, 0)
    assert peek(longest + b"\x18\x01") == (None, 0)
    many = b"\x12\x00" * 10_000
    assert len(decode(many).unreadable) == 10_000
    with pytest.raises(RemoteProtocolError, match="10001 metrics, at most 10000"):
        decode(many + b"\x12\x00")
    assert peek(many + b"\x12\x00") == (None, 10_001)


def test_of_what_is_no_payload_nothing_is_known() -> None:
    assert peek(b"\xff\xff\xff") == (None, 0)
