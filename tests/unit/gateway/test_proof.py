"""How a move ends: every pair of limits, with and without time-out, silence, local and fault."""

import itertools
from dataclasses import replace

import pytest

from domain.command import Event
from domain.position import Position
from domain.quality import Quality
from domain.refusal import Cause, Code
from domain.sample import NEVER_READ, Reading
from domain.words import Words
from gateway.proof import PERCENT_TOLERANCE, Goal, Outcome, Seen, outcome, stopped_over


def now(value: bool | float, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(value=value, quality=quality, age_s=0.1, fresh=True)


def end(
    goal: Goal, seen: Seen, *, over: bool = False, silent: bool = False, answered: bool = True
) -> Event | None:
    found = outcome(goal, seen, is_time_out=over, is_silence=silent, is_answered=answered)
    return found.event if isinstance(found, Outcome) else None


CLOSE = Goal(position=Position.CLOSED)


@pytest.mark.parametrize(("opened", "closed"), list(itertools.product([False, True], repeat=2)))
def test_only_limits_that_agree_prove_a_closure(opened: bool, closed: bool) -> None:
    seen = Seen(opened=now(opened), closed=now(closed))
    is_closed = closed and not opened
    is_nowhere = closed and opened
    assert end(CLOSE, seen) == (Event.POSITION_REACHED if is_closed else None)
    later = None if is_nowhere else Event.TRAVEL_EXCEEDED
    assert end(CLOSE, seen, over=True) == (Event.POSITION_REACHED if is_closed else later)


def test_both_limits_at_once_are_no_place_to_be_stuck_at() -> None:
    seen = Seen(opened=now(True), closed=now(True))
    assert end(Goal(is_look=True), seen) is None
    found = outcome(CLOSE, seen, is_time_out=True, is_silence=True)
    assert found is not None
    assert found.event is Event.SILENCE
    assert [(cause.code, cause.detail) for cause in found.causes] == [
        (Code.HEALTH, Words("限位矛盾,位置不明", "limit switches disagree, the position is not known"))
    ]


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.UNCERTAIN])
def test_untrusted_limits_prove_nothing(quality: Quality) -> None:
    seen = Seen(opened=now(False, quality), closed=now(True, quality))
    assert end(CLOSE, seen) is None
    assert end(CLOSE, seen, over=True) is None
    assert end(CLOSE, seen, over=True, silent=True) is Event.SILENCE


def test_silence_is_unknown_never_failed() -> None:
    assert end(CLOSE, Seen(), over=True) is None
    assert end(CLOSE, Seen(), over=True, silent=True) is Event.SILENCE


def test_a_write_without_an_answer_is_proved_or_unknown_never_failed() -> None:
    off = Seen(opened=now(True), closed=now(False))
    assert end(CLOSE, off, over=True, answered=False) is None
    assert end(CLOSE, off, over=True, silent=True, answered=False) is Event.SILENCE
    there = Seen(opened=now(False), closed=now(True))
    assert end(CLOSE, there, answered=False) is Event.POSITION_REACHED


def test_local_ends_it_with_that_reason() -> None:
    seen = Seen(opened=now(False), closed=now(False), remote=now(False))
    found = outcome(CLOSE, seen, is_time_out=False, is_silence=False)
    assert found is not None
    assert found.event is Event.SWITCHED_TO_LOCAL
    assert found.causes[0].code == "blocked-by-switching-hierarchy"


def test_arrived_is_arrived_even_in_local() -> None:
    assert end(CLOSE, Seen(opened=now(False), closed=now(True), remote=now(False))) is Event.POSITION_REACHED


def test_a_fault_of_the_device_ends_it() -> None:
    assert end(CLOSE, Seen(opened=now(True), closed=now(False), fault=now(True))) is Event.DEVICE_REFUSED


def test_a_stop_is_proved_by_rest() -> None:
    rest = Goal(is_rest=True)
    limits = {"opened": now(False), "closed": now(False)}
    assert end(rest, Seen(**limits, moving=now(False), has_moving=True)) is Event.POSITION_REACHED
    assert end(rest, Seen(**limits, moving=now(True), has_moving=True)) is None
    assert end(rest, Seen(**limits, moving=now(True), has_moving=True), over=True) is Event.TRAVEL_EXCEEDED
    # Without a report of movement nobody can tell between the limits.
    assert end(rest, Seen(**limits), over=True, silent=True) is Event.SILENCE


def test_an_opening_is_proved_by_its_percent_at_rest() -> None:
    goal = Goal(percent=40.0)
    near, far = now(40.0 + PERCENT_TOLERANCE), now(40.0 + PERCENT_TOLERANCE + 0.1)
    assert end(goal, Seen(percent=near, moving=now(False), has_moving=True)) is Event.POSITION_REACHED
    assert end(goal, Seen(percent=near, moving=now(True), has_moving=True)) is None
    assert end(goal, Seen(percent=far, moving=now(False), has_moving=True)) is None
    assert end(goal, Seen(percent=NEVER_READ, moving=now(False), has_moving=True)) is None


def test_a_look_wants_trusted_feedback_whatever_it_shows() -> None:
    look = Goal(is_look=True)
    assert end(look, Seen(opened=now(False), closed=now(False), remote=now(False))) is Event.POSITION_REACHED
    assert end(look, Seen(), over=True, silent=True) is Event.SILENCE


