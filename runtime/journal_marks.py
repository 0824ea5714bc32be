"""What is known of each payload of one segment: what its receiver said of it, and when it was last sent; no file, no clock.

What is the same for all payloads is kept once, so that a segment of which nothing was heard takes no memory for each.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

PENDING, RECEIVED, DURABLE = 0, 1, 2
"""Marks of a payload: nothing heard, the receiver has it, the receiver has it for good."""

NEVER_SENT = float("-inf")


class Marks:
    """The marks of payloads 0 … count − 1."""

    def __init__(self, count: int = 0) -> None:
        """All pending and never sent."""
        self.count = count
        self.resume = 0
        """Every payload before it is durable."""
        self._at = [count, 0, 0]
        """Payloads at each mark."""
        self._mark = PENDING
        self._marks: bytearray | None = None
        """None: every payload has `_mark`."""
        self._sent_s = NEVER_SENT
        self._sents_s: array[float] | None = None
        """None: every payload was sent at `_sent_s`."""

    @property
    def left(self) -> int:
        """Payloads that are not durable."""
        return self.count - self._at[DURABLE]

    @property
    def bytes_held(self) -> int:
        """Memory that grows with the number of payloads."""
        return len(self._marks or b"") + 8 * len(self._sents_s or ())

    def append(self, sent_s: float) -> None:
        """Take one more payload, pending, sent at `sent_s` (monotonic seconds)."""
        if self._marks is None or self._sents_s is None:
            self._spread()
        assert self._marks is not None
        assert self._sents_s is not None
        self._marks.append(PENDING)
        self._sents_s.append(sent_s)
        self.count += 1
        self._at[PENDING] += 1

    def pop(self) -> None:
        """Forget the last payload, which is pending."""
        assert self._marks is not None
        assert self._sents_s is not None
        mark = self._marks.pop()
        assert mark == PENDING
        self._sents_s.pop()
        self.count -= 1
        self._at[PENDING] -= 1

    def at(self, index: int) -> int:
        """Return the mark of one payload."""
        return self._mark if self._marks is None else self._marks[index]

    def lift(self, begin: int, end: int, mark: int) -> int:
        """Raise the marks of begin … end − 1 to `mark`; return how many were lower. A mark never falls."""
        begin, end = max(begin, 0), min(end, self.count)
        if begin >= end:
            return 0
        if begin == 0 and end == self.count:
            return self._lift_all(mark)
        if self._marks is None:
            if self._mark >= mark:
                return 0
            self._marks = bytearray([self._mark]) * self.count
        changed = 0
        view = np.frombuffer(self._marks, dtype=np.uint8)[begin:end]
        for lower in range(mark):
            is_lower = view == lower
            number = int(np.count_nonzero(is_lower))
            if number:
                view[is_lower] = mark
                self._at[lower] -= number
                changed += number
        del view  # the array may grow again
        self._at[mark] += changed
        if changed and mark == DURABLE:
            self.resume = self.count - len(self._marks[self.resume :].lstrip(bytes([DURABLE])))
        return changed

    def sent(self, index: int, now_s: float) -> None:
        """Note that one payload was sent."""
        if self._sents_s is None:
            self._sents_s = array("d", [self._sent_s]) * self.count
        self._sents_s[index] = now_s

    def due(self, now_s: float, waits_s: tuple[float, float], room: int) -> list[int]:
        """Return the first `room` payloads that were sent longer ago than the wait of their mark: pending, received."""
        if self.left == 0 or room <= 0:
            return []
        if self._marks is None and self._sents_s is None:
            is_due = now_s - self._sent_s >= waits_s[self._mark]
            return list(range(self.resume, min(self.count, self.resume + room))) if is_due else []
        found = np.flatnonzero(self._due_s(waits_s) <= now_s)[:room] + self.resume
        return [int(index) for index in found]

    def next_due_s(self, waits_s: tuple[float, float]) -> float:
        """Return when the first payload is due; infinite when all are durable."""
        if self.left == 0:
            return float("inf")
        if self._marks is None and self._sents_s is None:
            return self._sent_s + waits_s[self._mark]
        return float(self._due_s(waits_s).min())

    def settle(self) -> None:
        """Take all that are left as sent with the last of them: none of them is looked at singly for a while."""
        if self._sents_s is not None:
            self._sent_s = max(self._sents_s, default=NEVER_SENT)
            self._sents_s = None
        for mark, number in enumerate(self._at):
            if number == self.count:
                self._mark, self._marks = mark, None

    def _lift_all(self, mark: int) -> int:
        changed = sum(self._at[:mark])
        self._at = [number if place > mark else 0 for place, number in enumerate(self._at)]
        self._at[mark] = self.count - sum(self._at[mark + 1 :])
        if self._at[mark] == self.count:
            self._mark, self._marks = mark, None
        elif changed:
            assert self._marks is not None
            view = np.frombuffer(self._marks, dtype=np.uint8)
            np.maximum(view, mark, out=view)
            del view
        if mark == DURABLE:
            self.resume = self.count
        return changed

    def _due_s(self, waits_s: tuple[float, float]) -> NDArray[np.float64]:
        """Return when each payload from `resume` on is due; infinite for a durable one."""
        waits = np.array([*waits_s, np.inf])
        if self._marks is None:
            marks: NDArray[np.uint8] | int = self._mark
        else:
            marks = np.frombuffer(bytes(self._marks[self.resume :]), dtype=np.uint8)
        if self._sents_s is None:
            due_s = np.where(np.isinf(waits[marks]), np.inf, self._sent_s + np.minimum(waits[marks], 1e9))
        else:
            sents = np.array(self._sents_s[self.resume :])
            due_s = np.where(np.isinf(waits[marks]), np.inf, sents + np.minimum(waits[marks], 1e9))
        return due_s

    def _spread(self) -> None:
        if self._marks is None:
            self._marks = bytearray([self._mark]) * self.count
        if self._sents_s is None:
            self._sents_s = array("d", [self._sent_s]) * self.count
