"""An alarm: its table whole, hysteresis and sample counts, and that no untrusted value raises or clears one."""

from dataclasses import replace
from itertools import product

import pytest

from domain.alarm import (
    TRANSITIONS,
    Alarm,
    AlarmEvent,
    AlarmRule,
    AlarmState,
    Side,
    acknowledge,
    next_state,
    observe,
)
from domain.errors import IllegalTransition
from domain.ids import PointRef, RuleId
from domain.quality import Quality, Reason
from domain.sample import Reading
from domain.words import Words

HIGH = AlarmRule(
    id=RuleId("high"),
    point=PointRef("hc_analyser/conductivity"),
    side=Side.ABOVE,
    limit=1200.0,
    hysteresis=100.0,
    samples=3,
    severity=1,
    words=Words("高", "high"),
)
LOW = replace(HIGH, id=RuleId("low"), side=Side.BELOW, limit=6.0, hysteresis=0.2, samples=1)


def good(value: float | bool | str, at_ms: int) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=at_ms, age_s=0.1, fresh=True)


def play(rule: AlarmRule, *values: float, alarm: Alarm | None = None, start: int = 0) -> Alarm:
    alarm = alarm or Alarm(rule=rule.id)
    for at, value in enumerate(values, start):
        alarm = observe(alarm, rule, good(value, at), now_ms=at + 100)
    return alarm


@pytest.mark.parametrize(("state", "event"), list(product(AlarmState, AlarmEvent)))
def test_every_state_and_event(state: AlarmState, event: AlarmEvent) -> None:
    expected = TRANSITIONS[state].get(event)
    if expected is None:
        with pytest.raises(IllegalTransition):
            next_state(state, event)
    else:
        assert next_state(state, event) is expected


@pytest.mark.parametrize("state", AlarmState)
def test_an_alarm_that_nobody_saw_is_never_lost(state: AlarmState) -> None:
    """I12: from an unacknowledged state only an acknowledgement leads to one that is seen or normal."""
    for event, after in TRANSITIONS[state].items():
        if (
            state in {AlarmState.ACTIVE_UNACK, AlarmState.CLEARED_UNACK}
            and event is not AlarmEvent.ACKNOWLEDGE
        ):
            assert after in {AlarmState.ACTIVE_UNACK, AlarmState.CLEARED_UNACK}


def test_raised_after_so_many_samples_in_a_row() -> None:
    assert play(HIGH, 1300, 1300).state is AlarmState.NORMAL
    assert play(HIGH, 1300, 1300, 1000, 1300, 1300).state is AlarmState.NORMAL
    raised = play(HIGH, 1300, 1300, 1400)
    assert (raised.state, raised.occurrence, raised.value, raised.raised_ms) == (
        AlarmState.ACTIVE_UNACK, 1, 1400, 102,
    )  # fmt: skip


def test_the_limit_itself_is_no_alarm() -> None:
    assert play(HIGH, 1200, 1200, 1200).state is AlarmState.NORMAL
    assert play(LOW, 6.0).state is AlarmState.NORMAL
    assert play(LOW, 5.99).state is AlarmState.ACTIVE_UNACK


@pytest.mark.parametrize(
    ("value", "state"), [(1150, AlarmState.ACTIVE_UNACK), (1100, AlarmState.CLEARED_UNACK)]
)
def test_clears_beyond_the_hysteresis_only(value: float, state: AlarmState) -> None:
    assert play(HIGH, 1300, 1300, 1300, value).state is state


def test_keeps_the_worst_value() -> None:
    assert play(HIGH, 1300, 1300, 1300, 1900, 1400).value == 1900
    assert play(LOW, 5.0, 3.0, 4.0).value == 3.0


def test_a_second_occurrence_needs_its_own_acknowledgement() -> None:
    first = play(HIGH, 1300, 1300, 1300)
    seen = acknowledge(first, occurrence=1, person="op")
    assert seen is not None
    assert seen.state is AlarmState.ACTIVE_ACK
    normal = play(HIGH, 1000, alarm=seen, start=10)
    assert normal.state is AlarmState.NORMAL
    again = play(HIGH, 1300, 1300, 1300, alarm=normal, start=20)
    assert (again.state, again.occurrence, again.acknowledged_by) == (AlarmState.ACTIVE_UNACK, 2, None)
    assert acknowledge(again, occurrence=1, person="op") is None


def test_nothing_to_acknowledge() -> None:
    assert acknowledge(Alarm(rule=HIGH.id), occurrence=0, person="op") is None
    first = play(LOW, 5.0)
    seen = acknowledge(first, occurrence=1, person="op")
    assert seen is not None
    assert acknowledge(seen, occurrence=1, person="op") is None


def untrusted(value: float) -> list[Reading]:
    return [
        replace(good(value, 50), quality=Quality.BAD, reason=Reason.RANGE),
        replace(good(value, 50), quality=Quality.UNCERTAIN, reason=Reason.CALIBRATION),
        replace(good(value, 50), fresh=False),
        replace(good(value, 50), value=None),
        replace(good(value, 50), value=float("nan")),
        replace(good(value, 50), value=float("-inf")),
        replace(good(value, 50), value="9999"),
    ]


def test_an_untrusted_value_changes_nothing() -> None:
    active = play(LOW, 5.0)
    for reading in untrusted(7.0):
        assert observe(active, LOW, reading, now_ms=200) == active
    quiet = Alarm(rule=LOW.id)
    for reading in untrusted(1.0):
        assert observe(quiet, LOW, reading, now_ms=200) == quiet


def test_one_sample_counts_once() -> None:
    alarm = Alarm(rule=HIGH.id)
    for _ in range(5):
        alarm = observe(alarm, HIGH, good(1300, 1), now_ms=1)
    assert alarm.state is AlarmState.NORMAL
    assert alarm.beyond == 1


def test_low_limits_clear_above_them_and_nothing_clears_within() -> None:
    raised = play(LOW, 5.9)
    assert play(LOW, 6.1, alarm=raised, start=1).state is AlarmState.ACTIVE_UNACK
    assert play(LOW, 6.2, alarm=raised, start=1).state is AlarmState.CLEARED_UNACK
    assert play(LOW, 5.0, 5.5, alarm=raised, start=1).value == 5.0


def test_what_is_no_number_or_was_counted_changes_nothing() -> None:
    raised = play(LOW, 5.9)
    for reading in (good("text", 9), replace(good(1.0, 9), value=None), good(1.0, 0)):
        assert observe(raised, LOW, reading, now_ms=500) is raised


def test_an_alarm_kept_without_its_value_takes_the_next() -> None:
    bare = replace(play(LOW, 5.9), value=None)
    assert play(LOW, 5.5, alarm=bare, start=1).value == 5.5
