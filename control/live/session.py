"""Decides what a host may believe of one edge node by Sparkplug's session rules, births, deaths and the unbroken seq, and by its heartbeat.

A gap holds the node's points uncertain until it is born again; how often a rebirth may be asked for is decided here too.
"""

import math
from dataclasses import dataclass, field

from domain.ids import DeviceId
from domain.quality import Reason
from wire.heartbeat import Heartbeat
from wire.sparkplug import Payload
from wire.topics import Kind

SEQ_SPAN = 256
"""seq runs 0–255 (Sparkplug 3.0, 6.4.1)."""
REBIRTH_S_MIN = 2.0
"""Wall seconds between two requests to one node; doubles up to the maximum while they have no effect."""
REBIRTH_S_MAX = 30.0
BD_SEQ = "bdSeq"


@dataclass(slots=True)
class Session:
    """One edge node as a host sees it; nothing of it is known until its birth."""

    hold: Reason | None = Reason.GAP
    """Why its points may not be believed now; None: they may."""
    born: set[DeviceId] = field(default_factory=set)
    """Devices whose birth belongs to this session."""
    _seq: int | None = None
    _born_ms: int | None = None
    _count: int = 0
    """Messages since the birth."""
    _said: tuple[int, int] | None = None
    """What the heartbeat before said of its birth and of the messages since."""
    _bd_seq: int | None = None
    _asked_s: float | None = None
    _pause_s: float = REBIRTH_S_MIN

    def take(self, kind: Kind, device: DeviceId | None, payload: Payload) -> bool:
        """Count one message of the node; return whether its content may be used."""
        if kind is Kind.NDEATH:
            self._die(payload)
            return False
        if kind is Kind.NBIRTH:
            return self._be_born(payload)
        if not self._follows(payload.seq):
            self.doubt()
            return False
        if kind is Kind.DBIRTH and device is not None:
            self.born.add(device)
        elif kind is Kind.DDEATH and device is not None:
            self.born.discard(device)
        return device is None or device in self.born or kind is Kind.DDEATH

    def doubt(self) -> None:
        """Hold the node's points: something of it was missed."""
        if self.hold is None:
            self.hold = Reason.GAP
        self.born.clear()
        self._seq = None

    def heard(self, heartbeat: Heartbeat, *, is_back: bool = False) -> None:
        """Hold the node's points when what a heartbeat said was sent has not come: a quiet node shows no gap in its seq.

        It has until the next heartbeat, because it may be on its way; none when the node `is_back` after a silence.
        """
        if heartbeat.born_ms is None:
            return
        before, self._said = self._said, (heartbeat.born_ms, heartbeat.told)
        if is_back:
            before = self._said
        if before is None or self._seq is None:
            return
        born_ms, told = before
        is_other_birth = heartbeat.born_ms == born_ms != self._born_ms
        if is_other_birth or (born_ms == self._born_ms and told > self._count):
            self.doubt()

    def asks_rebirth(self, *, now_s: float) -> bool:
        """Whether a rebirth is to be asked for now (monotonic seconds); counts it as asked."""
        if self.hold is None:
            return False
        if self._asked_s is not None and now_s - self._asked_s < self._pause_s:
            return False
        self._pause_s = REBIRTH_S_MIN if self._asked_s is None else min(REBIRTH_S_MAX, 2 * self._pause_s)
        self._asked_s = now_s
        return True

    def _be_born(self, payload: Payload) -> bool:
        self.born.clear()
        self._seq = payload.seq
        self._born_ms, self._count, self._said = payload.timestamp_ms, 0, None
        self._bd_seq = _bd_seq(payload)
        self.hold = None
        self._asked_s = None
        return True

    def _die(self, payload: Payload) -> None:
        """A death that names another birth is of an older connection and concerns nobody."""
        died = _bd_seq(payload)
        if died is not None and self._bd_seq is not None and died != self._bd_seq:
            return
        self.doubt()
        self.hold = Reason.LINK

    def _follows(self, seq: int | None) -> bool:
        if self._seq is None or seq != (self._seq + 1) % SEQ_SPAN:
            return False
        self._seq = seq
        self._count += 1
        return True


def _bd_seq(payload: Payload) -> int | None:
    for metric in payload.metrics:
        if metric.name == BD_SEQ and isinstance(metric.value, int | float) and math.isfinite(metric.value):
            return int(metric.value)
    return None
