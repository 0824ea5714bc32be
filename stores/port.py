"""The time-series port: what ingest writes through and control reads history through, whatever the store.

A sample is kept once by (park, point, time). The same sample again merges; another one at a key that is taken is a
conflict: counted and kept apart, never put in place of the first. Payloads are named (gateway, epoch, offset).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.ids import GatewayId, PointRef
from domain.quality import Quality, Reason


class Row(NamedTuple):
    """One sample as it is read."""

    point: PointRef
    observed_ms: int
    """UTC milliseconds of the read."""
    value: float | None
    """In the point's unit; states are 0 and 1; None: the sample carries a quality and no value."""
    quality: Quality
    reason: Reason | None


class PayloadName(NamedTuple):
    """Which journalled payload."""

    gateway: GatewayId
    epoch: str
    offset: int


class Columns(NamedTuple):
    """Samples as they are written: column by column, all of one length. Nobody changes the arrays."""

    points: tuple[PointRef, ...]
    """Payloads of one layout share one tuple: what a store derives from it is kept by it."""
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    """NaN: none; never infinite."""
    codes: NDArray[np.uint8]
    """Of stores.codes."""

    def picked(self, at: NDArray[np.intp]) -> "Columns":
        """Return the samples at these places."""
        points = tuple(self.points[place] for place in at.tolist())
        return Columns(points, self.times_ms[at], self.values[at], self.codes[at])


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayload:
    """The samples of one payload that are fit to be stored; there may be none."""

    name: PayloadName
    samples: Columns
    is_first: bool = True
    """False: another process may have written it before; a store that cannot tell by itself looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Samples of one span of time, summed up."""

    start_ms: int
    min: float | None
    """None, as max, mean and last: no sample of the span carries a value."""
    max: float | None
    mean: float | None
    last: float | None
    count: int
    """Samples in the span, those without a value too."""
    quality: Quality
    """The worst of the span."""


class Gap(NamedTuple):
    """A span without a sample."""

    after_ms: int
    """Time of the sample before it, or the start of the span asked for."""
    before_ms: int
    """Time of the sample behind it, or the end of the span asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a store has counted. SQLite keeps it for ever; a remote store's adapter counts since its own start."""

    samples: int
    """Unique by (point, time)."""
    duplicates: int
    """Samples that came again, the same."""
    conflicts: int
    """Samples that came with another value or quality at a key that was taken."""
    redelivered: int
    """Payloads that came again."""


class History(Protocol):
    """The reading side. Every method raises StorageError when the store does not answer."""

    async def raw(self, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[Row]:
        """Return the samples with from_ms ≤ time < to_ms, oldest first."""

    async def buckets(self, point: PointRef, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
        """Return at most `count` spans of equal length, oldest first; empty ones are left out."""

    async def gaps(self, point: PointRef, *, from_ms: int, to_ms: int, longer_ms: int) -> Sequence[Gap]:
        """Return the spans of [from_ms, to_ms) longer than `longer_ms` in which there is no sample, oldest first."""

    async def latest(self, points: Sequence[PointRef]) -> Mapping[PointRef, Row]:
        """Return the newest sample of each point that has one."""

    async def counts(self) -> Mapping[PointRef, int]:
        """Return the number of samples of each point that has one."""

    async def close(self) -> None:
        """Let go of the store."""


class TimeSeriesStore(History, Protocol):
    """The writing side. One task writes at a time; `secure` may run beside it."""

    @property
    def is_durable_when_written(self) -> bool:
        """Whether `write` returning means durable; if not, `secure` says so later."""

    def oldest_ms(self, now_ms: int) -> int:
        """Return the time before which this store keeps nothing: an older sample is not to be written."""

    def was_seen(self, name: PayloadName) -> bool:
        """Whether a payload of this name was written before, as far as this store remembers."""

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        """Have the store take `payloads` whole. Raises StorageError: then none, some or all may be kept; write them again."""

    async def secure(self) -> Sequence[PayloadName]:
        """Make durable what was written before this call; return the payloads that now are and were not when written.

        A payload that was written and is not among them may have been lost: it is to be written again.
        """

    async def tally(self) -> Tally:
        """Return the counts of this store."""
