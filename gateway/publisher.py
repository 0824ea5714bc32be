"""Tells what the devices show: journals it, publishes it live, and gives births and deaths in their order."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.errors import StorageError
from gateway.edge_node import EdgeNode, template
from gateway.image import DeviceImage, Rows, ToldColumns
from gateway.lane import Lane
from gateway.poller import Turn
from gateway.telemetry_metrics import TelemetryMetrics
from runtime.clock import Clock
from runtime.journal import Journal
from runtime.log import logger
from wire.sparkplug import payload_uuid
from wire.sparkplug_template import PayloadTemplate, payload
from wire.topics import Channel, ours


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outlet:
    """What the data of one device needs each time."""

    image: DeviceImage
    topic: str
    template: PayloadTemplate


class Publisher:
    """The way of samples out of the gateway."""

    def __init__(
        self,
        node: EdgeNode,
        images: Sequence[DeviceImage],
        journal: Journal,
        lane: Lane,
        *,
        clock: Clock,
        metrics: TelemetryMetrics,
    ) -> None:
        self.is_full = False
        """Whether the journal takes nothing: samples are then published live only."""
        self._node = node
        self._images = images
        self._journal = journal
        self._lane = lane
        self._clock = clock
        self._metrics = metrics
        self._is_born = False
        self._log = logger("publisher")
        self._history = ours(node.park, node.gateway, Channel.HISTORY)
        self._outlets: dict[str, _Outlet] = {}
        self._unborn: dict[DeviceImage, None] = {}
        """Devices that answer and whose birth in this session is still to come."""

    def tell(self, image: DeviceImage, rows: Rows, turn: Turn) -> None:
        """Journal and publish what `rows` of `image` tell now."""
        match turn:
            case Turn.BIRTH if self._is_born:
                self._device_birth(image)
            case Turn.DEATH if image in self._unborn:
                del self._unborn[image]
            case Turn.DEATH if self._is_born and image.read_s > 0:
                self._lane.put(*self._node.device_death(image.device.id, now_ms=self._clock.now_ms()))
        if len(rows):
            self._tell(image, rows)

    def tell_late(self, image: DeviceImage, rows: Rows, told: ToldColumns) -> None:
        """Journal and publish samples of times that have passed: as history, so that nobody takes them for the present."""
        metrics = self._outlet(image).template.metrics(
            rows, told.values, told.quality, told.reason, told.observed_ms, told.texts
        )
        data = self._journalled(self._history, metrics, len(rows), None)
        if data is not None and self._is_born:
            self._lane.put(self._history, data)

    def birth(self) -> None:
        """Begin a session, or begin it anew: NBIRTH now, and the DBIRTH of every device that answers before its next data."""
        self._is_born = True
        self._lane.put(*self._node.birth(now_ms=self._clock.now_ms()))
        self._unborn = {image: None for image in self._images if image.is_alive}
        self._bear_next()

    def lost(self) -> None:
        """The session is over: nothing is published live until the next birth."""
        self._is_born = False
        self._unborn.clear()
        self._lane.clear()

    def _bear_next(self) -> None:
        """One birth a turn of the loop: those of a hundred devices would hold up every poll. Its data wait for no birth."""
        if self._unborn:
            self._device_birth(next(iter(self._unborn)))
            asyncio.get_running_loop().call_soon(self._bear_next)

    def _device_birth(self, image: DeviceImage) -> None:
        self._unborn.pop(image, None)
        told = image.told(range(len(image.points)))
        now_ms = self._clock.now_ms()
        self._lane.put(*self._node.device_birth(image.device.id, image.points, told, now_ms=now_ms))

    def _tell(self, image: DeviceImage, rows: Rows) -> None:
        """Data of a device that is dead, or was never born, has no place in its session: it goes as history."""
        if image in self._unborn:
            self._device_birth(image)
        outlet = self._outlet(image)
        told = image.told_columns(rows)
        metrics = outlet.template.metrics(
            rows, told.values, told.quality, told.reason, told.observed_ms, told.texts
        )
        is_live = self._is_born and image.is_alive
        topic = outlet.topic if image.is_alive else self._history
        seq = self._node.next_seq() if is_live else None
        data = self._journalled(topic, metrics, len(rows), seq)
        if data is not None and self._is_born:
            self._lane.put(topic, data)
        elif data is None and is_live:
            self._lane.put(topic, payload(metrics, timestamp_ms=self._clock.now_ms(), seq=seq, uuid=None))

    def _outlet(self, image: DeviceImage) -> _Outlet:
        device = image.device.id
        outlet = self._outlets.get(device)
        if outlet is None or outlet.image is not image:
            topic = self._node.data_topic(device)
            outlet = _Outlet(image=image, topic=topic, template=template(image.points))
            self._outlets[device] = outlet
        return outlet

    def _journalled(self, topic: str, metrics: bytearray, points: int, seq: int | None) -> bytes | None:
        """Return the payload as it stands in the journal; None when the journal takes nothing."""
        now_ms, built = self._clock.now_ms(), []

        def build(offset: int) -> bytes:
            uuid = payload_uuid(self._journal.epoch, offset)
            built.append(payload(metrics, timestamp_ms=now_ms, seq=seq, uuid=uuid))
            return built[0]

        try:
            self._journal.append(topic, build, is_sent=self._is_born)
        except StorageError as error:
            self._metrics.not_kept(points)
            if not self.is_full:
                self._log.error("journal full", reason=str(error))
            self.is_full = True
            return None
        self._metrics.accepted(points)
        if self.is_full:
            self._log.info("journal has room again")
            self.is_full = False
            self._tell_all_again(self._images)
        return built[0]

    @staticmethod
    def _tell_all_again(images: Iterable[DeviceImage]) -> None:
        """What was told meanwhile was kept nowhere: the store gets the present state of every point."""
        for image in images:
            image.tell_all_again()
