"""The life of one command to a gate, valve or pump.

Select-before-operate holds for moves away from the safe position; moves toward safe and stop are operated at once. The
table below is the whole truth of the life; the tests walk it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from domain.errors import IllegalTransition
from domain.ids import CommandId, FacilityId
from domain.words import Words


class Action(StrEnum):
    """What a command asks of an actuator."""

    OPEN = "open"
    CLOSE = "close"
    STOP = "stop"
    SET = "set"
    """Move to `opening_percent` (0–100)."""
    VERIFY = "verify"
    """Read the feedback now; writes nothing."""


class Phase(StrEnum):
    """Which message of a command's life this is; identity is (id, phase, hash)."""

    SELECT = "select"
    OPERATE = "operate"
    CANCEL = "cancel"


class State(StrEnum):
    """Where a command is in its life."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SELECTED = "selected"
    OPERATING = "operating"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    PREEMPTED = "preempted"

    @property
    def is_final(self) -> bool:
        """Whether the outcome can no longer change."""
        return self not in TRANSITIONS


class Event(StrEnum):
    """What can happen to a command."""

    APPROVE = "approve"
    SELECT = "select"
    OPERATE = "operate"
    POSITION_REACHED = "position_reached"
    DEVICE_REFUSED = "device_refused"
    SWITCHED_TO_LOCAL = "switched_to_local"
    TRAVEL_EXCEEDED = "travel_exceeded"
    SILENCE = "silence"
    REFUSE = "refuse"
    TIME_OUT = "time_out"
    WITHDRAW = "withdraw"
    PREEMPT = "preempt"


_S, _E = State, Event

TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    _S.REQUESTED: {
        _E.APPROVE: _S.APPROVED,
        _E.SELECT: _S.SELECTED,
        _E.OPERATE: _S.OPERATING,
        _E.POSITION_REACHED: _S.CONFIRMED,
        _E.REFUSE: _S.REFUSED,
        _E.TIME_OUT: _S.EXPIRED,
        _E.WITHDRAW: _S.WITHDRAWN,
        _E.PREEMPT: _S.PREEMPTED,
    },
    _S.APPROVED: {
        _E.SELECT: _S.SELECTED,
        _E.OPERATE: _S.OPERATING,
        _E.POSITION_REACHED: _S.CONFIRMED,
        _E.REFUSE: _S.REFUSED,
        _E.TIME_OUT: _S.EXPIRED,
        _E.WITHDRAW: _S.WITHDRAWN,
        _E.PREEMPT: _S.PREEMPTED,
    },
    _S.SELECTED: {
        _E.OPERATE: _S.OPERATING,
        _E.REFUSE: _S.REFUSED,
        _E.TIME_OUT: _S.EXPIRED,
        _E.WITHDRAW: _S.WITHDRAWN,
        _E.PREEMPT: _S.PREEMPTED,
    },
    # After OPERATE nothing may be withdrawn: the gate may already be moving.
    _S.OPERATING: {
        _E.POSITION_REACHED: _S.CONFIRMED,
        _E.DEVICE_REFUSED: _S.FAILED,
        _E.SWITCHED_TO_LOCAL: _S.FAILED,
        _E.TRAVEL_EXCEEDED: _S.FAILED,
        _E.PREEMPT: _S.PREEMPTED,
        _E.SILENCE: _S.UNKNOWN,
    },
}

STATE_WORDS: Mapping[State, Words] = {
    _S.REQUESTED: Words("已下发", "sent"),
    _S.APPROVED: Words("已批准", "approved"),
    _S.SELECTED: Words("已预选", "selected"),
    _S.OPERATING: Words("执行中", "executing"),
    _S.CONFIRMED: Words("到位", "in position"),
    _S.FAILED: Words("失败", "failed"),
    _S.UNKNOWN: Words("结果不明", "outcome unknown"),
    _S.REFUSED: Words("已拒绝", "refused"),
    _S.EXPIRED: Words("已过期", "expired"),
    _S.WITHDRAWN: Words("已撤回", "withdrawn"),
    _S.PREEMPTED: Words("被抢占", "preempted"),
}

ACTION_WORDS: Mapping[Action, Words] = {
    Action.OPEN: Words("开启", "open"),
    Action.CLOSE: Words("关闭", "close"),
    Action.STOP: Words("停", "stop"),
    Action.SET: Words("设定开度", "set opening"),
    Action.VERIFY: Words("核实", "verify"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One request of one author to one actuator, and how far it came."""

    id: CommandId
    actuator: FacilityId
    action: Action
    parameters: Mapping[str, float] = field(default_factory=dict)
    """`opening_percent` for SET, 0–100; empty otherwise."""
    author: str
    reason: str
    state: State = State.REQUESTED
    changed_ms: int
    """When `state` was entered, UTC milliseconds of model time."""


def next_state(state: State, event: Event) -> State:
    """Return the state after `event`. Raises IllegalTransition if the table has no entry."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        message = f"a command that is {state.value} cannot take the event {event.value}"
        raise IllegalTransition(message) from None


def advance(command: Command, event: Event, *, now_ms: int) -> Command:
    """Return the command after `event`.

    Raises IllegalTransition if the table has no entry; the command is unchanged.
    """
    return replace(command, state=next_state(command.state, event), changed_ms=now_ms)
