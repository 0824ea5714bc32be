"""Decides what may be said of where an actuator stands, from its feedback alone; never from what was commanded."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.quality import Quality, Reason, worst
from domain.sample import Reading
from domain.words import Words


class Position(StrEnum):
    """What the feedback proves."""

    CLOSED = "closed"
    OPEN = "open"
    BETWEEN = "between"
    """Neither limit: on its way or stopped on the way."""
    CONTRADICTION = "contradiction"
    """Both limits at once: a fault of the switches or of their wiring."""
    UNKNOWN = "unknown"
    """Feedback missing, stale or not good."""


POSITION_WORDS: Mapping[Position, Words] = {
    Position.CLOSED: Words("关到位", "closed"),
    Position.OPEN: Words("开到位", "open"),
    Position.BETWEEN: Words("中间位", "between limits"),
    Position.CONTRADICTION: Words("限位矛盾", "limit switches disagree"),
    Position.UNKNOWN: Words("位置不明", "position unknown"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Indication:
    """The position to show, with what it rests on."""

    position: Position
    quality: Quality
    reason: Reason | None
    fresh: bool
    last_seen: Position
    """What the last values received would say if they could be trusted; shown greyed, never as the position."""


def indicate(opened: Reading, closed: Reading) -> Indication:
    """Return the position proved by the two limit switches (True = made).

    Only fresh, good feedback of both limits proves anything (I4, I15).
    """
    quality = worst(opened.quality, closed.quality)
    fresh = opened.fresh and closed.fresh
    seen = _from_limits(opened.value, closed.value)
    reason = opened.reason or closed.reason
    if seen is Position.CONTRADICTION and fresh:
        return Indication(
            position=seen, quality=Quality.BAD, reason=Reason.CONTRADICTION, fresh=fresh, last_seen=seen
        )
    trusted = opened.is_trusted and closed.is_trusted
    return Indication(
        position=seen if trusted else Position.UNKNOWN,
        quality=quality,
        reason=reason if reason is not None or fresh else Reason.STALE,
        fresh=fresh,
        last_seen=seen,
    )


def _from_limits(opened: object, closed: object) -> Position:
    match opened, closed:
        case True, True:
            return Position.CONTRADICTION
        case True, False:
            return Position.OPEN
        case False, True:
            return Position.CLOSED
        case False, False:
            return Position.BETWEEN
        case _:
            return Position.UNKNOWN
