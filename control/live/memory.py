"""Remembers at the centre what was seen over time, for the interlocks that rest on it: looks as values come and between them."""

from collections.abc import Iterable

from control.live.image import Image
from domain.ids import PointRef
from domain.interlock import Truth
from domain.past import Past
from domain.sample import Reading
from runtime.clock import Clock
from runtime.elapsed import Elapsed

LOOK_S = 0.5
"""Wall seconds between two looks at everything."""
GAP_S = 3.0
"""Wall seconds without a look that prove nothing of what was between: as long as a gateway may be silent (I15)."""


class Memory:
    """What the interlocks of the park have seen. After a start it knows nothing."""

    def __init__(self, image: Image, clock: Clock) -> None:
        self._image = image
        self._clock = clock
        self._elapsed = Elapsed(clock)
        locks = (lock for item in image.park.actuators.values() for lock in (*item.permits, *item.inhibits))
        operators = {item.text: item for lock in locks for item in lock.expression.timed}
        self._past = Past(operators.values(), self._read, image.unit_of)
        self._resting_on: dict[PointRef, tuple[str, ...]] = {
            ref: texts for ref in image.park.points if (texts := self._past.resting_on({ref}))
        }

    def see(self, refs: Iterable[PointRef]) -> None:
        """Look at what rests on points that have just come."""
        texts = {text: None for ref in refs for text in self._resting_on.get(ref, ())}
        if texts:
            self._past.look(texts, now_s=self._elapsed(), gap_s_max=self._gap_s)

    def look(self) -> None:
        """Look at everything: silence is seen too."""
        self._past.look(now_s=self._elapsed(), gap_s_max=self._gap_s)

    def recall(self, text: str) -> Truth | float | None:
        """Return what is known of an operator; None: nothing, or no interlock has it."""
        return self._past.recall(text, now_s=self._elapsed(), gap_s_max=self._gap_s)

    def so_far_s(self, text: str) -> float | None:
        """Return for how many model seconds an operator has been as it wants to be; None: no interlock has it."""
        return self._past.so_far_s(text, now_s=self._elapsed())

    async def run(self) -> None:
        """Look at everything, for ever."""
        while True:
            await self._clock.sleep(0.0, floor_s=LOOK_S)
            self.look()

    def _read(self, ref: PointRef) -> Reading:
        return self._image.reading(ref, now_s=self._clock.monotonic())

    @property
    def _gap_s(self) -> float:
        return GAP_S * self._clock.speed
