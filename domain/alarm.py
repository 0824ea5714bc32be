"""Alarms: when one is raised and cleared, and what acknowledging it means; decides, keeps nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.errors import IllegalTransition
from domain.ids import PointRef, RuleId
from domain.sample import Reading
from domain.words import Words


class Side(StrEnum):
    """Which side of the limit is abnormal."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """A threshold on one point."""

    id: RuleId
    point: PointRef
    side: Side
    limit: float
    """In the point's unit."""
    hysteresis: float
    """It clears when the value is better than the limit by this much, in the point's unit; ≥ 0."""
    samples: int = 1
    """Raised after this many consecutive trusted samples beyond the limit."""
    severity: int
    """1 (highest) to 3."""
    words: Words


class AlarmState(StrEnum):
    """Where one occurrence is: whether the condition holds, and whether a person has seen it."""

    NORMAL = "normal"
    ACTIVE_UNACK = "active_unack"
    ACTIVE_ACK = "active_ack"
    CLEARED_UNACK = "cleared_unack"
    """The condition is gone and nobody has seen it: kept until acknowledged (I12)."""


class AlarmEvent(StrEnum):
    """What can happen to an alarm."""

    RAISE = "raise"
    CLEAR = "clear"
    ACKNOWLEDGE = "acknowledge"


_S, _E = AlarmState, AlarmEvent

TRANSITIONS: Mapping[AlarmState, Mapping[AlarmEvent, AlarmState]] = {
    _S.NORMAL: {_E.RAISE: _S.ACTIVE_UNACK},
    _S.ACTIVE_UNACK: {_E.CLEAR: _S.CLEARED_UNACK, _E.ACKNOWLEDGE: _S.ACTIVE_ACK},
    _S.ACTIVE_ACK: {_E.CLEAR: _S.NORMAL},
    _S.CLEARED_UNACK: {_E.RAISE: _S.ACTIVE_UNACK, _E.ACKNOWLEDGE: _S.NORMAL},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """The one instance of a rule's condition."""

    rule: RuleId
    state: AlarmState = AlarmState.NORMAL
    occurrence: int = 0
    """How many times it was raised; an acknowledgement names the one that the person saw."""
    beyond: int = 0
    """Consecutive trusted samples beyond the limit so far."""
    observed_ms: int | None = None
    """Time of the last sample counted."""
    value: float | None = None
    """Worst value of this occurrence."""
    raised_ms: int | None = None
    cleared_ms: int | None = None
    acknowledged_by: str | None = None


def observe(alarm: Alarm, rule: AlarmRule, reading: Reading, *, now_ms: int) -> Alarm:
    """Return the alarm after `reading`; untrusted readings and ones already counted change nothing."""
    value = reading.value
    if (
        not reading.is_trusted
        or isinstance(value, str)
        or value is None
        or reading.observed_ms == alarm.observed_ms
    ):
        return alarm
    number = float(value)
    seen = replace(alarm, observed_ms=reading.observed_ms)
    if _is_beyond(rule, number, margin=0.0):
        return _beyond(seen, rule, number, now_ms=now_ms)
    seen = replace(seen, beyond=0)
    holds = alarm.state in {AlarmState.ACTIVE_UNACK, AlarmState.ACTIVE_ACK}
    if holds and not _is_beyond(rule, number, margin=rule.hysteresis):
        return replace(seen, state=next_state(alarm.state, AlarmEvent.CLEAR), cleared_ms=now_ms)
    return seen


def acknowledge(alarm: Alarm, *, occurrence: int, person: str) -> Alarm | None:
    """Return the alarm acknowledged, or None when the person saw another occurrence or there is nothing to see."""
    if occurrence != alarm.occurrence or AlarmEvent.ACKNOWLEDGE not in TRANSITIONS[alarm.state]:
        return None
    return replace(alarm, state=next_state(alarm.state, AlarmEvent.ACKNOWLEDGE), acknowledged_by=person)


def next_state(state: AlarmState, event: AlarmEvent) -> AlarmState:
    """Return the state after `event`. Raises IllegalTransition if the table has no entry."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        message = f"an alarm that is {state.value} cannot take the event {event.value}"
        raise IllegalTransition(message) from None


def _beyond(alarm: Alarm, rule: AlarmRule, value: float, *, now_ms: int) -> Alarm:
    counted = replace(alarm, beyond=alarm.beyond + 1)
    if counted.state in {AlarmState.ACTIVE_UNACK, AlarmState.ACTIVE_ACK}:
        worst = max if rule.side is Side.ABOVE else min
        return replace(counted, value=value if counted.value is None else worst(counted.value, value))
    if counted.beyond < rule.samples:
        return counted
    return replace(
        counted,
        state=next_state(counted.state, AlarmEvent.RAISE),
        occurrence=counted.occurrence + 1,
        value=value,
        raised_ms=now_ms,
        cleared_ms=None,
        acknowledged_by=None,
    )


def _is_beyond(rule: AlarmRule, value: float, *, margin: float) -> bool:
    if rule.side is Side.ABOVE:
        return value > rule.limit - margin
    return value < rule.limit + margin
