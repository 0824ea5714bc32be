"""Sets of whole numbers held as inclusive ranges: offsets come almost in order, so a few ranges hold millions."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class RangeSet:
    """Disjoint ranges, ascending, never touching."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._firsts, self._lasts, strict=True))

    def __len__(self) -> int:
        """How many numbers it holds."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def add(self, first: int, last: int | None = None) -> None:
        """Add the numbers `first` to `last`, or one number."""
        last = first if last is None else last
        assert 0 <= first <= last
        start = bisect_right(self._lasts, first - 2)
        end = bisect_right(self._firsts, last + 1)
        if start < end:
            first = min(first, self._firsts[start])
            last = max(last, self._lasts[end - 1])
        self._firsts[start:end] = [first]
        self._lasts[start:end] = [last]

    def as_tuple(self) -> tuple[tuple[int, int], ...]:
        """Return the ranges as they go on the wire."""
        return tuple(self)

    def copy(self) -> "RangeSet":
        made = RangeSet()
        made._firsts, made._lasts = self._firsts.copy(), self._lasts.copy()
        return made
