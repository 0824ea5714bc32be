"""Decides what of a payload is fit to be stored and what goes to quarantine, with the reason; it stores nothing.

Nothing is dropped: every sample of a payload ends in one of the two, and a payload that cannot be read goes whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import numpy as np

from domain.errors import RemoteProtocolError
from domain.ids import DeviceId, GatewayId, PointRef
from domain.park import Park, Point
from domain.quality import Quality
from ingest.layout import Layouts
from stores.codes import code_of
from stores.port import Columns, PayloadName
from wire.sparkplug import Metric, Payload, decode, parse_uuid, peek
from wire.topics import Channel, Kind, parse_ours, parse_sparkplug

TEXT_MAX = 1000
"""Letters kept of a name or a value in quarantine; the payload itself is kept whole."""
WHOLE = -1
"""The index that stands for all samples of a payload."""


class Why(StrEnum):
    """Reasons for quarantine."""

    UNREADABLE = "unreadable"
    """A payload, or one of its metrics, that cannot be decoded."""
    NO_NAME = "no-name"
    """Its uuid is not ours: another publisher's."""
    UNKNOWN_GATEWAY = "unknown-gateway"
    UNKNOWN_POINT = "unknown-point"
    WRONG_SENDER = "wrong-sender"
    """The point belongs to another device or gateway than the topic says."""
    WRONG_TYPE = "wrong-type"
    NOT_FINITE = "not-finite"
    NO_VALUE = "no-value"
    """Null, and called good."""
    NO_TIME = "no-time"
    TOO_OLD = "too-old"
    IN_FUTURE = "in-future"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One sample, or a payload whole, that is not fit to be stored."""

    index: int
    """Place among the payload's metrics; WHOLE: all of it."""
    samples: int
    """How many samples it stands for."""
    why: Why
    detail: str
    point: str | None = None
    observed_ms: int | None = None
    value: str | None = None


class Text(NamedTuple):
    """One sample of a point whose value is text."""

    place: int
    """Among the payload's metrics."""
    point: PointRef
    observed_ms: int
    value: str | None
    code: int
    """Of stores.codes."""


