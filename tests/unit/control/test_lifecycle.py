"""Every state of a command against every state that an edge may report, and every end of waiting."""

import itertools
from dataclasses import replace

import pytest

from control.commands.lifecycle import path, timeout_events
from control.commands.patience import is_overdue
from control.commands.tracked import Tracked, Transition, body, tracked
from domain.command import TRANSITIONS, Action, Command, Phase, State, next_state
from domain.ids import CommandId, FacilityId, GatewayId

NOW_MS = 1_700_000_000_000


def made(state: State = State.REQUESTED, **more: object) -> Tracked:
    command = Command(
        id=CommandId("ab" * 16),
        actuator=FacilityId("hc_outlet"),
        action=Action.CLOSE,
        author="zhao",
        reason="演练",
        state=state,
        changed_ms=NOW_MS,
    )
    held = Tracked(
        command=command,
        gateway=GatewayId("gw_east"),
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 60_000,
        is_away=False,
        wanted=Phase.OPERATE,
    )
    return replace(held, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("start", "reported"), [*itertools.product(State, State)])
def test_a_report_leads_along_the_table_or_nowhere(start: State, reported: State) -> None:
    events = path(start, reported)
    if events is None:
        # APPROVED is the centre's own: no report leads there.
        assert reported is State.APPROVED or _is_unreachable(start, reported)
        return
    state = start
    for event in events:
        state = next_state(state, event)
    assert state is reported


def _is_unreachable(start: State, reported: State) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        for following in TRANSITIONS.get(waiting.pop(), {}).values():
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return reported not in seen


@pytest.mark.parametrize("state", [state for state in State if state.is_final])
def test_an_outcome_never_changes(state: State) -> None:
    held = made(state)
    for reported in State:
        after = held.reported(Phase.OPERATE, Transition(state=reported, at_ms=NOW_MS + 1))
        assert after.state is state
    assert held.timed_out(now_ms=NOW_MS + 1) is held


@pytest.mark.parametrize("state", [state for state in State if not state.is_final])
@pytest.mark.parametrize("was_operated", [True, False])
def test_waiting_ends_every_state(state: State, was_operated: bool) -> None:
    sent = frozenset({Phase.OPERATE}) if was_operated else frozenset[Phase]()
    held = made(state, sent=sent)
    expected = State.UNKNOWN if state is State.OPERATING or was_operated else State.EXPIRED
    after = held.timed_out(now_ms=NOW_MS + 99)
    assert after.state is expected
    assert after.transitions[-1].state is expected
    assert timeout_events(after.state, was_operated=was_operated) == ()


def test_a_closure_of_an_earlier_run_may_have_gone_out_though_nothing_says_so() -> None:
    """With database and spool full only memory knew that it went."""
    closure = made(State.REQUESTED, wanted=Phase.OPERATE, is_away=False)
    opening = made(State.REQUESTED, wanted=Phase.OPERATE, is_away=True)
    unasked = made(State.REQUESTED, wanted=None, is_away=False)
    for found, is_inherited, expected in (
        (closure, False, State.EXPIRED),
        (closure, True, State.UNKNOWN),
        (opening, True, State.EXPIRED),
        (unasked, True, State.EXPIRED),
    ):
        assert replace(found, is_inherited=is_inherited).timed_out(now_ms=NOW_MS + 99).state is expected


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_no_state_lasts_for_ever(speed: float) -> None:
    late_ms = NOW_MS + 3_600_000 * int(speed)
    for state in State:
        if not state.is_final:
            assert is_overdue(made(state), None, now_ms=late_ms, speed=speed)
            assert not is_overdue(made(state), None, now_ms=NOW_MS + 10, speed=speed)


def test_a_report_may_skip_what_was_lost() -> None:
    after = made().reported(Phase.OPERATE, Transition(state=State.FAILED, at_ms=NOW_MS + 5))
    assert after.state is State.FAILED
    assert [item.state for item in after.transitions] == [State.FAILED]
    assert Phase.OPERATE in after.answered


def test_only_bytes_that_we_signed_are_ours() -> None:
    import hashlib

    held = made().signed(Phase.OPERATE, b"a.b.c")
    assert held.is_ours(Phase.OPERATE, hashlib.sha256(b"a.b.c").hexdigest())
    assert not held.is_ours(Phase.SELECT, hashlib.sha256(b"a.b.c").hexdigest())
    assert not held.is_ours(Phase.OPERATE, hashlib.sha256(b"a.b.d").hexdigest())


def test_it_is_kept_whole_in_the_database() -> None:
    held = made(instead_of=CommandId("cd" * 16), accepted=("stale-input",), idempotency_key="k", run="r1")
    held = held.signed(Phase.OPERATE, b"a.b.c").published()
    held = held.reported(
        Phase.OPERATE,
        Transition(state=State.OPERATING, at_ms=NOW_MS + 1, reasons=({"code": "x"},), evidence={"p": 1}),
    )
    assert tracked(body(held)) == held


def test_it_is_sent_until_it_is_answered_or_ended() -> None:
    waits = replace(made(State.REQUESTED), wanted=Phase.SELECT)
    assert waits.is_awaiting
    assert not replace(waits, wanted=None).is_awaiting
    assert not replace(waits, answered=frozenset({Phase.SELECT})).is_awaiting
    assert replace(waits, answered=frozenset({Phase.OPERATE})).is_awaiting
    assert not replace(made(State.EXPIRED), wanted=Phase.SELECT).is_awaiting
    assert waits.published().sent == {Phase.SELECT}
    assert replace(waits, wanted=None).published().sent == waits.sent


def test_a_report_without_a_phase_answers_none_and_a_late_one_is_answered_only() -> None:
    waits = made(State.REQUESTED)
    entered = Transition(state=State.OPERATING, at_ms=NOW_MS + 1)
    assert waits.reported(None, entered).answered == waits.answered
    assert waits.reported(Phase.OPERATE, entered).answered == waits.answered | {Phase.OPERATE}
    ended = made(State.FAILED)
    late = ended.reported(Phase.OPERATE, Transition(state=State.CONFIRMED, at_ms=NOW_MS + 1))
    assert (late.state, late.transitions) == (State.FAILED, ended.transitions)
    assert late.answered == ended.answered | {Phase.OPERATE}


@pytest.mark.parametrize(
    ("start", "reported", "events"),
    [
        (State.REQUESTED, State.SELECTED, "select"),
        (State.REQUESTED, State.CONFIRMED, "position_reached"),
        (State.REQUESTED, State.FAILED, "operate device_refused"),
        (State.REQUESTED, State.UNKNOWN, "operate silence"),
        (State.SELECTED, State.CONFIRMED, "operate position_reached"),
        (State.OPERATING, State.PREEMPTED, "preempt"),
        (State.OPERATING, State.OPERATING, ""),
    ],
)
def test_the_fewest_events_are_taken(start: State, reported: State, events: str) -> None:
    found = path(start, reported)
    assert found is not None
    assert [event.value for event in found] == events.split()


def test_nobody_at_an_edge_approves() -> None:
    assert path(State.REQUESTED, State.APPROVED) is None
    assert path(State.CONFIRMED, State.FAILED) is None
