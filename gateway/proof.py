"""Decides how a move ended, from feedback sampled after its write (I4, I5); writes and reads nothing."""

from dataclasses import dataclass

from domain.command import Event
from domain.position import POSITION_WORDS, Indication, Position, indicate
from domain.refusal import Cause, Code
from domain.sample import NEVER_READ, Reading
from domain.words import Words

PERCENT_TOLERANCE = 2.0
"""An opening is reached within this many percent."""
_NOWHERE = frozenset({Position.UNKNOWN, Position.CONTRADICTION})
"""What says nothing of the place: not there, and not stuck elsewhere either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What must be seen for a command to be confirmed."""

    position: Position | None = None
    """A limit."""
    percent: float | None = None
    """An opening between the limits."""
    is_rest: bool = False
    """The travel has stopped."""
    is_look: bool = False
    """Good, fresh feedback, whatever it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Feedback as sampled after the write; what was sampled before counts as never read."""

    opened: Reading = NEVER_READ
    closed: Reading = NEVER_READ
    remote: Reading = NEVER_READ
    fault: Reading = NEVER_READ
    moving: Reading = NEVER_READ
    percent: Reading = NEVER_READ
    has_moving: bool = False
    """Whether the device reports its movement at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended."""

    event: Event
    causes: tuple[Cause, ...] = ()


def outcome(
    goal: Goal, seen: Seen, *, is_time_out: bool, is_silence: bool, is_answered: bool = True
) -> Outcome | None:
    """Return the outcome, or None while the move may still succeed.

    `is_time_out`: `seen` was sampled after the travel time-out. `is_silence`: the time-out is over for long enough that a
    reading should have come. `is_answered`: the PLC has answered the write; otherwise nobody knows whether it acts.
    """
    if _is_reached(goal, seen):
        return Outcome(event=Event.POSITION_REACHED)
    if seen.remote.is_trusted and seen.remote.value is False and not goal.is_look:
        return Outcome(
            event=Event.SWITCHED_TO_LOCAL,
            causes=(Cause(code=Code.LOCAL, detail=Words("中途转就地", "in mid-travel")),),
        )
    if seen.fault.is_trusted and seen.fault.value is True and not goal.is_look and not goal.is_rest:
        return Outcome(event=Event.DEVICE_REFUSED, causes=(Cause(code=Code.HEALTH),))
    shown = indicate(seen.opened, seen.closed)
    can_tell = not goal.is_rest or seen.has_moving
    is_known = shown.fresh and shown.position not in _NOWHERE
    if is_time_out and can_tell and is_answered and is_known:
        where = _where(shown.position, seen.percent)
        detail = Words(f"行程超时,停在{where.zh}", f"travel time-out, stuck at: {where.en}")
        return Outcome(event=Event.TRAVEL_EXCEEDED, causes=(Cause(code=Code.HEALTH, detail=detail),))
    if is_silence:
        return Outcome(event=Event.SILENCE, causes=(_why_unknown(shown, is_answered=is_answered),))
    return None


def _why_unknown(shown: Indication, *, is_answered: bool) -> Cause:
    if not is_answered:
        return Cause(code=Code.LINK, detail=Words("写入无应答", "the write was not answered"))
    if shown.fresh and shown.position is Position.CONTRADICTION:
        # Both limits at once show no place: it is not stuck "somewhere else" (I5).
        words = Words("限位矛盾,位置不明", "limit switches disagree, the position is not known")
        return Cause(code=Code.HEALTH, detail=words)
    return Cause(code=Code.LINK, detail=Words("无可信反馈", "no trusted feedback"))


def _where(position: Position, percent: Reading) -> Words:
    words = POSITION_WORDS[position]
    is_number = isinstance(percent.value, int | float) and not isinstance(percent.value, bool)
    if position is not Position.BETWEEN or not percent.is_trusted or not is_number:
        return words
    return Words(f"{words.zh} {percent.value:.0f} %", f"{words.en}, {percent.value:.0f} %")


def _is_reached(goal: Goal, seen: Seen) -> bool:
    shown = indicate(seen.opened, seen.closed).position
    if goal.position is not None:
        return shown is goal.position
    if goal.percent is not None:
        value = seen.percent.value
        is_still = not seen.has_moving or (seen.moving.is_trusted and seen.moving.value is False)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return (
            seen.percent.is_trusted
            and is_still
            and is_number
            and abs(float(value or 0.0) - goal.percent) <= PERCENT_TOLERANCE
        )
    if goal.is_rest:
        if seen.has_moving:
            return seen.moving.is_trusted and seen.moving.value is False
        return shown in {Position.OPEN, Position.CLOSED}
    return goal.is_look and shown not in _NOWHERE


def stopped_over(percent: float, against: tuple[Cause, ...]) -> Outcome:
    """Return how a move in steps ends that something stands against after one of them."""
    words = Words(f"停在 {percent:g} %,不再开大", f"stays at {percent:g} %, goes no further")
    return Outcome(event=Event.TRAVEL_EXCEEDED, causes=(Cause(code=Code.INTERLOCK, detail=words), *against))
