"""Samples as columns: the body of a logged payload, an hour of one series, and how new samples merge into an hour."""

import math
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

HOUR_MS = 3_600_000
COMPRESSION = 1
"""zlib's level: higher ones cost four times as much for a tenth."""

assert sys.byteorder == "little", "columns are kept little-endian"  # every platform we run on
assert array("I").itemsize == 4


class Cell(NamedTuple):
    """One sample of a known series."""

    at_ms: int
    value: float
    """NaN: none."""
    code: int
    """Of stores.codes."""

    def is_same(self, other: "Cell") -> bool:
        """Whether value and quality agree; NaN agrees with NaN."""
        values_agree = self.value == other.value or (math.isnan(self.value) and math.isnan(other.value))
        return values_agree and self.code == other.code


class Conflict(NamedTuple):
    """Two different samples at one key."""

    stored: Cell
    refused: Cell


@dataclass(slots=True)
class Hour:
    """The samples of one series in one hour, ascending."""

    hour: int
    """Hours since 1970."""
    offsets: "array[int]" = field(default_factory=lambda: array("I"))
    """Milliseconds into the hour."""
    values: "array[float]" = field(default_factory=lambda: array("d"))
    codes: bytearray = field(default_factory=bytearray)

    def __len__(self) -> int:
        return len(self.offsets)

    def __iter__(self) -> Iterator[Cell]:
        start_ms = self.hour * HOUR_MS
        for offset, value, code in zip(self.offsets, self.values, self.codes, strict=True):
            yield Cell(start_ms + offset, value, code)

    def merge(self, cells: Iterable[Cell]) -> tuple[int, list[Conflict]]:
        """Add `cells` of this hour; return how many were there already, the same, and those in conflict (not added)."""
        incoming = list(cells)
        incoming.sort(key=lambda cell: cell.at_ms)
        duplicates, conflicts = 0, list[Conflict]()
        start_ms = self.hour * HOUR_MS
        is_behind = bool(self.offsets) and incoming[0].at_ms - start_ms <= self.offsets[-1]
        known = {cell.at_ms: cell for cell in self} if is_behind else {}
        fresh: list[Cell] = []
        for cell in incoming:
            stored = known.get(cell.at_ms)
            if stored is None:
                known[cell.at_ms] = cell
                fresh.append(cell)
            elif stored.is_same(cell):
                duplicates += 1
            else:
                conflicts.append(Conflict(stored, cell))
        if is_behind and fresh:
            self._fill(sorted(known.values(), key=lambda cell: cell.at_ms))
        else:
            self._extend(fresh)
        return duplicates, conflicts

    def _fill(self, cells: list[Cell]) -> None:
        self.offsets, self.values, self.codes = array("I"), array("d"), bytearray()
        self._extend(cells)

    def _extend(self, cells: list[Cell]) -> None:
        start_ms = self.hour * HOUR_MS
        self.offsets.extend([cell.at_ms - start_ms for cell in cells])
        self.values.extend([cell.value for cell in cells])
        self.codes.extend([cell.code for cell in cells])

    def pack(self) -> bytes:
        """Return the compressed columns."""
        return zlib.compress(self.offsets.tobytes() + self.values.tobytes() + bytes(self.codes), COMPRESSION)

    @classmethod
    def unpack(cls, hour: int, packed: bytes) -> "Hour":
        """Return the hour that `pack` wrote."""
        data = memoryview(zlib.decompress(packed))
        count, rest = divmod(len(data), 13)
        assert rest == 0, "an hour's columns are 4 + 8 + 1 bytes a sample"
        made = cls(hour)
        made.offsets.frombytes(data[: 4 * count])
        made.values.frombytes(data[4 * count : 12 * count])
        made.codes.extend(data[12 * count :])
        return made


_LOGGED = struct.Struct("<IqdB")


def encode_body(cells: Iterable[tuple[int, Cell]]) -> bytes:
    """Return a logged payload's body from (series number, cell) pairs."""
    return b"".join(_LOGGED.pack(series, *cell) for series, cell in cells)


def decode_body(body: bytes) -> Iterator[tuple[int, Cell]]:
    """Yield the (series number, cell) pairs of a logged payload."""
    for series, at_ms, value, code in _LOGGED.iter_unpack(body):
        yield series, Cell(at_ms, value, code)
