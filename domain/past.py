"""What was seen over time, for the operators of the interlock language; decides from instants that it is given, reads no clock.

After a start, a gap or an untrusted reading nothing is known until enough was seen again: `held` is known true once its
condition was known true for the whole time, known false while it is known to have been false within it, else unknown.
"""

from collections import deque
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field

from domain.ids import PointRef
from domain.interlock import BOOLEAN, Truth, truth_of
from domain.operators import Held, Rate, points_of, seconds_of
from domain.sample import Reading
from domain.units import UNITS

SAMPLES_MAX = 60
"""Values kept of the time that a rate looks back: enough for a mean, and a bound on memory and time."""


@dataclass(slots=True)
class Run:
    """How long a condition has been known true."""

    since_s: float | None = None
    """Begin of the time through which it was known true without interruption; None: it is not."""
    false_s: float | None = None
    """The last instant at which it was known false; None: never."""
    seen_s: float | None = None

    def see(self, truth: Truth, *, now_s: float, gap_s_max: float) -> None:
        """Note what is known at `now_s`; a longer time than `gap_s_max` without a look proves nothing of what was between."""
        if self.seen_s is not None and now_s - self.seen_s > gap_s_max:
            self.since_s = None
        self.seen_s = now_s
        match truth:
            case Truth.TRUE:
                self.since_s = now_s if self.since_s is None else self.since_s
            case Truth.FALSE:
                self.since_s, self.false_s = None, now_s
            case Truth.UNKNOWN:
                self.since_s = None

    def truth(self, *, for_s: float, now_s: float) -> Truth:
        """Return whether it is known to have been true for the last `for_s`, as last seen at `now_s`."""
        if self.since_s is not None and now_s - self.since_s >= for_s:
            return Truth.TRUE
        if self.false_s is not None and now_s - self.false_s <= for_s:
            return Truth.FALSE
        return Truth.UNKNOWN


@dataclass(slots=True)
class Track:
    """The trusted values of a point, without interruption, no older than is needed."""

    values: deque[tuple[float, float]] = field(default_factory=deque)
    """(instant, value in base units), ascending; the first may be older than the time looked back."""
    seen_s: float | None = None
    now: float | None = None

    def see(self, value: float | None, *, over_s: float, now_s: float, gap_s_max: float) -> None:
        """Note the value at `now_s`; None: it is not to be trusted."""
        if value is None or (self.seen_s is not None and now_s - self.seen_s > gap_s_max):
            self.values.clear()
        self.seen_s, self.now = now_s, value
        if value is None:
            return
        if not self.values or now_s - self.values[-1][0] >= over_s / SAMPLES_MAX:
            self.values.append((now_s, value))
        while len(self.values) > 1 and self.values[1][0] <= now_s - over_s:
            self.values.popleft()

    def rate(self, *, over_s: float, now_s: float) -> float | None:
        """Return the mean change per second over at least `over_s`; None: not enough was seen."""
        if not self.values or now_s - self.values[0][0] < over_s:
            return None
        assert self.now is not None, "nothing is kept beside an untrusted value"
        at_s, value = self.values[0]
        return (self.now - value) / (now_s - at_s)


class Past:
    """The memory of every operator that rests on the past; equal operators share one."""

    def __init__(
        self,
        operators: Iterable[Held | Rate],
        read: Callable[[PointRef], Reading],
        unit_of: Callable[[PointRef], str],
    ) -> None:
        """`operators` with inner ones before the outer ones that they stand in."""
        self.operators = {item.text: item for item in operators}
        self._read = read
        self._unit_of = unit_of
        self.runs = {key: Run() for key, item in self.operators.items() if isinstance(item, Held)}
        self.tracks = {key: Track() for key, item in self.operators.items() if isinstance(item, Rate)}

    def keep(self, other: "Past", texts: Iterable[str]) -> None:
        """Take over what `other` has seen of these operators."""
        for text in texts:
            if text in self.runs and text in other.runs:
                self.runs[text] = other.runs[text]
            elif text in self.tracks and text in other.tracks:
                self.tracks[text] = other.tracks[text]

    def resting_on(self, points: Container[PointRef]) -> tuple[str, ...]:
        """Return the operators that rest on one of `points`."""
        return tuple(
            text for text, item in self.operators.items() if any(point in points for point in points_of(item))
        )

    def look(self, texts: Iterable[str] | None = None, *, now_s: float, gap_s_max: float) -> None:
        """Note what is known now: of the operators `texts`, or of every one."""
        for text in self.operators if texts is None else texts:
            self._see(self.operators[text], now_s, gap_s_max)

    def recall(self, text: str, *, now_s: float, gap_s_max: float) -> Truth | float | None:
        """Return what is known of one operator now; None: it is none of ours, or a rate that is not known."""
        item = self.operators.get(text)
        if item is None:
            return None
        self._see(item, now_s, gap_s_max)
        if isinstance(item, Held):
            return self.runs[text].truth(for_s=item.for_s, now_s=now_s)
        return self.tracks[text].rate(over_s=item.over_s, now_s=now_s)

    def so_far_s(self, text: str, *, now_s: float) -> float | None:
        """Return for how long an operator has been seen as it wants to be, at most the time it needs; None: not ours."""
        item = self.operators.get(text)
        if item is None:
            return None
        if isinstance(item, Held):
            since_s = self.runs[text].since_s
        else:
            values = self.tracks[text].values
            since_s = values[0][0] if values else None
        return 0.0 if since_s is None else min(now_s - since_s, seconds_of(item))

    def _see(self, item: Held | Rate, now_s: float, gap_s_max: float) -> None:
        match item:
            case Held():

                def recall(text: str) -> Truth | float | None:
                    return self.recall(text, now_s=now_s, gap_s_max=gap_s_max)

                truth = truth_of(item.condition, self._read, self._unit_of, recall)
                self.runs[item.text].see(truth, now_s=now_s, gap_s_max=gap_s_max)
            case Rate():
                value = self._value(item.point)
                self.tracks[item.text].see(value, over_s=item.over_s, now_s=now_s, gap_s_max=gap_s_max)

    def _value(self, point: PointRef) -> float | None:
        reading = self._read(point)
        if not reading.is_trusted or isinstance(reading.value, str) or reading.value is None:
            return None
        unit = self._unit_of(point)
        return float(reading.value) * (1.0 if unit == BOOLEAN else UNITS[unit].factor)
