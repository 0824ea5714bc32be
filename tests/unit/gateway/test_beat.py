"""The beat of a poll group: kept through lateness, so that devices staggered at the start stay so."""

import pytest

from domain.park import PollGroup
from gateway.schedule import Schedule

GROUPS = {"normal": PollGroup(name="normal", period_s=1.0)}


def schedule(first_s: float) -> Schedule:
    return Schedule(GROUPS, first_s=first_s, floor_s=0.1)


def poll(beat: Schedule, *, begun_s: float, took_s: float) -> float:
    """Poll once and return when the next poll is due."""
    assert beat.due(now_s=begun_s, speed=1.0) == "normal"
    due_s = beat.due_s("normal", speed=1.0)
    beat.polled("normal", due_s=due_s, now_s=begun_s + took_s, speed=1.0)
    return beat.due_s("normal", speed=1.0)


@pytest.mark.parametrize(
    ("begun_s", "took_s", "next_s"),
    [(10.0, 0.1, 11.0), (10.9, 0.05, 11.0), (10.9, 0.3, 12.0), (14.5, 0.1, 15.0), (10.0, 3.2, 14.0)],
    ids=["in time", "late", "over its end", "after a pause", "slow"],
)
def test_a_late_poll_leaves_out_beats_and_shifts_none(begun_s: float, took_s: float, next_s: float) -> None:
    assert poll(schedule(10.0), begun_s=begun_s, took_s=took_s) == pytest.approx(next_s)


def test_a_pause_of_the_process_does_not_bring_devices_into_step() -> None:
    beats = [schedule(number / 10) for number in range(10)]
    due = [poll(beat, begun_s=7.35, took_s=0.01) for beat in beats]
    assert sorted(due) == pytest.approx([7.4 + number / 10 for number in range(10)])
