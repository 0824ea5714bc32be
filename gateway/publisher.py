"""Tells what the devices show: journals it, publishes it live, and gives births and deaths in their order."""

from collections.abc import Iterable, Sequence

from domain.errors import StorageError
from gateway.edge_node import EdgeNode, data
from gateway.image import DeviceImage, Rows, Told
from gateway.lane import Lane
from gateway.poller import Turn
from gateway.telemetry_metrics import TelemetryMetrics
from runtime.clock import Clock
from runtime.journal import Journal
from runtime.log import logger
from wire.sparkplug import payload_uuid
from wire.topics import Channel, ours


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

    def tell(self, image: DeviceImage, rows: Rows, turn: Turn) -> None:
        """Journal and publish what `rows` of `image` tell now."""
        told = image.told(rows.tolist())
        match turn:
            case Turn.BIRTH if self._is_born:
                self._device_birth(image)
            case Turn.DEATH if self._is_born and image.read_s > 0:
                self._lane.put(*self._node.device_death(image.device.id, now_ms=self._clock.now_ms()))
        if told:
            self._tell(image, told)

    def birth(self) -> None:
        """Begin a session, or begin it anew: NBIRTH and the DBIRTH of every device that answers."""
        self._is_born = True
        self._lane.put(*self._node.birth(now_ms=self._clock.now_ms()))
        for image in self._images:
            if image.is_alive:
                self._device_birth(image)

    def lost(self) -> None:
        """The session is over: nothing is published live until the next birth."""
        self._is_born = False
        self._lane.clear()

    def _device_birth(self, image: DeviceImage) -> None:
        told = image.told(range(len(image.points)))
        now_ms = self._clock.now_ms()
        self._lane.put(*self._node.device_birth(image.device.id, image.points, told, now_ms=now_ms))

    def _tell(self, image: DeviceImage, told: Sequence[Told]) -> None:
        """Data of a device that is dead, or was never born, has no place in its session: it goes as history."""
        is_live = self._is_born and image.is_alive
        topic = self._node.data_topic(image.device.id) if image.is_alive else self._history
        seq = self._node.next_seq() if is_live else None
        payload = self._journalled(topic, told, seq)
        if payload is not None and self._is_born:
            self._lane.put(topic, payload)
        elif payload is None and is_live:
            self._lane.put(topic, data(told, now_ms=self._clock.now_ms(), seq=seq, uuid=None))

    def _journalled(self, topic: str, told: Sequence[Told], seq: int | None) -> bytes | None:
        """Return the payload as it stands in the journal; None when the journal takes nothing."""
        now_ms, built = self._clock.now_ms(), []

        def build(offset: int) -> bytes:
            uuid = payload_uuid(self._journal.epoch, offset)
            built.append(data(told, now_ms=now_ms, seq=seq, uuid=uuid))
            return built[0]

        try:
            self._journal.append(topic, build, is_sent=self._is_born)
        except StorageError as error:
            self._metrics.not_kept(len(told))
            if not self.is_full:
                self._log.error("journal full", reason=str(error))
            self.is_full = True
            return None
        self._metrics.accepted(len(told))
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
