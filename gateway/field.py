"""What the gateway sees of its field: readings of its own points by reference, and the devices behind its actuators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.definition import definition_hashes
from domain.ids import DeviceId, FacilityId, PointRef
from domain.interlock import BOOLEAN
from domain.park import Actuator, Park
from domain.sample import NEVER_READ, Reading
from gateway.image import DeviceImage
from gateway.memory import Memory
from gateway.plc import PlcLink
from gateway.poller import Poller
from gateway.proof import Seen
from runtime.clock import Clock
from wire.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One PLC with what serves it."""

    image: DeviceImage
    link: PlcLink
    poller: Poller


class Field:
    """The devices of one gateway. A changed park file changes it at one stroke; whoever asks it again sees the new one."""

    def __init__(
        self, park: Park, stations: Sequence[Station], clock: Clock, *, others: Sequence[DeviceImage] = ()
    ) -> None:
        """`others` are devices that nobody polls or commands: data loggers."""
        self._clock = clock
        self._others = tuple(others)
        self.images: list[DeviceImage] = []
        """Of every device; the list itself stays, its content follows the park."""
        self.definitions: dict[str, tuple[str, str]] = {}
        """Actuator → hashes of its definition (I18); stays likewise."""
        self.known: set[FacilityId] = set()
        """Every actuator of the park; stays likewise."""
        self.memory = Memory(clock, self.reading, self.unit_of)
        """What was seen over time."""
        self.change(park, stations)

    def change(self, park: Park, stations: Sequence[Station]) -> None:
        """Take another park and other stations."""
        self.park = park
        self.stations: Mapping[DeviceId, Station] = {s.image.device.id: s for s in stations}
        self.actuators: Mapping[FacilityId, Actuator] = {
            key: actuator for key, actuator in park.actuators.items() if actuator.device in self.stations
        }
        self.images[:] = [*(station.image for station in stations), *self._others]
        self._place = {ref: (image, row) for image in self.images for ref, row in image.row_of.items()}
        self.definitions.clear()
        self.definitions.update((key, definition_hashes(park, item)) for key, item in self.actuators.items())
        self.known.clear()
        self.known.update(park.actuators)
        self.memory.change(park, self.is_own)

    def is_own(self, point: PointRef) -> bool:
        """Whether `point` is read by this gateway."""
        return point in self._place

    def reading(self, point: PointRef) -> Reading:
        """Return an own point as it is seen now; what is not ours was never read."""
        place = self._place.get(point)
        if place is None:
            return NEVER_READ
        image, row = place
        return image.reading(row, now_s=self._clock.monotonic(), speed=self._clock.speed)

    def reading_after(self, point: PointRef, since_s: float) -> Reading:
        """Return an own point if its read was begun after `since_s`, else as never read (I4)."""
        place = self._place.get(point)
        if place is None or place[0].asked_s(place[1]) < since_s:
            return NEVER_READ
        return self.reading(point)

    def is_moving(self, actuator: Actuator, since_s: float = 0.0) -> bool | None:
        """Return whether a read begun after `since_s` shows `actuator` moving; None: none that can be trusted.

        What does not report its movement is not seen moving.
        """
        if actuator.feedback.moving is None:
            return False
        reading = self.reading_after(actuator.point(actuator.feedback.moving), since_s)
        return reading.value is True if reading.is_trusted else None

    def unit_of(self, point: PointRef) -> str:
        """Return the unit of any point of the park, BOOLEAN for a state."""
        found = self.park.points[point]
        return BOOLEAN if found.is_boolean else found.unit

    def station_of(self, actuator: Actuator) -> Station:
        """Return the PLC that drives `actuator`."""
        return self.stations[actuator.device]

    def groups_of(self, actuator: Actuator) -> frozenset[str]:
        """Return the poll groups in which the feedback of `actuator` is read."""
        return frozenset(self.park.points[ref].group for ref in self._feedback(actuator))

    def seen(self, actuator: Actuator, since_s: float) -> Seen:
        """Return the feedback of `actuator` as sampled after `since_s`."""
        names = actuator.feedback

        def after(name: str | None) -> Reading:
            return NEVER_READ if name is None else self.reading_after(actuator.point(name), since_s)

        return Seen(
            opened=after(names.opened),
            closed=after(names.closed),
            remote=after(names.remote),
            fault=after(names.fault),
            moving=after(names.moving),
            percent=after(names.position),
            has_moving=names.moving is not None,
        )

    def evidence(self, actuator: Actuator) -> dict[str, Json]:
        """Return the feedback of `actuator` as it stands in a record."""
        return {ref: _shown(self.reading(ref)) for ref in self._feedback(actuator)}

    def _feedback(self, actuator: Actuator) -> list[PointRef]:
        f = actuator.feedback
        names = (f.opened, f.closed, f.remote, f.moving, f.fault, f.position)
        return [
            actuator.point(name) for name in names if name is not None and self.is_own(actuator.point(name))
        ]


def _shown(reading: Reading) -> Json:
    return {
        "value": reading.value,
        "quality": reading.quality.word,
        "observed_ms": reading.observed_ms,
        "age_ms": None if reading.age_s is None else round(reading.age_s * 1000),
    }
