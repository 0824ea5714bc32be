"""Rain over the park as a step function of time, read from a storm file."""

import csv
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from domain.errors import ConfigurationError, Fault

COLUMNS = ("minute", "mm_per_h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Intensities from each minute on; before the first and after the last row it is dry or stays as the last row says."""

    minutes: tuple[float, ...]
    """Rising, the first 0 or more."""
    mm_per_h: tuple[float, ...]
    """One for each minute; the last must be 0."""

    def intensity_mm_h(self, minute: float) -> float:
        """Return the intensity `minute` minutes after the storm's start (negative: before it)."""
        row = bisect_right(self.minutes, minute) - 1
        return self.mm_per_h[row] if row >= 0 else 0.0

    def depth_mm(self) -> float:
        return sum(
            rate * (end - start) / 60
            for rate, (start, end) in zip(self.mm_per_h, pairwise(self.minutes), strict=False)
        )


DRY = Storm(minutes=(0.0,), mm_per_h=(0.0,))
"""No rain at all."""


def load_storm(path: Path) -> Storm:
    """Read `minute,mm_per_h` rows.

    Raises ConfigurationError naming the line if a row is not two numbers, minutes do not rise, rain is negative or
    the storm does not end dry.
    """
    if not path.is_file():
        raise _fault(path, 0, "", "is no file", "name a storm file")
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise _fault(
            path, 1, "header", f"found {rows[0] if rows else 'nothing'}", f"write {','.join(COLUMNS)}"
        )
    storm = [_row(path, line, row) for line, row in enumerate(rows[1:], start=2)]
    for line, (before, after) in enumerate(pairwise(storm), start=3):
        if after[0] <= before[0]:
            raise _fault(path, line, "minute", f"{after[0]} after {before[0]}", "let minutes rise")
    if not storm or storm[-1][1] != 0:
        raise _fault(path, len(rows), "mm_per_h", "the storm does not end", "end with a row of 0 mm/h")
    return Storm(minutes=tuple(m for m, _ in storm), mm_per_h=tuple(r for _, r in storm))


def _row(path: Path, line: int, row: Sequence[str]) -> tuple[float, float]:
    try:
        minute, rate = (float(cell) for cell in row)
    except ValueError:
        raise _fault(
            path, line, "row", f"{','.join(row)!r} is not two numbers", "write minute,mm_per_h"
        ) from None
    if minute < 0 or not 0 <= rate <= 1000:
        raise _fault(path, line, "row", f"{minute},{rate} is out of range", "minute ≥ 0, 0 to 1000 mm/h")
    return minute, rate


def _fault(path: Path, line: int, field: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        Fault(file=str(path), line=line, field=field, message=message, remedy=remedy, kind="storm")
    )
