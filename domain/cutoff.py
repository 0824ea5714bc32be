"""Edge cut-off: decides when a gateway closes on its own, from n of the last m samples of its own points (I11)."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.alarm import Side
from domain.ids import FacilityId, PointRef, RuleId
from domain.sample import Reading
from domain.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoffRule:
    """Close `actuators` when `point` is beyond `limit` in n of its last m samples."""

    id: RuleId
    point: PointRef
    side: Side
    limit: float
    """In the point's unit."""
    n: int
    m: int
    actuators: tuple[FacilityId, ...]
    """Each is moved to its safe position; enterprise and park tier only, behind the point's own gateway."""
    is_enabled: bool
    words: Words


@dataclass(slots=True, kw_only=True)
class CutoffWatch:
    """The last m samples of one rule. Only trusted samples count as beyond; an untrusted one counts as not beyond."""

    rule: CutoffRule
    recent: deque[tuple[int, float, bool]] = field(init=False)
    """(observed_ms, value, beyond) of the last m samples."""
    is_latched: bool = False
    """Fired and not released; a latched rule does not fire again."""

    def __post_init__(self) -> None:
        self.recent = deque(maxlen=self.rule.m)

    def observe(self, reading: Reading) -> Sequence[tuple[int, float]] | None:
        """Count `reading`; return the samples (observed_ms, value) that made the rule fire now, else None."""
        value = reading.value
        if isinstance(value, str) or value is None or reading.observed_ms is None:
            return None
        if self.recent and self.recent[-1][0] == reading.observed_ms:
            return None
        number = float(value)
        over = number > self.rule.limit if self.rule.side is Side.ABOVE else number < self.rule.limit
        self.recent.append((reading.observed_ms, number, over and reading.is_trusted))
        beyond = [(at, seen) for at, seen, is_beyond in self.recent if is_beyond]
        if self.is_latched or not self.rule.is_enabled or len(beyond) < self.rule.n:
            return None
        self.is_latched = True
        return beyond
