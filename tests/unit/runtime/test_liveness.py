"""A task that holds its breath too long stalls; one that rests, or was never begun, does not."""

import pytest

from runtime.clock import ManualClock
from runtime.liveness import STALL_S, Liveness


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def liveness(clock: ManualClock) -> Liveness:
    return Liveness(clock.monotonic)


def test_a_task_stalls_when_it_says_nothing_for_too_long(clock: ManualClock, liveness: Liveness) -> None:
    breath = liveness.watch("poll plc_1")
    breath()
    clock.advance(STALL_S)
    assert liveness.stalled() == ()
    clock.advance(0.1)
    assert liveness.stalled() == ("poll plc_1",)
    breath()
    assert liveness.stalled() == ()


def test_nothing_is_expected_of_a_task_that_waits_for_others(clock: ManualClock, liveness: Liveness) -> None:
    never_begun, rests = liveness.watch("a"), liveness.watch("b", s_max=1.0)
    rests()
    rests.rest()
    clock.advance(1000)
    assert liveness.stalled() == ()
    rests()
    clock.advance(1.1)
    assert liveness.stalled() == ("b",)
    never_begun()
    assert liveness.stalled() == ("b",)


def test_a_task_that_is_gone_is_forgotten(clock: ManualClock, liveness: Liveness) -> None:
    liveness.watch("poll plc_1")()
    clock.advance(STALL_S + 1)
    liveness.forget("poll plc_1")
    liveness.forget("poll plc_2")
    assert liveness.stalled() == ()


def test_a_task_watched_anew_begins_anew(clock: ManualClock, liveness: Liveness) -> None:
    liveness.watch("poll plc_1")()
    clock.advance(STALL_S + 1)
    liveness.watch("poll plc_1")
    assert liveness.stalled() == ()
