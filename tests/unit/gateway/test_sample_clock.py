"""The sample clock: near its source, strictly rising per device, above the ceiling of the run before, never stepping."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import DeviceId
from gateway.sample_clock import OFF_MS, SLEW, SampleClock

A, B = DeviceId("a"), DeviceId("b")


def test_it_follows_its_source() -> None:
    clock = SampleClock(is_slewed=True)
    assert clock.stamp(A, source_ms=1000, monotonic_s=0, speed=1) == 1000
    assert clock.stamp(A, source_ms=2000, monotonic_s=1, speed=1) == 2000


def test_times_rise_strictly_per_device_and_devices_do_not_push_each_other() -> None:
    clock = SampleClock(is_slewed=False)
    assert [clock.stamp(A, source_ms=5, monotonic_s=0, speed=1) for _ in range(3)] == [5, 6, 7]
    assert clock.stamp(B, source_ms=5, monotonic_s=0, speed=1) == 5


def test_a_step_of_the_source_is_slewed_both_ways() -> None:
    for begin_ms, step in itertools.product((0, 10**9), (-3_600_000, 3_600_000)):
        clock = SampleClock(is_slewed=True)
        clock.stamp(A, source_ms=begin_ms, monotonic_s=0, speed=1)
        after = clock.stamp(A, source_ms=begin_ms + 1000 + step, monotonic_s=1, speed=1)
        assert abs(after - (begin_ms + 1000)) <= 1000 * SLEW
        assert clock.offset_ms != 0


def test_the_conductors_page_is_followed_at_any_speed() -> None:
    clock = SampleClock(is_slewed=False)
    clock.stamp(A, source_ms=0, monotonic_s=0, speed=60)
    assert clock.stamp(A, source_ms=60_000, monotonic_s=1, speed=60) == 60_000
    assert clock.stamp(A, source_ms=70_000, monotonic_s=2, speed=60) == 70_000, "it is taken at its word"


def test_a_start_begins_above_the_ceiling_of_the_run_before() -> None:
    clock = SampleClock(is_slewed=True, floor_ms=5000)
    assert clock.stamp(A, source_ms=1000, monotonic_s=0, speed=1) == 5001


def test_time_goes_on_after_a_start_whose_source_went_back_by_an_hour() -> None:
    clock = SampleClock(is_slewed=True, floor_ms=10**9)
    source = 10**9 - 3_600_000
    first = clock.stamp(A, source_ms=source, monotonic_s=0, speed=1)
    assert first == 10**9 + 1
    after = clock.stamp(A, source_ms=source + 10_000, monotonic_s=10, speed=1)
    assert abs(after - first - 10_000) <= 10_000 * SLEW + 1


def test_the_ceiling_does_not_leap_with_the_source() -> None:
    clock = SampleClock(is_slewed=True)
    issued = clock.stamp(A, source_ms=10**9, monotonic_s=0, speed=1)
    clock.stamp(A, source_ms=10**9 + 3_600_000, monotonic_s=0.1, speed=1)
    ceiling = clock.wanted_ceiling(source_ms=10**9 + 3_600_000, speed=1)
    assert ceiling is not None
    assert issued < ceiling < issued + 10_000


def test_the_ceiling_runs_ahead_and_is_raised_in_time() -> None:
    clock = SampleClock(is_slewed=True)
    ceiling = clock.wanted_ceiling(source_ms=1000, speed=1)
    assert ceiling is not None
    clock.ceiling_ms = ceiling
    assert clock.wanted_ceiling(source_ms=1000, speed=1) is None
    assert clock.wanted_ceiling(source_ms=ceiling, speed=1) is not None


@given(st.lists(st.tuples(st.integers(-5000, 5000), st.floats(0, 2)), max_size=50))
def test_whatever_the_source_does_times_rise(steps: list[tuple[int, float]]) -> None:
    clock = SampleClock(is_slewed=True)
    source, now_s, last = 10**12, 0.0, 0
    for step, passed_s in steps:
        now_s += passed_s
        source += round(passed_s * 1000) + step
        stamp = clock.stamp(A, source_ms=source, monotonic_s=now_s, speed=1)
        assert stamp > last
        last = stamp


def test_a_step_puts_its_times_in_doubt_until_it_has_caught_up() -> None:
    clock = SampleClock(is_slewed=True)
    clock.stamp(A, source_ms=10**9, monotonic_s=0, speed=1)
    clock.stamp(A, source_ms=10**9 + 1000 + OFF_MS // 2, monotonic_s=1, speed=1)
    assert not clock.is_off, "a small correction is followed in silence"
    step = 2 * OFF_MS
    seen = []
    for second in range(2, 300):
        clock.stamp(A, source_ms=10**9 + 1000 * second + step, monotonic_s=second, speed=1)
        seen.append(clock.is_off)
    caught_up = seen.index(False)
    assert caught_up * 1000 * SLEW >= step - OFF_MS, "no sooner than it can be caught up"
    assert not any(seen[caught_up:])


def test_the_ceiling_runs_two_wall_seconds_ahead_and_is_lifted_at_half_of_that() -> None:
    clock = SampleClock(is_slewed=False)
    assert clock.wanted_ceiling(source_ms=10_000, speed=1.0) == 12_000
    assert clock.wanted_ceiling(source_ms=10_000, speed=0.1) == 12_000
    assert clock.wanted_ceiling(source_ms=10_000, speed=60.0) == 130_000
    clock.ceiling_ms = 11_000
    assert clock.wanted_ceiling(source_ms=10_000, speed=1.0) is None
    assert clock.wanted_ceiling(source_ms=10_001, speed=1.0) == 12_001
    clock.floor_ms = 50_000
    assert clock.wanted_ceiling(source_ms=0, speed=1.0) == 52_000
    assert SampleClock(is_slewed=False).wanted_ceiling(source_ms=0, speed=1.0) == 2_000


def test_a_source_that_stepped_ahead_does_not_lift_the_ceiling() -> None:
    clock = SampleClock(is_slewed=True)
    assert clock.wanted_ceiling(source_ms=10_000, speed=1.0) == 12_000, (
        "nothing was issued: the source is all there is"
    )
    clock.stamp(A, source_ms=10_000, monotonic_s=0.0, speed=1.0)
    assert clock.wanted_ceiling(source_ms=10**9, speed=1.0) == 12_000
    at_zero = SampleClock(is_slewed=True)
    at_zero.stamp(A, source_ms=0, monotonic_s=0.0, speed=1.0)
    assert at_zero.wanted_ceiling(source_ms=10**9, speed=1.0) == 2_001, "the times issued lift it: 1 was"


def test_the_very_first_times_of_a_device() -> None:
    assert SampleClock(is_slewed=False).stamp(A, source_ms=0, monotonic_s=0.0, speed=1.0) == 1
    assert SampleClock(is_slewed=False).stamp(A, source_ms=1, monotonic_s=0.0, speed=1.0) == 1


def test_only_a_machine_s_time_of_day_can_have_gone_back_while_nobody_looked() -> None:
    for is_slewed, back_ms, now_ms in (
        (True, 2_001, 10_000.0),
        (True, 2_000, 8_000.0),
        (False, 9_000, 1_000.0),
    ):
        clock = SampleClock(is_slewed=is_slewed, floor_ms=10_000)
        assert clock.stamp(A, source_ms=10_000 - back_ms, monotonic_s=0.0, speed=1.0) == 10_001
        assert clock.now_ms == now_ms


def test_time_that_passes_is_scaled_and_never_runs_back() -> None:
    clock = SampleClock(is_slewed=True)
    clock.stamp(A, source_ms=0, monotonic_s=10.0, speed=60.0)
    clock.stamp(A, source_ms=60_000, monotonic_s=11.0, speed=60.0)
    assert clock.now_ms == 60_000.0
    clock.stamp(A, source_ms=60_000, monotonic_s=10.5, speed=60.0)
    assert clock.now_ms == 60_000.0


def test_it_is_off_beyond_the_limit_and_agrees_again_within_a_second() -> None:
    clock = SampleClock(is_slewed=True)
    clock.stamp(A, source_ms=10**9, monotonic_s=0.0, speed=1.0)
    for offset_ms, is_off in (
        (OFF_MS, False),
        (OFF_MS + 1, True),
        (1_001, True),
        (1_000, False),
        (-1_000, False),
    ):
        clock.stamp(A, source_ms=10**9 + offset_ms, monotonic_s=0.0, speed=1.0)
        assert (clock.offset_ms, clock.is_off) == (offset_ms, is_off)


def test_a_new_clock_is_believed_and_has_promised_nothing() -> None:
    clock = SampleClock(is_slewed=True)
    assert (clock.offset_ms, clock.is_off, clock.ceiling_ms) == (0, False, 0)


def test_a_correction_of_one_second_takes_twenty() -> None:
    clock, offsets = SampleClock(is_slewed=True), []
    clock.stamp(A, source_ms=10**9, monotonic_s=0.0, speed=1.0)
    for second in range(1, 22):
        clock.stamp(A, source_ms=10**9 + 1000 * second + 1000, monotonic_s=float(second), speed=1.0)
        offsets.append(clock.offset_ms)
    assert offsets == [*range(950, 0, -50), 0, 0]
