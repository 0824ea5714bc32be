"""Decides which segment of a journal is looked at next for payloads to be sent again, without looking at the others."""

import heapq
from collections.abc import Iterator
from itertools import count

from runtime.journal_segment import Segment


class Queue:
    """Closed segments: those that have something due, oldest first, and those that rest until a known time."""

    def __init__(self, waits_s: tuple[float, float]) -> None:
        """`waits_s`: seconds after which a payload that is pending, or received, is due."""
        self._waits_s = waits_s
        self._ages = count()
        self._due: list[tuple[int, Segment]] = []
        self._resting: list[tuple[float, int, Segment]] = []

    def closed(self, segment: Segment) -> None:
        """Take a segment, younger than all before, that takes no payloads any more."""
        heapq.heappush(self._resting, (segment.next_due_s, next(self._ages), segment))

    def due(self, now_s: float, active: Segment) -> Iterator[Segment]:
        """Yield the segments that may have something due; one that has not is to be given to `rest`."""
        while self._resting and self._resting[0][0] <= now_s:
            _, age, segment = heapq.heappop(self._resting)
            heapq.heappush(self._due, (age, segment))
        while self._due:
            segment = self._due[0][1]
            if segment.is_gone:
                heapq.heappop(self._due)
            else:
                yield segment
        if active.next_due_s <= now_s:
            yield active

    def rest(self, segment: Segment, *, until_s: float | None = None) -> None:
        """Look at a segment no more until its next payload is due, or until `until_s`."""
        segment.chunk = None
        segment.next_due_s = segment.marks.next_due_s(self._waits_s) if until_s is None else until_s
        if self._due and self._due[0][1] is segment:
            age, _ = heapq.heappop(self._due)
            segment.marks.settle()
            heapq.heappush(self._resting, (segment.next_due_s, age, segment))
