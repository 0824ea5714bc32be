"""How a simulated gate moves, and what stops it."""

from dataclasses import replace

import pytest

from domain.drive import Repeat
from simulators.plc.actuator import Actuator, Mechanics, drive_to, halted, request, step, switched
from simulators.plc.drive import Ask, Asked

GATE = Mechanics(travel_time_s=40)
OPEN = Actuator(at_ms=0, opening=1.0)
CLOSE = Asked(ask=Ask.CLOSE)


def asked(ask: Ask, opening: float = 0.0) -> Asked:
    return Asked(ask=ask, opening=opening)


def test_a_gate_of_which_nothing_more_is_said_is_ready_for_the_remote_side() -> None:
    assert (OPEN.is_remote, OPEN.has_power, OPEN.has_fault, OPEN.over_torque) == (True, True, False, False)
    assert (OPEN.is_moving, OPEN.jammed_at, OPEN.local_switches, OPEN.boots) == (False, None, 0, 1)


def test_it_travels_over_its_travel_time() -> None:
    closing = request(OPEN, GATE, CLOSE, 1_000).actuator
    assert closing.is_moving
    assert not step(closing, GATE, 1_000).is_closed
    half = step(closing, GATE, 21_000)
    assert half.opening == pytest.approx(0.5)
    assert not half.is_open
    assert not half.is_closed
    assert not step(half, GATE, 40_999).is_closed
    done = step(half, GATE, 41_000)
    assert done.is_closed
    assert not done.is_moving
    assert step(done, GATE, 99_000).opening == 0.0