def test_a_gate_that_stuck_says_where() -> None:
    stuck = Seen(opened=now(False), closed=now(False), percent=now(40.2))
    found = outcome(CLOSE, stuck, is_time_out=True, is_silence=False)
    assert found is not None
    assert (found.causes[0].words.zh, found.causes[0].words.en) == (
        "设备故障:行程超时,停在中间位 40 %",
        "the device reports a fault: travel time-out, stuck at: between limits, 40 %",
    )


LIMITS = {"opened": now(False), "closed": now(False)}


def test_an_opening_within_two_percent_is_reached_and_nothing_else_counts_for_it() -> None:
    """The tolerance is what a positioner of this kind holds; a switch is no percentage, and bad feedback no feedback."""
    goal = Goal(percent=2.5)
    assert end(goal, Seen(percent=now(4.5))) is Event.POSITION_REACHED
    assert end(goal, Seen(percent=now(4.6))) is None
    assert end(goal, Seen(percent=now(0.0))) is None
    assert end(Goal(percent=1.0), Seen(percent=now(True))) is None
    assert end(goal, Seen(percent=now(2.5, Quality.BAD))) is None
    still = now(False, Quality.BAD)
    assert end(goal, Seen(percent=now(2.5), moving=still, has_moving=True)) is None


def test_local_is_believed_only_when_trusted_and_does_not_end_a_look() -> None:
    assert end(CLOSE, Seen(**LIMITS, remote=now(False, Quality.BAD))) is None
    assert end(CLOSE, Seen(**LIMITS, remote=now(True))) is None
    assert end(Goal(is_look=True), Seen(remote=now(False))) is None
    assert end(Goal(is_look=True), Seen(fault=now(True))) is None
    assert end(Goal(is_rest=True), Seen(**LIMITS, fault=now(True))) is None
    assert end(CLOSE, Seen(**LIMITS, fault=now(True, Quality.BAD))) is None


def test_rest_without_a_report_of_movement_is_a_limit() -> None:
    rest = Goal(is_rest=True)
    assert end(rest, Seen(opened=now(True), closed=now(False))) is Event.POSITION_REACHED
    assert end(rest, Seen(opened=now(False), closed=now(True))) is Event.POSITION_REACHED
    assert end(rest, Seen(**LIMITS)) is None
    assert end(rest, Seen(**LIMITS, moving=now(False, Quality.BAD), has_moving=True)) is None


def test_nothing_asked_is_never_reached() -> None:
    assert end(Goal(), Seen(opened=now(True), closed=now(False))) is None


@pytest.mark.parametrize(
    ("opened", "percent", "where"),
    [
        (False, now(40.2), "中间位 40 %"),
        (False, now(40.2, Quality.BAD), "中间位"),
        (False, now(True), "中间位"),
        (False, NEVER_READ, "中间位"),
        (True, now(99.0), "开到位"),
    ],
)
def test_where_it_stuck_has_a_number_only_between_the_limits_and_only_a_trusted_one(
    opened: bool, percent: Reading, where: str
) -> None:
    seen = Seen(opened=now(opened), closed=now(False), percent=percent)
    found = outcome(CLOSE, seen, is_time_out=True, is_silence=False)
    assert found is not None
    assert found.causes[0].detail is not None
    assert found.causes[0].detail.zh == f"行程超时,停在{where}"


@pytest.mark.parametrize(("answered", "why"), [(True, "无可信反馈"), (False, "写入无应答")])
def test_an_unknown_outcome_says_whose_silence_it_was(answered: bool, why: str) -> None:
    found = outcome(CLOSE, Seen(), is_time_out=True, is_silence=True, is_answered=answered)
    assert found is not None
    assert found.causes[0].detail is not None
    assert (found.causes[0].code, found.causes[0].detail.zh) == ("link-lost", why)


def test_limits_that_are_heard_and_not_trusted_are_no_contradiction() -> None:
    doubted = now(False, Quality.UNCERTAIN)
    found = outcome(CLOSE, Seen(opened=doubted, closed=doubted), is_time_out=True, is_silence=True)
    assert found is not None
    assert found.causes == (Cause(code=Code.LINK, detail=Words("无可信反馈", "no trusted feedback")),)


def test_a_move_in_steps_that_something_stands_against_stays_and_says_what() -> None:
    against = (Cause(code=Code.LOCAL),)
    found = stopped_over(40.0, against)
    assert found.event is Event.TRAVEL_EXCEEDED
    assert found.causes == (
        Cause(code=Code.INTERLOCK, detail=Words("停在 40 %,不再开大", "stays at 40 %, goes no further")),
        *against,
    )


def test_what_is_no_number_is_no_opening_and_what_is_stale_shows_nothing() -> None:
    text = Reading(value="x", quality=Quality.GOOD, age_s=0.1, fresh=True)
    assert end(Goal(percent=2.5), Seen(percent=text)) is None
    found = outcome(CLOSE, Seen(**LIMITS, percent=text), is_time_out=True, is_silence=False)
    assert found is not None
    assert found.causes[0].detail == Words("行程超时,停在中间位", "travel time-out, stuck at: between limits")
    stale = replace(now(False), fresh=False)
    assert end(CLOSE, Seen(opened=stale, closed=stale), over=True) is None
    assert end(CLOSE, Seen(**LIMITS, fault=now(False))) is None
