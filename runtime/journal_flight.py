"""Decides how much may be sent again at a time: the credit, what is under way, and the back-off; sends nothing itself."""

from wire.messages import Ranges

RECEIVED_WAIT_S = 5.0
"""Wall seconds: what is not received by then goes again."""
DURABLE_WAIT_S = 60.0
"""Wall seconds: what is received and not durable by then goes again."""
WAIT_S_MAX = 600.0
"""Wall seconds: ceiling of the back-off."""
CREDIT_MAX = 4096
"""Resent payloads that may be under way; an ingest worker's queue holds five times as many."""
ANSWER_S_AIM = 0.25
"""Wall seconds from a resending to its acknowledgement: up to it the credit grows, beyond twice of it the credit shrinks.
Live data waits in the same queues behind what is resent, and is to be stored within two seconds."""


class Flight:
    """The resent payloads of one journal that are not acknowledged."""

    def __init__(self, now_s: float) -> None:
        self.credit = 1
        self._level = 0
        """Doublings of the wait since something was last heard."""
        self._level_s = now_s
        self._shrunk_s = now_s
        self._sent_s: dict[str, dict[int, float]] = {}
        """Epoch → offset → when it was sent, the longest ago first."""

    @property
    def under_way(self) -> int:
        """Payloads sent again and not answered."""
        return sum(map(len, self._sent_s.values()))

    def room(self, now_s: float) -> int:
        """Return how many payloads may be sent now; what was not answered in its wait is taken for lost.

        A loss takes the credit back to one payload, and doubles the wait when nothing at all was heard meanwhile.
        """
        wait_s = min(RECEIVED_WAIT_S * 2**self._level, WAIT_S_MAX)
        has_lost = False
        for sent_s in self._sent_s.values():
            while sent_s and now_s - next(iter(sent_s.values())) >= wait_s:
                del sent_s[next(iter(sent_s))]
                has_lost = True
        if has_lost:
            self.credit = 1
            if now_s - self._level_s >= wait_s and wait_s < WAIT_S_MAX:
                self._level, self._level_s = self._level + 1, now_s
        return self.credit - self.under_way

    def sent(self, epoch: str, offset: int, now_s: float) -> None:
        """Note one payload as sent."""
        offsets = self._sent_s.setdefault(epoch, {})
        offsets.pop(offset, None)
        offsets[offset] = now_s

    def answered(self, epoch: str, ranges: Ranges, now_s: float) -> None:
        """Take an acknowledgement: the credit grows by what it answers in time."""
        self.heard(now_s)
        offsets = self._sent_s.get(epoch)
        if not offsets:
            return
        taken = [offsets.pop(offset) for offset in _within(offsets, ranges)]
        if not taken:
            return
        slowest_s = now_s - min(taken)
        if slowest_s <= ANSWER_S_AIM:
            self.credit = min(CREDIT_MAX, self.credit + len(taken))
        elif slowest_s > 2 * ANSWER_S_AIM and now_s - self._shrunk_s > slowest_s:
            self._shrunk_s = now_s
            self.credit = max(1, self.credit * 2 // 3)

    def heard(self, now_s: float) -> None:
        """Something was heard: the back-off begins anew."""
        self._level, self._level_s = 0, now_s

    def forget(self, epoch: str, first: int, after: int) -> None:
        """Take the offsets first … after − 1 as answered."""
        offsets = self._sent_s.get(epoch, {})
        for offset in _within(offsets, ((first, after - 1),)):
            del offsets[offset]


def _within(offsets: dict[int, float], ranges: Ranges) -> list[int]:
    found: list[int] = []
    for first, last in ranges:
        if last - first < len(offsets):
            found += [offset for offset in range(first, last + 1) if offset in offsets]
        else:
            found += [offset for offset in offsets if first <= offset <= last]
    return found