NOTHING = Columns((), np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one message."""

    name: PayloadName | None
    """None: it has no name of ours and cannot be acknowledged."""
    is_first: bool = True
    """False: it came as history, so that any worker may have had it before."""
    samples: Columns = NOTHING
    places: Sequence[int] = ()
    """Of the samples, among the metrics."""
    texts: tuple[Text, ...] = ()
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Times that are believed, UTC milliseconds, both ends included."""

    oldest_ms: int
    newest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sender:
    gateway: GatewayId
    device: DeviceId | None
    """None on the history topic, which names none."""


SENDERS_MAX = 10_000
"""Topics, and epochs, remembered; beyond, all are forgotten and read anew."""
OFFSET_DIGITS_MAX = 18


class Judge:
    """Judges the messages of one park, and remembers what its payloads look like."""

    def __init__(self, park: Park) -> None:
        self._park = park
        self._layouts = Layouts(code_of)
        self._senders: dict[str, _Sender | None] = {}
        self._epochs: set[str] = set()

    def judge(self, topic: str, data: bytes, believed: Span) -> Judged | None:
        """Return what `judge` returns, sooner."""
        if topic not in self._senders:
            if len(self._senders) >= SENDERS_MAX:
                self._senders.clear()
            self._senders[topic] = _sender(topic, self._park)
        sender = self._senders[topic]
        if sender is None:
            return None
        quick = self._quick(topic, sender, data, believed)
        return quick if quick is not None else _judged(sender, data, self._park, believed)

    def _quick(self, topic: str, sender: _Sender, data: bytes, believed: Span) -> Judged | None:
        """Judge a payload of a known layout all of whose samples are fit; None: it has to be looked at one by one."""
        found = self._layouts.read(topic, data, partial(_static, self._park, sender))
        if found is None or sender.gateway not in self._park.gateways:
            return None
        name = self._named(sender, found.uuid)
        if name is None or not found.points:
            return None
        if found.times_ms.min() < believed.oldest_ms or found.times_ms.max() > believed.newest_ms:
            return None
        return Judged(
            name=name,
            is_first=sender.device is not None,
            samples=Columns(found.points, found.times_ms, found.values, found.codes),
            places=range(len(found.points)),
        )

    def _named(self, sender: _Sender, uuid: str) -> PayloadName | None:
        """Return what `_name` returns; an epoch is looked at once."""
        epoch, _, offset = uuid.partition("-")
        if (
            epoch not in self._epochs
            or not (offset.isascii() and offset.isdigit())
            or len(offset) > OFFSET_DIGITS_MAX
        ):
            name = _name(sender, uuid)
            if name is not None:
                if len(self._epochs) >= SENDERS_MAX:
                    self._epochs.clear()
                self._epochs.add(name.epoch)
            return name
        return PayloadName(sender.gateway, epoch, int(offset))


def judge(topic: str, data: bytes, *, park: Park, believed: Span) -> Judged | None:
    """Return what is to be done with a message; None when its topic is not one that carries samples of this park."""
    sender = _sender(topic, park)
    return None if sender is None else _judged(sender, data, park, believed)


def _judged(sender: _Sender, data: bytes, park: Park, believed: Span) -> Judged:
    try:
        payload = decode(data)
    except RemoteProtocolError as error:
        uuid, samples = peek(data)
        return _whole(sender, uuid, samples, Why.UNREADABLE, str(error))
    if sender.gateway not in park.gateways:
        return _whole(sender, payload.uuid, _count(payload), Why.UNKNOWN_GATEWAY, sender.gateway)
    name = _name(sender, payload.uuid)
    if name is None:
        return _whole(sender, payload.uuid, _count(payload), Why.NO_NAME, f"uuid {payload.uuid!r}")
    return _each(name, sender, payload, park, believed)


def _static(park: Park, sender: _Sender, name: str, is_state: bool) -> PointRef | None:  # noqa: FBT001 # a callback
    """Return the point that a metric of this name is of, as far as its name and type say; None when it is not fit."""
    point = park.points.get(PointRef(name))
    if point is None or point.is_text or point.is_boolean != is_state:
        return None
    device = park.devices[point.device]
    is_its = device.gateway == sender.gateway and sender.device in {None, device.id}
    return point.ref if is_its else None


def _sender(topic: str, park: Park) -> _Sender | None:
    live = parse_sparkplug(topic)
    if live is not None and live.kind is Kind.DDATA and live.park == park.id and live.device is not None:
        return _Sender(gateway=GatewayId(live.gateway), device=DeviceId(live.device))
    match parse_ours(topic):
        case (park.id, gateway, Channel.HISTORY):
            return _Sender(gateway=GatewayId(gateway), device=None)
        case _:
            return None


def _name(sender: _Sender, uuid: str | None) -> PayloadName | None:
    try:
        return PayloadName(sender.gateway, *parse_uuid(uuid))
    except RemoteProtocolError:
        return None


def _short(name: str | None) -> str | None:
    return None if name is None else name[:TEXT_MAX]


def _count(payload: Payload) -> int:
    return len(payload.metrics) + len(payload.unreadable)


def _whole(sender: _Sender, uuid: str | None, samples: int, why: Why, detail: str) -> Judged:
    refused = Refused(index=WHOLE, samples=samples, why=why, detail=detail)
    return Judged(name=_name(sender, uuid), is_first=sender.device is not None, refused=(refused,))


def _each(name: PayloadName, sender: _Sender, payload: Payload, park: Park, believed: Span) -> Judged:
    samples: list[tuple[int, PointRef, int, float, int]] = []
    texts: list[Text] = []
    refused = [
        Refused(index=item.place, samples=1, why=Why.UNREADABLE, detail=item.fault, point=_short(item.name))
        for item in payload.unreadable
    ]
    for index, metric in payload.numbered():
        at_ms = metric.timestamp_ms if metric.timestamp_ms is not None else payload.timestamp_ms
        point = park.points.get(PointRef(metric.name))
        fault = _fault(metric, at_ms, point, sender, park, believed)
        if fault is not None:
            refused.append(_refused(index, metric, at_ms, *fault))
            continue
        assert at_ms is not None
        assert point is not None
        code = code_of(metric.quality, metric.reason)
        if point.is_text:
            value = None if metric.value is None else str(metric.value)
            texts.append(Text(index, point.ref, at_ms, value, code))
        else:
            number = math.nan if metric.value is None else float(metric.value)
            samples.append((index, point.ref, at_ms, number, code))
    places, points, times, values, codes = zip(*samples, strict=True) if samples else [()] * 5
    return Judged(
        name=name,
        is_first=sender.device is not None,
        samples=Columns(
            points, np.array(times, np.int64), np.array(values, np.float64), np.array(codes, np.uint8)
        ),
        places=places,
        texts=tuple(texts),
        refused=tuple(refused),
    )


def _refused(index: int, metric: Metric, at_ms: int | None, why: Why, detail: str) -> Refused:
    return Refused(
        index=index,
        samples=1,
        why=why,
        detail=detail,
        point=_short(metric.name),
        observed_ms=at_ms,
        value=None if metric.value is None else str(metric.value)[:TEXT_MAX],
    )


def _fault(
    metric: Metric, at_ms: int | None, point: Point | None, sender: _Sender, park: Park, believed: Span
) -> tuple[Why, str] | None:
    """Return why a sample is not fit, None when it is."""
    if point is None:
        return Why.UNKNOWN_POINT, "the park has no such point"
    device = park.devices[point.device]
    if device.gateway != sender.gateway or sender.device not in {None, device.id}:
        return Why.WRONG_SENDER, f"it belongs to {device.gateway}/{device.id}"
    if at_ms is None:
        return Why.NO_TIME, "no timestamp"
    if at_ms < believed.oldest_ms:
        return Why.TOO_OLD, f"older than {believed.oldest_ms}"
    if at_ms > believed.newest_ms:
        return Why.IN_FUTURE, f"newer than {believed.newest_ms}"
    return _fault_of_value(metric, point)


def _fault_of_value(metric: Metric, point: Point) -> tuple[Why, str] | None:
    match metric.value:
        case None if metric.quality is Quality.GOOD:
            return Why.NO_VALUE, "null with good quality"
        case None:
            return None
        case str():
            return None if point.is_text else (Why.WRONG_TYPE, "text, where a number or a state is wanted")
        case _ if point.is_text:
            return Why.WRONG_TYPE, "a number or a state, where text is wanted"
        case bool() if not point.is_boolean:
            return Why.WRONG_TYPE, "a state, where a number is wanted"
        case bool():
            return None
        case _ if point.is_boolean:
            return Why.WRONG_TYPE, "a number, where a state is wanted"
        case number if not math.isfinite(number):
            return Why.NOT_FINITE, "not finite"
        case _:
            return None
