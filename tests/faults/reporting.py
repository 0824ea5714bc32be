"""A reference model of report by exception: decides what must have been told of each point, from what its PLC served.

Written from the rule in words, a point at a time; shares no code with the gateway. It is fed the reads that were accepted (the
count is always told) and the silences, and says exactly which samples must stand in the journal, and which must not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.evidence import Fact, Payload
from tests.faults.judge import Reading, is_read, readings_of
from tests.faults.registers import Point


class Told(StrEnum):
    MISSING = "not told, although it changed or was silent too long"
    NEEDLESS = "told, although nothing happened"
    OTHERWISE = "told otherwise than it was"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """One point that was not told as it should have been."""

    told: Told
    what: str


def slips(accepted: Sequence[Payload], points: Sequence[Point]) -> Iterator[Slip]:
    """Yield every difference between what was accepted and what the model says."""
    for place, readings in readings_of(accepted).items():
        for point in points[1:]:
            yield from _of_point(place, point, readings)


def _of_point(place: str, point: Point, readings: Sequence[Reading]) -> Iterator[Slip]:
    epoch, state = "", _Unknown
    for reading in readings:
        if reading.epoch != epoch:
            epoch, state = reading.epoch, _Unknown
        state, wanted = _advance(state, point, reading)
        said = reading.facts.get(point.name)
        where = f"{place}/{point.name} at {reading.at_ms}"
        if wanted is None and said is not None:
            yield Slip(told=Told.NEEDLESS, what=f"{where}: {said}")
        elif wanted is not None and said is None:
            yield Slip(told=Told.MISSING, what=f"{where}: {wanted}")
        elif wanted != said:
            yield Slip(told=Told.OTHERWISE, what=f"{where}: {said}, not {wanted}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What is known of a point."""

    told: Fact | None
    """What was last told; None: nothing in this life of the gateway."""
    told_ms: int
    value: float | str | None
    """What was last read."""


_Unknown = _State(told=None, told_ms=0, value=None)


def _advance(state: _State, point: Point, reading: Reading) -> tuple[_State, Fact | None]:
    """Return the state after `reading`, and what must be told of the point with it; None: nothing."""
    count = reading.facts["count"]
    if is_read(count):
        assert isinstance(count.value, float)
        value: float | str | None = point.value(int(count.value))
        now = Fact(value, count.quality, count.reason)
        is_due = state.told is not None and reading.at_ms - state.told_ms >= point.silence_s * 1000
    else:
        # Silence is one change of quality: the value stays what it was.
        value = state.value
        now = Fact(value, count.quality, count.reason)
        is_due = False
    if is_due or _differs(state.told, now, point.dead_band):
        return _State(told=now, told_ms=reading.at_ms, value=value), now
    return _State(told=state.told, told_ms=state.told_ms, value=value), None


def _differs(told: Fact | None, now: Fact, dead_band: float) -> bool:
    if told is None or (told.quality, told.reason) != (now.quality, now.reason):
        return True
    if isinstance(told.value, float) and isinstance(now.value, float):
        return abs(now.value - told.value) > dead_band
    return told.value != now.value


def sparse(accepted: Sequence[Payload], points: Sequence[Point]) -> Mapping[str, int]:
    """Return how many samples of each point were accepted: a report by exception leaves out most."""
    counts = dict.fromkeys((point.name for point in points), 0)
    for payload in accepted:
        for sample in payload.samples:
            counts[sample.point.partition("/")[2]] += 1
    return counts