@pytest.mark.parametrize(
    ("start", "target", "halfway", "end_ms"), [(0.0, 1.0, 0.5, 40_000), (0.2, 0.6, 0.4, 16_000), (0.6, 0.2, 0.4, 16_000)]
)  # fmt: skip
def test_either_way_it_goes_straight_to_where_it_is_sent_and_rests_there(
    start: float, target: float, halfway: float, end_ms: int
) -> None:
    sent = request(replace(OPEN, opening=start), GATE, asked(Ask.SET, target), 0).actuator
    half = step(sent, GATE, end_ms // 2)
    assert (half.opening, half.is_moving) == (pytest.approx(halfway), True)
    done = step(half, GATE, end_ms + 1_000)
    assert (done.opening, done.is_moving) == (target, False)


def test_time_in_many_steps_is_time_in_one() -> None:
    closing = request(OPEN, GATE, CLOSE, 0).actuator
    small = closing
    for now_ms in range(50, 30_001, 50):
        small = step(small, GATE, now_ms)
    assert small.opening == pytest.approx(step(closing, GATE, 30_000).opening)


def test_an_instant_past_changes_nothing() -> None:
    closing = request(OPEN, GATE, CLOSE, 5_000).actuator
    assert step(closing, GATE, 4_000) == closing
    against = replace(closing, jammed_at=1.0)
    assert step(against, GATE, 5_000) == against, "a drive trips when it pushes, not when it is told to"


def test_stop_leaves_it_between_and_set_brings_it_where_asked() -> None:
    closing = request(OPEN, GATE, CLOSE, 0).actuator
    stopped = request(closing, GATE, asked(Ask.STOP), 10_000).actuator
    assert stopped.opening == pytest.approx(0.75)
    assert not stopped.is_moving
    set_ = request(stopped, GATE, asked(Ask.SET, 0.3), 10_000).actuator
    assert step(set_, GATE, 99_000).opening == 0.3


def test_the_other_way_turns_it_around() -> None:
    closing = request(OPEN, GATE, CLOSE, 0).actuator
    opening = request(closing, GATE, asked(Ask.OPEN), 10_000).actuator
    assert step(opening, GATE, 20_000).is_open


def test_a_request_for_where_it_stands_moves_nothing() -> None:
    assert not request(OPEN, GATE, asked(Ask.OPEN), 0).actuator.is_moving


@pytest.mark.parametrize(
    ("repeat", "ask", "target"),
    [
        (Repeat.SAFE, Ask.CLOSE, 0.0),
        (Repeat.STOPS, Ask.CLOSE, None),
        (Repeat.TOGGLES, Ask.CLOSE, 1.0),
        (Repeat.SAFE, Ask.OPEN, 1.0),
        (Repeat.STOPS, Ask.OPEN, None),
        (Repeat.TOGGLES, Ask.OPEN, 0.0),
    ],
)
def test_the_same_pulse_once_more(repeat: Repeat, ask: Ask, target: float | None) -> None:
    mechanics = replace(GATE, repeat=repeat)
    moving = request(replace(OPEN, opening=0.5), mechanics, asked(ask), 0).actuator
    assert request(moving, mechanics, asked(ask), 5_000).actuator.target == target


@pytest.mark.parametrize("ask", [Ask.OPEN, Ask.CLOSE, Ask.SET, Ask.STOP])
def test_local_takes_nothing_from_remote(ask: Ask) -> None:
    local = switched(replace(OPEN, opening=0.5), is_remote=False)
    outcome = request(local, GATE, asked(ask, 0.9), 1_000)
    assert outcome.ignored == "local"
    assert not outcome.actuator.is_moving


def test_a_switch_to_local_ends_the_travel_and_the_panel_drives() -> None:
    closing = request(OPEN, GATE, CLOSE, 0).actuator
    local = switched(step(closing, GATE, 10_000), is_remote=False)
    assert not local.is_moving
    by_hand = drive_to(local, GATE, CLOSE).actuator
    assert step(by_hand, GATE, 99_000).is_closed


def test_a_switch_counts_each_turn_and_a_turn_to_where_it_stands_is_none() -> None:
    closing = request(OPEN, GATE, CLOSE, 0).actuator
    assert switched(closing, is_remote=True) == closing
    turns = [closing]
    for is_remote in (False, False, True, False):
        turns.append(switched(turns[-1], is_remote=is_remote))
    assert [turned.local_switches for turned in turns] == [0, 1, 1, 2, 3]
    assert [turned.is_remote for turned in turns] == [True, False, False, True, False]


def test_a_plc_counts_each_start_and_a_supply_that_stays_stops_nothing() -> None:
    closing = request(OPEN, GATE, CLOSE, 0).actuator
    assert halted(closing, has_power=True, has_fault=False) == closing
    supplied = [closing]
    for has_power in (True, False, False, True, True, False, True):
        supplied.append(halted(supplied[-1], has_power=has_power, has_fault=False))
    assert [it.boots for it in supplied] == [1, 1, 1, 1, 2, 2, 2, 3]
    assert not supplied[-1].is_moving, "what fell with the supply does not start by itself"


@pytest.mark.parametrize(("power", "fault", "why"), [(False, False, "no power"), (True, True, "fault")])
def test_without_power_or_with_a_fault_it_stands(power: bool, fault: bool, why: str) -> None:
    closing = request(OPEN, GATE, CLOSE, 0).actuator
    still = halted(step(closing, GATE, 10_000), has_power=power, has_fault=fault)
    assert not still.is_moving
    assert request(still, GATE, CLOSE, 11_000).ignored == why
    assert request(still, GATE, asked(Ask.STOP), 11_000).ignored is None


def test_a_jam_stops_it_there_and_trips() -> None:
    closing = request(replace(OPEN, jammed_at=0.4), GATE, CLOSE, 0).actuator
    stuck = step(closing, GATE, 99_000)
    assert stuck.opening == 0.4
    assert stuck.over_torque
    assert not stuck.is_moving
    again = request(stuck, GATE, CLOSE, 100_000).actuator
    assert not again.over_torque
    assert step(again, GATE, 101_000).opening == 0.4
    free = replace(again, jammed_at=None)
    assert step(free, GATE, 199_000).is_closed


def test_a_jam_where_a_step_ends_stops_it_in_that_step() -> None:
    closing = request(replace(OPEN, jammed_at=0.5), GATE, CLOSE, 0).actuator
    stuck = step(closing, GATE, 20_000)
    assert (stuck.opening, stuck.over_torque, stuck.is_moving) == (0.5, True, False)


def test_a_jam_behind_it_does_not_matter() -> None:
    closing = request(replace(OPEN, opening=0.3, jammed_at=0.4), GATE, CLOSE, 0).actuator
    assert step(closing, GATE, 99_000).is_closed


def test_nonsense_and_releases_do_nothing() -> None:
    assert request(OPEN, GATE, asked(Ask.NONSENSE), 0).ignored == "no such command"
    for ask in (Ask.RELEASE, Ask.HELD):
        outcome = request(OPEN, GATE, asked(ask), 0)
        assert outcome.ignored is None
        assert not outcome.actuator.is_moving
