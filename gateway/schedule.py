"""Decides which poll group of a device is due, and how long there is nothing to do; polls nothing itself."""

from collections.abc import Iterable, Mapping

from domain.park import PollGroup
from gateway.image import period_s


class Schedule:
    """The turns of one device's groups. Times are monotonic seconds; each group keeps its own beat."""

    def __init__(self, groups: Mapping[str, PollGroup], *, first_s: float, floor_s: float) -> None:
        """The first polls are due at `first_s`; none comes more often than every `floor_s` wall seconds."""
        self._groups = groups
        self._floor_s = floor_s
        self._slot_s = dict.fromkeys(groups, first_s)
        """Group → when its last poll was due; the next is due one period later, at the speed of that moment."""
        self._is_first = set(groups)
        """Groups whose slot is that of the poll to come."""
        self._hurried: dict[str, int] = {}
        self._due_s = dict(self._slot_s)
        """Group → when its next poll is due at `_speed`."""
        self._speed = 0.0

    def due(self, *, now_s: float, speed: float) -> str | None:
        """Return the most urgent group that is due: one that is hurried, then a critical one, then the one due first."""
        self._follow(speed)
        best: tuple[bool, bool, float] | None = None
        found = None
        for name, due_s in self._due_s.items():
            if due_s <= now_s:
                urgency = (self._hurried.get(name, 0) == 0, not self._groups[name].is_critical, due_s)
                if best is None or urgency < best:
                    best, found = urgency, name
        return found

    def wait_s(self, *, now_s: float, speed: float) -> float | None:
        """Return the seconds until a group is due; None: there are no groups."""
        self._follow(speed)
        return min(self._due_s.values()) - now_s if self._due_s else None

    def due_s(self, name: str, *, speed: float) -> float:
        """Return when `name` is due."""
        self._follow(speed)
        return self._due_s[name]

    def polled(self, name: str, *, due_s: float, now_s: float, speed: float) -> None:
        """Note that the poll of `name` that was due at `due_s` is over; one that ran over its period leaves out beats.

        The beat stays: if each began anew when it was late, one pause of the process would make all devices fall into step.
        One that was made due again meanwhile stays due: what was asked for after a write is not what was asked before it.
        """
        if name in self._is_first and self._slot_s[name] > due_s:
            return
        period_s = self.period_s(name, speed=speed)
        left_out = (now_s - due_s) // period_s
        self._slot_s[name] = due_s + max(left_out, 0.0) * period_s
        self._is_first.discard(name)
        self._follow(speed)
        self._due_s[name] = self._slot_s[name] + period_s

    def hurry(self, names: Iterable[str]) -> None:
        """Poll `names` as often as may be, until as many times released."""
        for name in names:
            self._hurried[name] = self._hurried.get(name, 0) + 1
        self._count_anew()

    def release(self, names: Iterable[str]) -> None:
        """Take a hurry back."""
        for name in names:
            self._hurried[name] -= 1
        self._count_anew()

    def make_due(self, names: Iterable[str], *, now_s: float) -> None:
        """Make `names` due now."""
        for name in names:
            if name in self._slot_s:
                self._slot_s[name] = now_s
                self._is_first.add(name)
        self._count_anew()

    def period_s(self, name: str, *, speed: float) -> float:
        """Return the wall seconds between two polls of `name`."""
        if self._hurried.get(name, 0) > 0:
            return self._floor_s
        return period_s(self._groups[name], speed=speed, floor_s=self._floor_s)

    def _follow(self, speed: float) -> None:
        if speed != self._speed:
            self._speed = speed
            self._count_anew()

    def _count_anew(self) -> None:
        for name, slot_s in self._slot_s.items():
            is_first = name in self._is_first
            self._due_s[name] = slot_s if is_first else slot_s + self.period_s(name, speed=self._speed)
