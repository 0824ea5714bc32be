"""Counts the passing samples of each reopening as they are measured, from the live image; kept in memory, so that a start begins anew."""

from collections.abc import Iterable

from control.live.image import Image
from domain.ids import PointRef
from domain.interlock import Truth, evaluate
from domain.park import Park
from domain.reopening import Reopening, Sample, Series, observed, passes
from runtime.clock import Clock


class PassingSamples:
    """What the water has shown."""

    def __init__(self, park: Park, image: Image, clock: Clock) -> None:
        self._reopenings = park.reopenings
        self._image = image
        self._clock = clock
        self._series: dict[str, Series] = {}
        self._of: dict[PointRef, list[Reopening]] = {}
        for reopening in park.reopenings.values():
            for ref in reopening.passing.condition.references:
                self._of.setdefault(ref, []).append(reopening)

    def see(self, refs: Iterable[PointRef]) -> None:
        """Look at the water again wherever one of these points counts."""
        found = {item.id: item for ref in refs for item in self._of.get(ref, ())}
        for reopening in found.values():
            sample = self._sample(reopening)
            if sample is not None:
                held = self._series.get(reopening.id, ())
                self._series[reopening.id] = observed(held, reopening.passing, self.truth(reopening), sample)

    def of(self, reopening: Reopening) -> Series:
        """Return the passing samples in a row."""
        return self._series.get(reopening.id, ())

    def passes(self, reopening: Reopening) -> bool:
        """Whether they are enough now."""
        return passes(self.of(reopening), reopening.passing, now_ms=self._clock.now_ms())

    def truth(self, reopening: Reopening) -> Truth:
        """Return what is known of the condition now."""
        now_s = self._clock.monotonic()
        return evaluate(
            reopening.passing.condition,
            lambda ref: self._image.reading(ref, now_s=now_s),
            self._image.unit_of,
        )

    def _sample(self, reopening: Reopening) -> Sample | None:
        now_s = self._clock.monotonic()
        values: dict[PointRef, float | bool | str] = {}
        times: dict[PointRef, int] = {}
        for ref in reopening.passing.condition.references:
            reading = self._image.reading(ref, now_s=now_s)
            if reading.value is None or reading.observed_ms is None:
                return None
            values[ref], times[ref] = reading.value, reading.observed_ms
        return Sample(at_ms=max(times.values()), values=values, observed_ms=times)
