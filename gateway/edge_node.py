"""The Sparkplug B session of an edge node: what births, deaths and data say, and how they are numbered; sends nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.errors import RemoteProtocolError
from domain.ids import GatewayId, ParkId
from domain.park import Point
from domain.quality import Quality, Reason
from gateway.image import Told
from gateway.judgement import REASONS
from wire.sparkplug import DataType, Metric, Payload, decode, encode
from wire.sparkplug_template import PayloadTemplate
from wire.topics import Kind, sparkplug

REBIRTH = "Node Control/Rebirth"
"""The one command that any Sparkplug host may give (Sparkplug 3.0, tck-id-operational-behavior-data-commands-rebirth)."""
BD_SEQ = "bdSeq"


@dataclass(slots=True, kw_only=True)
class EdgeNode:
    """The session of one gateway."""

    park: ParkId
    gateway: GatewayId
    bd_seq: int
    """0–255; the will of a connection and its NBIRTH carry the same."""
    _seq: int = 0
    born_ms: int | None = None
    """Time of the newest birth; None: not born yet."""
    told: int = 0
    """Messages since that birth."""

    def will(self) -> tuple[str, bytes]:
        """Begin a new session: return topic and payload of the NDEATH that goes with its connection."""
        self.bd_seq = (self.bd_seq + 1) % 256
        return self.death()

    def death(self) -> tuple[str, bytes]:
        """Return the NDEATH of this session."""
        payload = Payload(timestamp_ms=None, metrics=(self._bd_seq(),))
        return sparkplug(self.park, Kind.NDEATH, self.gateway), encode(payload)

    def birth(self, *, now_ms: int) -> tuple[str, bytes]:
        """Return the NBIRTH, which begins the numbering anew."""
        self._seq, self.born_ms, self.told = 0, now_ms, 0
        rebirth = Metric(name=REBIRTH, value=False, datatype=DataType.BOOLEAN, timestamp_ms=now_ms)
        payload = Payload(timestamp_ms=now_ms, metrics=(self._bd_seq(now_ms), rebirth), seq=0)
        return sparkplug(self.park, Kind.NBIRTH, self.gateway), encode(payload)

    def device_birth(
        self, device: str, points: Iterable[Point], told: Iterable[Told], *, now_ms: int
    ) -> tuple[str, bytes]:
        """Return the DBIRTH of `device` with every point it will ever tell; one not told yet is null."""
        known = {item.point.ref: item for item in told}
        metrics = tuple(_birth_metric(point, known.get(point.ref), now_ms) for point in points)
        payload = Payload(timestamp_ms=now_ms, metrics=metrics, seq=self.next_seq())
        return sparkplug(self.park, Kind.DBIRTH, self.gateway, device), encode(payload)

    def device_death(self, device: str, *, now_ms: int) -> tuple[str, bytes]:
        """Return the DDEATH of `device`."""
        payload = Payload(timestamp_ms=now_ms, seq=self.next_seq())
        return sparkplug(self.park, Kind.DDEATH, self.gateway, device), encode(payload)

    def data_topic(self, device: str) -> str:
        """Return the topic of the data of `device`."""
        return sparkplug(self.park, Kind.DDATA, self.gateway, device)

    def next_seq(self) -> int:
        """Return the number of the next message: 1–255, 0 and on."""
        self._seq = (self._seq + 1) % 256
        self.told += 1
        return self._seq

    def _bd_seq(self, now_ms: int | None = None) -> Metric:
        return Metric(name=BD_SEQ, value=self.bd_seq, datatype=DataType.INT64, timestamp_ms=now_ms)


def template(points: Sequence[Point]) -> PayloadTemplate:
    """Return what fills the data of a device with `points`, one row a point."""
    return PayloadTemplate([point.ref for point in points], [_datatype(point) for point in points], REASONS)


def is_rebirth(payload: bytes) -> bool:
    """Whether an NCMD asks for a rebirth and for nothing else."""
    try:
        asked = decode(payload)
    except RemoteProtocolError:
        return False
    if len(asked.metrics) != 1 or asked.unreadable:
        return False
    return asked.metrics[0].name == REBIRTH and asked.metrics[0].value is True


def _birth_metric(point: Point, told: Told | None, now_ms: int) -> Metric:
    bounds = {"engUnit": point.unit, "engLow": point.range_min, "engHigh": point.range_max}
    return Metric(
        name=point.ref,
        value=told.value if told else None,
        datatype=_datatype(point),
        timestamp_ms=told.observed_ms if told else now_ms,
        quality=told.quality if told else Quality.UNCERTAIN,
        reason=told.reason if told else Reason.STALE,
        properties={key: value for key, value in bounds.items() if value is not None and value != ""},
    )


def _datatype(point: Point) -> DataType:
    if point.is_text:
        return DataType.STRING
    return DataType.BOOLEAN if point.is_boolean else DataType.DOUBLE
