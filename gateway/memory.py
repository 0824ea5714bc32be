"""Remembers at the edge what was seen over time, for the interlocks that rest on it: looks after polls and between them."""

from collections.abc import Callable, Iterable, Mapping

from domain.ids import DeviceId, PointRef
from domain.interlock import Truth
from domain.operators import Held, Rate, points_of
from domain.park import Park
from domain.past import Past
from domain.sample import Reading
from runtime.clock import Clock
from runtime.elapsed import Elapsed

GAP_S = 2.0
"""Wall seconds without a look that prove nothing of what was between: the house is kept every half second."""


class Memory:
    """What the interlocks of one gateway have seen of its own points. After a start it knows nothing."""

    def __init__(
        self, clock: Clock, read: Callable[[PointRef], Reading], unit_of: Callable[[PointRef], str]
    ) -> None:
        self._clock = clock
        self._elapsed = Elapsed(clock)
        self._read = read
        self._unit_of = unit_of
        self._past = Past((), read, unit_of)
        self._of: Mapping[DeviceId, tuple[str, ...]] = {}
        self._park: Park | None = None

    def change(self, park: Park, is_own: Callable[[PointRef], bool]) -> None:
        """Remember for the interlocks of `park`; what rests on points that are as they were goes on."""
        locks = (lock for item in park.actuators.values() for lock in (*item.permits, *item.inhibits))
        operators = {
            item.text: item
            for lock in locks
            for item in lock.expression.timed
            if all(is_own(point) for point in points_of(item))
        }
        past = Past(operators.values(), self._read, self._unit_of)
        if self._park is not None:
            past.keep(self._past, _same(operators.values(), self._park, park))
        self._past, self._park = past, park
        rows: dict[DeviceId, set[PointRef]] = {}
        for item in operators.values():
            for point in points_of(item):
                rows.setdefault(park.points[point].device, set()).add(point)
        self._of = {device: past.resting_on(points) for device, points in rows.items()}

    def polled(self, device: DeviceId) -> None:
        """Look at what rests on a device that was just read."""
        texts = self._of.get(device)
        if texts:
            self._past.look(texts, now_s=self._elapsed(), gap_s_max=self._gap_s)

    def look(self) -> None:
        """Look at everything: silence is seen too."""
        self._past.look(now_s=self._elapsed(), gap_s_max=self._gap_s)

    def recall(self, text: str) -> Truth | float | None:
        """Return what is known of an operator over own points; None: it is none."""
        return self._past.recall(text, now_s=self._elapsed(), gap_s_max=self._gap_s)

    def holds(self, text: str) -> bool:
        """Whether an operator is one over own points, to be judged here."""
        return text in self._past.operators

    @property
    def _gap_s(self) -> float:
        return GAP_S * self._clock.speed


def _same(operators: Iterable[Held | Rate], old: Park, new: Park) -> list[str]:
    """Return the operators whose points are read as they were."""

    def is_same(point: PointRef) -> bool:
        before, after = old.points.get(point), new.points[point]
        return before == after and old.devices[after.device] == new.devices[after.device]

    return [item.text for item in operators if all(is_same(point) for point in points_of(item))]
