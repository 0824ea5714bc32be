"""Sparkplug B payloads as values: encode what we say, decode what anybody says, and name our payloads by offset."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import Protocol, cast

from google.protobuf.message import DecodeError

from domain.errors import RemoteProtocolError
from domain.quality import Quality, Reason
from domain.sample import Value
from wire.sparkplug_schema import PayloadMessage

METRICS_MAX = 10_000
"""A payload with more metrics is refused: no device of a park has as many points."""
PAYLOAD_BYTES_MAX = 2_000_000
"""A longer payload is refused unread, as deploy/mosquitto refuses its packet: two bytes can claim a metric that takes a hundred."""
TIME_MS_MAX = 2**53 - 1
"""Beyond it a time is no longer a number to JSON and to databases; in milliseconds that is far away."""
REASON_KEY = "stoplog_reason"
"""Our property that says why a quality is not good (domain.quality.Reason)."""


class DataType(IntEnum):
    """Sparkplug 3.0 section 6.4.16: the ones we write, and the integers we accept from others."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One named value."""

    name: str
    value: Value | int | None
    """None: Sparkplug's null."""
    datatype: DataType
    timestamp_ms: int | None = None
    quality: Quality = Quality.GOOD
    reason: Reason | None = None
    properties: Mapping[str, str | float] = field(default_factory=dict)
    """Births only: unit, range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """One metric that cannot be decoded; its neighbours can."""

    place: int
    """Among all metrics of the payload, from 0."""
    name: str | None
    """None: it has none, or one that is no text."""
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One Sparkplug message's content."""

    timestamp_ms: int | None
    metrics: tuple[Metric, ...] = ()
    seq: int | None = None
    """0–255; None in NDEATH and in commands."""
    uuid: str | None = None
    """`epoch-offset` of a journalled payload; None for births and deaths."""
    unreadable: tuple[Unreadable, ...] = ()
    """What `decode` found besides `metrics`, in the order of their places."""

    def numbered(self) -> Iterator[tuple[int, Metric]]:
        """Yield each metric with its place among all metrics of the message, the unreadable ones included."""
        gone = {item.place for item in self.unreadable}
        places = (place for place in count() if place not in gone)
        return zip(places, self.metrics, strict=False)


def payload_uuid(epoch: str, offset: int) -> str:
    """Return the name of a journalled payload: 32 hexadecimal digits of the epoch, `-`, the decimal offset."""
    return f"{epoch}-{offset}"


def parse_uuid(uuid: str | None) -> tuple[str, int]:
    """Return (epoch, offset). Raises RemoteProtocolError when `uuid` is not of our form."""
    epoch, dash, offset = (uuid or "").partition("-")
    is_hex = len(epoch) == 32 and all(letter in "0123456789abcdef" for letter in epoch)
    if not (dash and is_hex and offset.isascii() and offset.isdigit() and len(offset) < 19):
        message = f"uuid {uuid!r} is not epoch-offset"
        raise RemoteProtocolError(message)
    return epoch, int(offset)


def encode(payload: Payload) -> bytes:
    """Return the protobuf bytes of `payload`."""
    message = cast("_Payload", PayloadMessage())
    if payload.timestamp_ms is not None:
        message.timestamp = payload.timestamp_ms
    if payload.seq is not None:
        message.seq = payload.seq
    if payload.uuid is not None:
        message.uuid = payload.uuid
    for metric in payload.metrics:
        _write(message.metrics.add(), metric)
    return message.SerializeToString()


def decode(data: bytes) -> Payload:
    """Return the payload in `data`.

    A metric that has no name, an unknown type or no possible time stands in `unreadable` and takes no neighbour along.
    Raises RemoteProtocolError when the whole is no payload, too long, or has too many metrics.
    """
    if len(data) > PAYLOAD_BYTES_MAX:
        reason = f"{len(data)} bytes, at most {PAYLOAD_BYTES_MAX}"
        raise RemoteProtocolError(reason)
    message = cast("_Payload", PayloadMessage())
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        reason = f"not a Sparkplug payload: {error}"
        raise RemoteProtocolError(reason) from error
    if len(message.metrics) > METRICS_MAX:
        reason = f"{len(message.metrics)} metrics, at most {METRICS_MAX}"
        raise RemoteProtocolError(reason)
    uuid = message.uuid
    if not isinstance(uuid, str):
        reason = "the uuid is no text"
        raise RemoteProtocolError(reason)
    metrics: list[Metric] = []
    unreadable: list[Unreadable] = []
    for place, metric in enumerate(message.metrics):
        try:
            metrics.append(_read(metric))
        except RemoteProtocolError as error:
            name = metric.name if isinstance(metric.name, str) else None
            unreadable.append(Unreadable(place=place, name=name or None, fault=str(error)))
    return Payload(
        timestamp_ms=_time(message),
        metrics=tuple(metrics),
        unreadable=tuple(unreadable),
        seq=message.seq if message.HasField("seq") else None,
        uuid=uuid if message.HasField("uuid") else None,
    )


def peek(data: bytes) -> tuple[str | None, int]:
    """Return uuid and number of metrics of a payload that `decode` refuses; (None, 0) when it is no payload at all."""
    message = cast("_Payload", PayloadMessage())
    try:
        message.ParseFromString(data if len(data) <= PAYLOAD_BYTES_MAX else b"")
    except DecodeError:
        return None, 0
    uuid = message.uuid
    return uuid if isinstance(uuid, str) and message.HasField("uuid") else None, len(message.metrics)


