"""What a simulated PLC's program makes of the gateway's heartbeat: whom it obeys, and when it falls back; moves nothing."""

from dataclasses import dataclass

from domain.park import PlcHeartbeat

ALIVE_PERIODS = 3.0
"""The count goes on while it was seen to change within so many periods."""


@dataclass(slots=True)
class Listening:
    """What was heard of one heartbeat."""

    heartbeat: PlcHeartbeat
    changed_ms: int | None = None
    """Model time of the last change of the count; None: there was none since the PLC started."""
    count: int = 0
    has_fallen_back: bool = False

    def hear(self, count: int, now_ms: int) -> None:
        """Take a count."""
        if count != self.count or self.changed_ms is None:
            self.count, self.changed_ms, self.has_fallen_back = count, now_ms, False

    def obeys(self, now_ms: int) -> bool:
        """Whether a command that is read now is obeyed."""
        if not self.heartbeat.guards_commands:
            return True
        return self._silence_s(now_ms) <= ALIVE_PERIODS * self.heartbeat.period_s

    def falls_back(self, now_ms: int) -> bool:
        """Whether it is time to move to safe; true once for each silence, and never before the first count."""
        after_s = self.heartbeat.fallback_after_s
        if after_s is None or self.changed_ms is None or self.has_fallen_back:
            return False
        self.has_fallen_back = self._silence_s(now_ms) > after_s
        return self.has_fallen_back

    def _silence_s(self, now_ms: int) -> float:
        return float("inf") if self.changed_ms is None else (now_ms - self.changed_ms) / 1000
