"""The turns of poll groups: each on its own beat, the urgent first, and none more often than the floor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.park import PollGroup
from gateway.schedule import Schedule

GROUPS = {
    "normal": PollGroup(name="normal", period_s=1.0),
    "critical": PollGroup(name="critical", period_s=0.2, is_critical=True),
    "slow": PollGroup(name="slow", period_s=10.0),
}


def schedule(first_s: float = 100.0) -> Schedule:
    return Schedule(GROUPS, first_s=first_s, floor_s=0.1)


def turns(
    made: Schedule, *, until_s: float, lasts_s: float = 0.01, speed: float = 1.0
) -> list[tuple[float, str]]:
    """Poll as the poller does; return when each group had its turn."""
    now_s, found = 100.0, []
    while now_s < until_s:
        name = made.due(now_s=now_s, speed=speed)
        if name is None:
            wait_s = made.wait_s(now_s=now_s, speed=speed)
            assert wait_s is not None
            now_s += max(wait_s, 0.001)
            continue
        found.append((now_s, name))
        due_s = made.due_s(name, speed=speed)
        now_s += lasts_s
        made.polled(name, due_s=due_s, now_s=now_s, speed=speed)
    return found


def times(found: list[tuple[float, str]], name: str) -> list[float]:
    return [now_s for now_s, who in found if who == name]


def test_nothing_is_due_before_the_first_turn_which_is_staggered() -> None:
    made = schedule(first_s=100.5)
    assert made.due(now_s=100.49, speed=1) is None
    assert made.wait_s(now_s=100.0, speed=1) == 0.5
    assert made.due(now_s=100.5, speed=1) == "critical"


def test_each_group_keeps_its_own_beat_without_drifting() -> None:
    found = turns(schedule(), until_s=110.0)
    assert len(times(found, "critical")) == 50
    assert len(times(found, "normal")) == 10
    assert len(times(found, "slow")) == 1
    assert all(
        abs(now_s - 100.0 - round((now_s - 100.0) / 0.2) * 0.2) < 0.03 for now_s in times(found, "critical")
    )


def test_the_critical_goes_first_and_the_longest_overdue_next() -> None:
    assert [name for _, name in turns(schedule(), until_s=100.03)] == ["critical", "normal", "slow"]


def test_a_hurried_group_comes_at_the_floor_rate_and_before_all_others() -> None:
    made = schedule()
    turns(made, until_s=101.0)
    made.hurry(["slow"])
    made.make_due(["slow"], now_s=101.0)
    found = turns(made, until_s=102.0)
    assert found[0][1] == "slow"
    assert len(times(found, "slow")) in (10, 11)
    made.release(["slow"])
    assert made.period_s("slow", speed=1) == 10.0


def test_what_is_made_due_during_its_own_poll_is_polled_again() -> None:
    """Or the feedback of a gate would be asked for just before the write, and again a period later."""
    made = schedule()
    made.hurry(["slow"])
    made.make_due(["slow"], now_s=101.0)
    made.make_due(["slow"], now_s=101.001)
    made.polled("slow", due_s=101.0, now_s=101.002, speed=1)
    assert made.due_s("slow", speed=1) == 101.001
    made.polled("slow", due_s=101.001, now_s=101.003, speed=1)
    assert made.due_s("slow", speed=1) > 101.05


def test_a_poll_that_ran_over_its_period_leaves_beats_out_and_keeps_the_beat() -> None:
    made = schedule()
    made.polled("critical", due_s=100.0, now_s=103.1, speed=1)
    assert abs(made.due_s("critical", speed=1) - 103.2) < 1e-9, "one turn, not fifteen at once"


@given(st.floats(0.1, 500), st.floats(0.001, 0.05))
def test_no_group_comes_more_often_than_the_floor(speed: float, lasts_s: float) -> None:
    found = turns(schedule(), until_s=102.0, lasts_s=lasts_s, speed=speed)
    for name in GROUPS:
        assert len(times(found, name)) <= 2.0 / 0.1 + 2


def test_a_change_of_speed_counts_from_the_last_turn() -> None:
    made = schedule()
    made.polled("slow", due_s=100.0, now_s=100.0, speed=1)
    assert made.due_s("slow", speed=1) == 110.0
    assert made.due_s("slow", speed=20) == 100.5
    made.make_due(["slow"], now_s=100.2)
    assert made.due_s("slow", speed=20) == 100.2


def test_dues_follow_the_speed_and_without_groups_there_is_nothing_to_wait_for() -> None:
    assert Schedule({}, first_s=1.0, floor_s=0.1).wait_s(now_s=0.0, speed=1.0) is None
    made = schedule()
    assert made.wait_s(now_s=90.0, speed=1.0) == 10.0
    for name in GROUPS:
        made.polled(name, due_s=100.0, now_s=100.0, speed=1.0)
    assert made.due_s("slow", speed=1.0) == 110.0
    assert made.wait_s(now_s=100.0, speed=2.0) == pytest.approx(0.1)
    assert made.due(now_s=105.0, speed=0.5) == "critical"
    assert made.due(now_s=100.1, speed=2.0) == "critical"
    assert made.due_s("slow", speed=2.0) == 105.0


def polled_at_100() -> Schedule:
    made = schedule()
    for name in GROUPS:
        made.polled(name, due_s=100.0, now_s=100.0, speed=1.0)
    return made


def test_a_hurry_counts_from_its_own_instant_until_as_many_times_released() -> None:
    made = polled_at_100()
    for _ in range(2):
        made.hurry(["slow"])
        assert made.due_s("slow", speed=1.0) == pytest.approx(100.1)
    made.release(["slow"])
    assert made.due_s("slow", speed=1.0) == pytest.approx(100.1), "another still wants it"
    made.release(["slow"])
    assert made.due_s("slow", speed=1.0) == 110.0
    assert made.due(now_s=111.0, speed=1.0) == "critical", "and it goes before nobody any more"


def test_who_is_due_is_asked_at_the_speed_of_that_moment() -> None:
    assert polled_at_100().due(now_s=100.15, speed=1.0) is None
    assert polled_at_100().due(now_s=100.15, speed=2.0) == "critical"


def test_a_speed_that_stood_only_while_a_poll_ended_is_forgotten_with_it() -> None:
    made = polled_at_100()
    assert made.due_s("slow", speed=1.0) == 110.0
    made.polled("slow", due_s=110.0, now_s=110.0, speed=20.0)
    assert made.due_s("slow", speed=1.0) == 120.0


def test_a_group_of_another_device_is_not_made_due_here() -> None:
    made = polled_at_100()
    made.make_due(["another"], now_s=100.0)
    assert made.due(now_s=100.1, speed=1.0) is None
