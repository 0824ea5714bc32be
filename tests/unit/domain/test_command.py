"""The life of a command: every state × event is walked against the table, and every way leads to an end."""

from itertools import product

import pytest

from domain.command import (
    ACTION_WORDS,
    STATE_WORDS,
    TRANSITIONS,
    Action,
    Command,
    Event,
    State,
    advance,
    next_state,
)
from domain.errors import IllegalTransition
from domain.ids import CommandId, FacilityId

FINAL = {
    State.CONFIRMED, State.FAILED, State.UNKNOWN, State.REFUSED, State.EXPIRED, State.WITHDRAWN, State.PREEMPTED,
}  # fmt: skip
TIMES_OUT = {
    State.REQUESTED: Event.TIME_OUT,
    State.APPROVED: Event.TIME_OUT,
    State.SELECTED: Event.TIME_OUT,
    State.OPERATING: Event.SILENCE,
}


def command(state: State) -> Command:
    return Command(
        id=CommandId("0" * 32),
        actuator=FacilityId("hc_outlet"),
        action=Action.CLOSE,
        author="op",
        reason="spill",
        state=state,
        changed_ms=1,
    )


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_state_and_event(state: State, event: Event) -> None:
    before = command(state)
    if event in TRANSITIONS.get(state, {}):
        after = advance(before, event, now_ms=7)
        assert after.state is TRANSITIONS[state][event]
        assert after.changed_ms == 7
        assert (after.id, after.actuator, after.action) == (before.id, before.actuator, before.action)
    else:
        with pytest.raises(IllegalTransition):
            advance(before, event, now_ms=7)
        assert before == command(state)


@pytest.mark.parametrize("state", State)
def test_final_states_stay_and_all_others_time_out(state: State) -> None:
    assert state.is_final == (state in FINAL)
    if not state.is_final:
        assert next_state(state, TIMES_OUT[state]).is_final


def test_after_operate_nothing_is_withdrawn_refused_or_expired() -> None:
    assert not {Event.WITHDRAW, Event.REFUSE, Event.TIME_OUT} & set(TRANSITIONS[State.OPERATING])


def test_silence_after_operate_is_unknown_and_never_failed() -> None:
    assert next_state(State.OPERATING, Event.SILENCE) is State.UNKNOWN
    assert [event for event, state in TRANSITIONS[State.OPERATING].items() if state is State.UNKNOWN] == [
        Event.SILENCE
    ]


def test_every_way_ends() -> None:
    """No circle: a state is never entered again, so every life is at most as long as there are states."""

    def longest(state: State) -> int:
        return 1 + max((longest(after) for after in TRANSITIONS.get(state, {}).values()), default=0)

    assert longest(State.REQUESTED) <= len(State)


def test_everything_has_its_words() -> None:
    assert set(STATE_WORDS) == set(State)
    assert set(ACTION_WORDS) == set(Action)
    assert STATE_WORDS[State.UNKNOWN].zh == "结果不明"
