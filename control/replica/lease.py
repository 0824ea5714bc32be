"""Decides who may lead: a standby by how long the leader's beat has not moved, a leader by how long ago its own was written.

Both go by their own monotonic clock only; no time of day is compared between machines, and the database's clock is not asked.
That two may believe to lead for a moment is not prevented here: the fence in every transaction sees to it that one writes.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Who leads, as the database says."""

    claim: str
    """Random for each claim: the token that fences."""
    replica: str
    """The name of the replica that claimed."""
    url: str
    """Where people reach it; empty: it has not said."""
    beat: int
    """Rises with every renewal."""


class Vigil:
    """What a standby has seen of the leader."""

    def __init__(self, *, replica: str, silence_s: float) -> None:
        """`silence_s`: wall seconds without a beat after which the lead may be claimed."""
        self._replica = replica
        self._silence_s = silence_s
        self.lead: Lead | None = None
        """The newest seen; None: nobody has ever led."""
        self._moved_s = math.inf

    def see(self, lead: Lead | None, *, now_s: float) -> None:
        """Take what was just read (monotonic); silence counts from when a beat was first seen here, never from before."""
        if lead != self.lead or math.isinf(self._moved_s):
            self.lead, self._moved_s = lead, now_s

    def missed(self) -> None:
        """The database did not answer: silence that was not watched is no silence."""
        self._moved_s = math.inf

    def may_claim(self, *, now_s: float) -> bool:
        """Whether the lead may be claimed: nobody has it, an earlier run of this replica had it, or its beat stands still."""
        if math.isinf(self._moved_s):
            return False
        if self.lead is None or self.lead.replica == self._replica:
            return True
        return now_s - self._moved_s >= self._silence_s


class Tenure:
    """What a leader knows of its own lead."""

    def __init__(self, *, silence_s: float) -> None:
        self._silence_s = silence_s
        self._renewed_s = -math.inf
        self.has_led = False
        self.is_superseded = False
        """Whether the database has said that another leads now; that is for ever."""

    def renewed(self, *, asked_s: float) -> None:
        """The database took the beat that was sent at `asked_s` (monotonic)."""
        self._renewed_s, self.has_led = max(self._renewed_s, asked_s), True

    def superseded(self) -> None:
        """Another leads."""
        self.is_superseded = True

    def is_certain(self, *, now_s: float) -> bool:
        """Whether nobody else can lead now: a standby waits `silence_s` from a time that is not before the last renewal."""
        return not self.is_superseded and now_s - self._renewed_s < self._silence_s
