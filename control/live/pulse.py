"""Decides from heartbeats how old every device's values are, on the receiver's monotonic clock (I15)."""

from collections import deque
from dataclasses import dataclass, field

from domain.ids import DeviceId
from wire.heartbeat import Heartbeat

SILENCE_S_MAX = 3.0
"""Wall seconds without a heartbeat until everything behind the gateway is stale (I15)."""
OFFLINE_S_MIN = 10.0
"""Wall seconds without a heartbeat until the gateway counts as offline."""
SKEW_MS_MAX = 2_000
"""Wall milliseconds by which a gateway's clock may differ from ours without anybody allowing for it: a message may be that late."""
EPOCHS_MAX = 1_000
"""Past epochs remembered; the oldest goes first: a pulse that old would have to be replayed over as many restarts."""
WINDOW_S = 300.0
"""Wall seconds of heartbeats by which the delay of the next is judged. A machine that slept is known anew after them."""
STEADY_S = 0.5
"""Wall seconds for which heartbeats must have come as they were said, until one proves that the gateway speaks at this moment; one
that outruns all before it by more shows that those had lain somewhere, and it may have as well."""


@dataclass(slots=True)
class Pulse:
    """The newest heartbeat of one gateway."""

    newest: Heartbeat | None = None
    received_s: float = 0.0
    """Monotonic seconds."""
    said_s: float = 0.0
    """When it was said, in our monotonic seconds: it may have lain in a broker or in a broken connection since."""
    _steady_since_s: float = 0.0
    """Monotonic seconds at which the first of those came of which none outran another."""
    _gaps: deque[tuple[float, float]] = field(default_factory=deque)
    """(When received, our clock less the gateway's), each smaller than what follows it: the first came the most directly."""
    _past: dict[str, None] = field(default_factory=dict)

    def take(self, heartbeat: Heartbeat, *, now_s: float) -> bool:
        """Take `heartbeat` unless it is an old one said again; return whether it was taken."""
        last = self.newest
        if heartbeat.epoch in self._past:
            return False
        if last is not None and heartbeat.epoch == last.epoch:
            if heartbeat.sent_ms < last.sent_ms or heartbeat.challenge == last.challenge:
                return False
        elif last is not None:
            self._past[last.epoch] = None
            if len(self._past) > EPOCHS_MAX:
                del self._past[next(iter(self._past))]
            self._gaps.clear()
        self.newest, self.received_s = heartbeat, now_s
        self.said_s = now_s - self._delay_s(heartbeat, now_s)
        return True

    def _delay_s(self, heartbeat: Heartbeat, now_s: float) -> float:
        """Return by how much longer this heartbeat took than the quickest of late."""
        if heartbeat.up_ms is None:
            self._steady_since_s = now_s - STEADY_S
            return 0.0
        gap_s = now_s - heartbeat.up_ms / 1000
        if not self._gaps or gap_s < self._gaps[0][1] - STEADY_S:
            self._steady_since_s = now_s
        while self._gaps and self._gaps[-1][1] >= gap_s:
            self._gaps.pop()
        self._gaps.append((now_s, gap_s))
        while self._gaps[0][0] < now_s - WINDOW_S:
            self._gaps.popleft()
        return gap_s - self._gaps[0][1]

    def silence_s(self, *, now_s: float) -> float | None:
        """Return the seconds since the last heartbeat was said; None: there was none."""
        return None if self.newest is None else now_s - self.said_s

    def skew_ms(self, *, now_ms: int, now_s: float, speed: float) -> int:
        """Return by how much the gateway's clock runs ahead of ours, in model time; 0 within `SKEW_MS_MAX`, or when it does not say.

        A command expires by the clock of the gateway that obeys it: a closure must not be refused because that clock is wrong.
        """
        if self.newest is None or self.newest.now_ms is None:
            return 0
        heard_ms = now_ms - round((now_s - self.said_s) * 1000 * speed)
        skew_ms = self.newest.now_ms - heard_ms
        return skew_ms if abs(skew_ms) > SKEW_MS_MAX * max(1.0, speed) else 0

    def is_heard(self, *, now_s: float) -> bool:
        """Whether the gateway speaks: what it says of its devices still holds."""
        silence_s = self.silence_s(now_s=now_s)
        return silence_s is not None and silence_s <= SILENCE_S_MAX

    def state(self, *, now_s: float) -> str:
        """Return `online`, `stale` or `offline`."""
        silence_s = self.silence_s(now_s=now_s)
        if silence_s is None or silence_s > OFFLINE_S_MIN:
            return "offline"
        return "online" if silence_s <= SILENCE_S_MAX else "stale"

    def age_s(self, device: DeviceId, *, now_s: float) -> float | None:
        """Return the seconds since `device` last answered well; None: never."""
        if self.newest is None:
            return None
        age_ms = self.newest.ages_ms.get(device)
        return None if age_ms is None else age_ms / 1000 + now_s - self.said_s

    @property
    def is_steady(self) -> bool:
        """Whether the newest heartbeat proves that the gateway speaks now: a first one may have lain anywhere for any time."""
        return self.received_s - self._steady_since_s >= STEADY_S

    def is_fresh(self, device: DeviceId, *, now_s: float) -> bool:
        """Whether the values of `device` may count as the present ones."""
        if self.newest is None or not self.is_steady or not self.is_heard(now_s=now_s):
            return False
        age_ms = self.newest.ages_ms.get(device)
        bound_ms = self.newest.stale_after_ms.get(device)
        return age_ms is not None and bound_ms is not None and age_ms <= bound_ms
