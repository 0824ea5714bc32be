"""Reopening (恢复开启): the procedure of a park's files by which orders are released, and what its passing samples must be."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.ids import EnterpriseId, FacilityId, PointRef
from domain.interlock import Expression, Truth
from domain.words import Words

RECENT_FACTOR = 2
"""The newest passing sample is at most this many sampling times old."""
SPAN_FACTOR = 3
"""All passing samples lie within this many times the time that they need at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """What has to be shown of the water before anything is opened."""

    condition: Expression
    samples: int
    """How many samples in a row must meet it."""
    every_s: float
    """Model seconds between two samples at least: the slowest analyser's cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One actuator that is let go and, unless it stays where it is, moved away from safe in stages."""

    id: str
    actuator: FacilityId
    stages: tuple[float, ...] = (100.0,)
    """Percent of the way from the safe position, rising to 100; empty: its orders are released and it is not moved."""
    observe_s: float = 0.0
    """Model seconds after each stage in which the water must go on passing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening:
    """One procedure: its openings one after the other, each verified before the next."""

    id: str
    words: Words
    enterprise: EnterpriseId | None
    passing: Passing
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One passing sample: the instant, and the values that it rests on."""

    at_ms: int
    """Observed: the newest of its values."""
    values: Mapping[PointRef, float | bool | str]
    observed_ms: Mapping[PointRef, int]


Series = tuple[Sample, ...]


def observed(series: Series, passing: Passing, truth: Truth, sample: Sample) -> Series:
    """Return the passing samples after a look at the water.

    What is known to fail begins anew. What is not known, or was measured no later than the last sample, does not count.
    """
    if truth is Truth.FALSE:
        return ()
    if truth is Truth.UNKNOWN:
        return series
    if series:
        last = series[-1]
        if sample.at_ms - last.at_ms < passing.every_s * 1000:
            return series
        if any(at_ms <= last.observed_ms.get(ref, -1) for ref, at_ms in sample.observed_ms.items()):
            return series
    return (*series, sample)[-passing.samples :]


def passes(series: Series, passing: Passing, *, now_ms: int) -> bool:
    """Whether the samples are enough, in a row, and recent."""
    if len(series) < passing.samples:
        return False
    every_ms = passing.every_s * 1000
    is_recent = now_ms - series[-1].at_ms <= RECENT_FACTOR * every_ms
    return is_recent and series[-1].at_ms - series[0].at_ms <= SPAN_FACTOR * passing.samples * every_ms
