"""What the adapters of servers share: lines out, a memory of payloads, and a look at what is stored before anything comes twice.

A server merges equal samples by itself and cannot tell differing ones. So a payload that may have been written before, by this
process or by another, is compared with what is stored; only what is missing is written, and what differs is kept apart.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.ids import ParkId, PointRef
from stores.line_writer import LineWriter
from stores.lines import LineEncoder
from stores.port import Columns, PayloadName, StoredPayload
from stores.ranges import RangeSet
from stores.track import Track

COMPARED_MAX = 50_000
"""Samples compared in one question: bounds its answer to a few megabytes."""
ROUNDING = 1e-9
"""Relative and absolute: closer values are the same sample; VictoriaMetrics keeps about 15 digits of a block's largest."""
EPOCHS_MAX = 10_000
"""Epochs remembered; beyond, the oldest is forgotten: its payloads are then compared when they come again."""


ENCODED_AT_ONCE = 50
"""Payloads encoded before the loop gets a turn: a few milliseconds."""


class Stored(Protocol):
    """Asks a server for the samples of points from a first to a last time, both included. Raises StorageError."""

    async def __call__(
        self, points: Sequence[PointRef], *, first_ms: int, last_ms: int
    ) -> Mapping[PointRef, Track]: ...


class Remote:
    """The writing side of one park on one server; counts since its own start."""

    def __init__(self, park: ParkId, writer: LineWriter, stored: Stored) -> None:
        self._lines = LineEncoder(park)
        self._writer = writer
        self._stored = stored
        self._seen: dict[tuple[str, str], RangeSet] = {}
        self.duplicates = 0
        self.conflicts = 0
        self.redelivered = 0

    def was_seen(self, name: PayloadName) -> bool:
        """Whether this process wrote a payload of this name."""
        seen = self._seen.get((name.gateway, name.epoch))
        return seen is not None and name.offset in seen

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        """Write what is new at once, then what may have come before. Raises StorageError."""
        fresh: list[StoredPayload] = []
        again: list[StoredPayload] = []
        for payload in payloads:
            is_new = payload.is_first and not self.was_seen(payload.name)
            (fresh if is_new else again).append(payload)
        if fresh:
            await self._writer.write(await self._encoded(fresh))
        for start, end in _groups([len(payload.samples.points) for payload in again]):
            await self._compare_and_write(again[start:end])
        for payload in payloads:
            self.redelivered += self.was_seen(payload.name)
            self._remember(payload.name)

    async def _encoded(self, payloads: Sequence[StoredPayload]) -> str:
        """Return the lines of `payloads`; the loop gets its turns meanwhile."""
        parts = []
        for number, payload in enumerate(payloads, 1):
            parts.append(self._lines.encode(payload.samples))
            if number % ENCODED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return "".join(parts)

    def _remember(self, name: PayloadName) -> None:
        key = (name.gateway, name.epoch)
        seen = self._seen.get(key)
        if seen is None:
            while len(self._seen) >= EPOCHS_MAX:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[key] = RangeSet()
        seen.add(name.offset)

    async def _compare_and_write(self, payloads: Sequence[StoredPayload]) -> None:
        samples = _joined([payload.samples for payload in payloads])
        if not samples.points:
            return
        stored = await self._stored(
            sorted(set(samples.points)),
            first_ms=int(samples.times_ms.min()), last_ms=int(samples.times_ms.max()),
        )  # fmt: skip
        is_missing, is_same = compare(samples, stored)
        missing = samples.picked(np.flatnonzero(is_missing))
        differing = samples.picked(np.flatnonzero(~is_missing & ~is_same))
        await self._writer.write(self._lines.encode(missing) + self._lines.refused(differing))
        self.duplicates += int(np.count_nonzero(is_same))
        self.conflicts += len(differing.points)


def compare(
    samples: Columns, stored: Mapping[PointRef, Track]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which samples are not stored, and which are stored the same, the server's rounding aside."""
    is_missing = np.ones(len(samples.points), np.bool_)
    is_same = np.zeros(len(samples.points), np.bool_)
    numbers = {point: number for number, point in enumerate(stored)}
    series = np.array([numbers.get(point, -1) for point in samples.points])
    for point, known in stored.items():
        where = np.flatnonzero(series == numbers[point])
        if not known.size or not len(where):
            continue
        at = np.searchsorted(known.times_ms, samples.times_ms[where]).clip(max=known.size - 1)
        is_there = known.times_ms[at] == samples.times_ms[where]
        where, at = where[is_there], at[is_there]
        is_missing[where] = False
        is_close = np.isclose(
            known.values[at], samples.values[where], rtol=ROUNDING, atol=ROUNDING, equal_nan=True
        )
        is_same[where] = is_close & (known.codes[at] == samples.codes[where])
    return is_missing, is_same


def _groups(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Cut payloads of these sizes into runs of at most COMPARED_MAX samples, at least one payload each."""
    runs: list[tuple[int, int]] = []
    start = total = 0
    for end, size in enumerate(sizes):
        if total + size > COMPARED_MAX and end > start:
            runs.append((start, end))
            start, total = end, 0
        total += size
    return [*runs, (start, len(sizes))] if sizes else []


def _joined(samples: Sequence[Columns]) -> Columns:
    points = tuple(point for columns in samples for point in columns.points)
    return Columns(
        points,
        np.concatenate([columns.times_ms for columns in samples]),
        np.concatenate([columns.values for columns in samples]),
        np.concatenate([columns.codes for columns in samples]),
    )
