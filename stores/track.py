"""One series as columns: how new samples merge into it, how it is cut, and how it is packed; it knows no database."""

import sys
import zlib
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOUR_MS = 3_600_000
COMPRESSION = 1
"""zlib's level: higher ones cost four times as much for a tenth."""

_SHUFFLED = b"\x01"
"""First byte of a packed track; zlib's own first byte, 0x78, marks the earlier form."""

assert sys.byteorder == "little", "columns are kept little-endian"  # every platform we run on
assert array("I").itemsize == 4


class Cell(NamedTuple):
    """One sample of a known series."""

    at_ms: int
    value: float
    """NaN: none."""
    code: int
    """Of stores.codes."""


class Conflict(NamedTuple):
    """Two different samples at one key."""

    stored: Cell
    refused: Cell


class Track(NamedTuple):
    """Samples of one series; ascending, one at each time, unless said otherwise."""

    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    codes: NDArray[np.uint8]

    @property
    def size(self) -> int:
        """How many samples."""
        return len(self.times_ms)

    def cells(self) -> Iterator[Cell]:
        """Yield the samples one by one."""
        columns = (self.times_ms.tolist(), self.values.tolist(), self.codes.tolist())
        return (Cell(*cell) for cell in zip(*columns, strict=True))

    def picked(self, where: slice | NDArray[np.bool_] | NDArray[np.int64]) -> "Track":
        """Return the samples at `where`."""
        return Track(self.times_ms[where], self.values[where], self.codes[where])

    def within(self, from_ms: int, to_ms: int) -> "Track":
        """Return the samples with from_ms ≤ time < to_ms."""
        first, last = np.searchsorted(self.times_ms, (from_ms, to_ms))
        return self.picked(slice(first, last))


class Merged(NamedTuple):
    """What came of a merge."""

    track: Track
    duplicates: int
    """Samples that were there already, the same."""
    conflicts: tuple[Conflict, ...]
    """Samples that were not added, because another one stands at their time."""


def empty() -> Track:
    """Return a series without samples."""
    return Track(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.uint8))


def joined(*tracks: Track) -> Track:
    """Return the samples of all, one after the other, unsorted."""
    if len(tracks) == 1:
        return tracks[0]
    return Track(*(np.concatenate(columns) for columns in zip(*tracks, strict=True))) if tracks else empty()


def merge(*tracks: Track) -> Merged:
    """Merge series in any order of their samples; at one time the first stays, in the order given."""
    whole = joined(*tracks)
    times = whole.times_ms
    if len(times) < 2 or (times[1:] > times[:-1]).all():
        return Merged(whole, 0, ())
    whole = whole.picked(np.argsort(times, kind="stable"))
    times, values, codes = whole
    is_first = np.ones(len(times), np.bool_)
    is_first[1:] = times[1:] != times[:-1]
    if is_first.all():
        return Merged(whole, 0, ())
    stays = np.maximum.accumulate(np.where(is_first, np.arange(len(times)), 0))
    is_same = agree(values, codes, values[stays], codes[stays])
    differing = np.flatnonzero(~is_same)
    conflicts = tuple(
        Conflict(*pair)
        for pair in zip(whole.picked(stays[differing]).cells(), whole.picked(differing).cells(), strict=True)
    )
    duplicates = int(np.count_nonzero(is_same & ~is_first))
    return Merged(whole.picked(is_first), duplicates, conflicts)


def agree(
    values: NDArray[np.float64],
    codes: NDArray[np.uint8],
    other_values: NDArray[np.float64],
    other_codes: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Return where value and quality agree; no value agrees with no value."""
    both_none = np.isnan(values) & np.isnan(other_values)
    is_same: NDArray[np.bool_] = ((values == other_values) | both_none) & (codes == other_codes)
    return is_same


def pack(track: Track, hour: int) -> bytes:
    """Return the compressed samples of one hour: steps of time, then the values' bytes by significance, then codes."""
    steps = np.empty(track.size, "<u4")
    steps[:1] = track.times_ms[:1] - hour * HOUR_MS
    steps[1:] = track.times_ms[1:] - track.times_ms[:-1]
    planes = np.ascontiguousarray(track.values.astype("<f8").view(np.uint8).reshape(-1, 8).T)
    body = steps.tobytes() + planes.tobytes() + track.codes.tobytes()
    return _SHUFFLED + zlib.compress(body, COMPRESSION)


def unpack(hour: int, packed: bytes) -> Track:
    """Return what `pack` wrote."""
    is_shuffled = packed[:1] == _SHUFFLED
    data = np.frombuffer(zlib.decompress(packed[1:] if is_shuffled else packed), np.uint8)
    count, rest = divmod(len(data), 13)
    assert rest == 0, "an hour's columns are 4 + 8 + 1 bytes a sample"
    times = data[: 4 * count].view("<u4").astype(np.int64)
    values = data[4 * count : 12 * count]
    if is_shuffled:
        times = np.cumsum(times)
        values = np.ascontiguousarray(values.reshape(8, count).T).reshape(-1)
    return Track(times + hour * HOUR_MS, values.view("<f8").astype(np.float64), data[12 * count :])