def _write(message: "_Metric", metric: Metric) -> None:
    message.name = metric.name
    message.datatype = metric.datatype
    if metric.timestamp_ms is not None:
        message.timestamp = metric.timestamp_ms
    match metric.value:
        case None:
            message.is_null = True
        case bool(value):
            message.boolean_value = value
        case str(value):
            message.string_value = value
        case value if metric.datatype is DataType.DOUBLE:
            message.double_value = float(value)
        case value if metric.datatype in _LONG:
            message.long_value = int(value) & 0xFFFF_FFFF_FFFF_FFFF
        case value:
            message.int_value = int(value) & 0xFFFF_FFFF
    if metric.quality is not Quality.GOOD:
        _property(message.properties, "Quality", int(metric.quality))
        if metric.reason is not None:
            _property(message.properties, REASON_KEY, metric.reason.value)
    for key, value in metric.properties.items():
        _property(message.properties, key, value)


def _property(properties: "_PropertySet", key: str, value: str | float) -> None:
    properties.keys.append(key)
    item = properties.values.add()
    if isinstance(value, str):
        item.type, item.string_value = DataType.STRING, value
    elif isinstance(value, int):
        item.type, item.int_value = DataType.INT32, value
    else:
        item.type, item.double_value = DataType.DOUBLE, value


_DATATYPES = {int(kind): kind for kind in DataType}
_LONG = {DataType.INT64, DataType.UINT64, DataType.DATETIME}
_SIGNED_BITS = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}


def _read(message: "_Metric") -> Metric:
    name = message.name
    if not name or not isinstance(name, str):
        reason = f"a metric has no name (aliases are not used): {name!r:.80}"
        raise RemoteProtocolError(reason)
    datatype = _DATATYPES.get(message.datatype)
    if datatype is None:
        reason = f"metric {name!r:.80} has the data type {message.datatype}, which cannot be stored"
        raise RemoteProtocolError(reason)
    if not message.HasField("properties"):
        return Metric(
            name=name, value=_value(message, datatype), datatype=datatype, timestamp_ms=_time(message)
        )
    properties = _properties(message)
    return Metric(
        name=name,
        value=_value(message, datatype),
        datatype=datatype,
        timestamp_ms=_time(message),
        quality=_quality(properties.pop("Quality", None)),
        reason=_reason(properties.pop(REASON_KEY, None)),
        properties=properties,
    )


def _time(message: "_Metric | _Payload") -> int | None:
    time_ms = message.timestamp
    if time_ms > TIME_MS_MAX:
        reason = f"the time {time_ms} is no time"
        raise RemoteProtocolError(reason)
    return time_ms if time_ms or message.HasField("timestamp") else None


def _value(message: "_Metric", datatype: DataType) -> Value | int | None:
    which = message.WhichOneof("value")
    if message.is_null or which is None:
        return None
    value = getattr(message, which)
    if isinstance(value, float):
        return None if math.isnan(value) else value
    bits = _SIGNED_BITS.get(datatype)
    if bits is not None and isinstance(value, int):
        value &= (1 << bits) - 1
        value -= (value >> (bits - 1)) << bits
    if isinstance(value, bool | int | str):
        return value
    reason = f"metric {message.name!r:.80} carries bytes, which cannot be stored"
    raise RemoteProtocolError(reason)


def _properties(message: "_Metric") -> dict[str, str | float]:
    found: dict[str, str | float] = {}
    for key, item in zip(message.properties.keys, message.properties.values, strict=False):
        which = item.WhichOneof("value")
        value = None if which is None else getattr(item, which)
        if isinstance(value, str | int | float) and isinstance(key, str):
            found[key] = value
    return found


def _quality(value: str | float | None) -> Quality:
    """Return the quality; absent means good by the specification, an unknown number is uncertain."""
    if value is None:
        return Quality.GOOD
    try:
        return Quality(int(value))
    except (ValueError, OverflowError):
        return Quality.UNCERTAIN


def _reason(value: str | float | None) -> Reason | None:
    try:
        return Reason(str(value)) if value is not None else None
    except ValueError:
        return None


class _PropertyValue(Protocol):
    type: int
    int_value: int
    double_value: float
    string_value: str

    def WhichOneof(self, name: str) -> str | None: ...  # noqa: N802


class _PropertyValues(Protocol):
    def add(self) -> _PropertyValue: ...
    def __iter__(self) -> "_PropertyValues": ...
    def __next__(self) -> _PropertyValue: ...


class _PropertySet(Protocol):
    keys: list[str]
    values: _PropertyValues


class _Metric(Protocol):
    name: str | bytes
    """protobuf gives bytes when the peer sent no UTF-8."""
    timestamp: int
    datatype: int
    is_null: bool
    int_value: int
    long_value: int
    double_value: float
    boolean_value: bool
    string_value: str
    properties: _PropertySet

    def HasField(self, name: str) -> bool: ...  # noqa: N802
    def WhichOneof(self, name: str) -> str | None: ...  # noqa: N802


class _Metrics(Protocol):
    def add(self) -> _Metric: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_Metric]: ...


class _Payload(Protocol):
    timestamp: int
    seq: int
    uuid: str | bytes
    metrics: _Metrics

    def HasField(self, name: str) -> bool: ...  # noqa: N802
    def SerializeToString(self) -> bytes: ...  # noqa: N802
    def ParseFromString(self, data: bytes) -> int: ...  # noqa: N802
