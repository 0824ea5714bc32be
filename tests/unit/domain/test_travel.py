"""How long a travel may take, from a device's own history: never longer than declared, and never hastily."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.command import Action
from domain.drive import CommandWord, MaintainedCoil, Setpoint, echo_of, stages
from domain.travel import ENOUGH, KEPT, SHARE_MIN, learned_s, remembered, timeout_s

SECONDS = st.floats(min_value=0.1, max_value=10_000)


@pytest.mark.parametrize(
    ("travels", "reckoned"),
    [((), 40.0), ((31.0, 32.0), 40.0), ((31.0, 33.0, 32.0), 33.0), ((3.0, 3.0, 3.0), 20.0), ((55.0, 33.0, 32.0), 40.0)],
)  # fmt: skip
def test_the_slowest_counts_between_half_and_the_whole_of_what_is_declared(
    travels: tuple[float, ...], reckoned: float
) -> None:
    assert learned_s(travels, declared_s=40.0) == reckoned
    assert timeout_s(travels, declared_s=40.0) == pytest.approx(1.5 * reckoned)


@given(st.lists(SECONDS, max_size=3 * KEPT), SECONDS)
def test_whatever_was_measured_the_bounds_hold(history: list[float], declared_s: float) -> None:
    travels: tuple[float, ...] = ()
    for travel_s in history:
        travels = remembered(travels, travel_s)
    assert len(travels) <= KEPT
    assert travels == tuple(history[-KEPT:])
    found = learned_s(travels, declared_s=declared_s)
    assert SHARE_MIN * declared_s <= found <= declared_s
    if len(travels) >= ENOUGH and max(travels) <= declared_s:
        assert found >= max(travels)


def test_the_last_twenty_travels_are_remembered() -> None:
    travels: tuple[float, ...] = ()
    for number in range(25):
        travels = remembered(travels, float(number))
    assert travels == tuple(float(number) for number in range(5, 25))


def test_a_set_point_goes_in_steps_and_a_coil_at_once() -> None:
    steps = Setpoint(word=0, stop=1, step_percent=25.0)
    assert stages(steps, start_percent=0.0, end_percent=100.0) == (25.0, 50.0, 75.0)
    assert stages(steps, start_percent=10.0, end_percent=30.0) == ()
    assert stages(steps, start_percent=80.0, end_percent=20.0) == (55.0, 30.0)
    assert stages(Setpoint(word=0, stop=1), start_percent=0.0, end_percent=100.0) == ()
    assert stages(MaintainedCoil(coil=0), start_percent=0.0, end_percent=100.0) == ()


def test_only_a_command_word_with_an_echo_has_one() -> None:
    drive = CommandWord(word=0, echo=1, open=1, close=2, stop=4)
    assert [echo_of(drive, action) for action in (Action.OPEN, Action.CLOSE, Action.STOP)] == [1, 2, 4]
    assert echo_of(drive, Action.VERIFY) is None
    assert echo_of(CommandWord(word=0, echo=None, open=1, close=2, stop=4), Action.OPEN) is None
    assert echo_of(MaintainedCoil(coil=0), Action.OPEN) is None
