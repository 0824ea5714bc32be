"""How fast model time may run."""

import pytest

from simulators.pace import LAG_BAD_S, LAG_GOOD_S, LAG_STOP_S, PRESENT_MARGIN_S, Speedometer, paced

FAR = 1e6


def test_who_keeps_up_reaches_the_ceiling() -> None:
    speed = 0.0
    for _ in range(20):
        speed = paced(speed, ceiling=60, lag_s=0.05, headroom_s=FAR)
    assert speed == 60


def test_who_lags_is_waited_for() -> None:
    assert paced(60, ceiling=60, lag_s=0.3, headroom_s=FAR) == 60
    slower = paced(60, ceiling=60, lag_s=0.5, headroom_s=FAR)
    assert 0 < slower < 60
    assert paced(slower, ceiling=60, lag_s=2.0, headroom_s=FAR) == 0
    assert 0 < paced(0, ceiling=60, lag_s=0.1, headroom_s=FAR) <= 60


@pytest.mark.parametrize(
    ("lag_s", "speed"),
    [
        (LAG_GOOD_S, 46.0),
        (LAG_GOOD_S + 0.01, 40.0),
        (LAG_BAD_S, 40.0),
        (LAG_BAD_S + 0.01, 32.0),
        (LAG_STOP_S, 32.0),
        (LAG_STOP_S + 0.01, 0.0),
    ],
)
def test_each_bound_of_a_lag(lag_s: float, speed: float) -> None:
    """Up to the first it grows by 15 %, up to the second it stays, up to the third it falls by a fifth, beyond it stands."""
    assert paced(40.0, ceiling=60, lag_s=lag_s, headroom_s=FAR) == pytest.approx(speed)


def test_who_stood_begins_with_a_part_of_what_is_asked() -> None:
    assert paced(0.0, ceiling=60, lag_s=0.0, headroom_s=FAR) == pytest.approx(18.0)
    assert paced(0.0, ceiling=60, lag_s=0.5, headroom_s=FAR) == pytest.approx(3.0)
    assert paced(1.0, ceiling=60, lag_s=0.3, headroom_s=FAR) == 1.0


def test_it_is_never_faster_than_asked() -> None:
    assert paced(60, ceiling=5, lag_s=0.3, headroom_s=FAR) == 5
    assert paced(60, ceiling=0, lag_s=0.0, headroom_s=FAR) == 0


@pytest.mark.parametrize("ceiling", [1, 10, 60, 1000])
def test_model_time_never_reaches_the_present(ceiling: float) -> None:
    headroom_s, speed, tick_s = 300.0, float(ceiling), 0.05
    for _ in range(int(400 / tick_s)):
        speed = paced(speed, ceiling=ceiling, lag_s=0.0, headroom_s=headroom_s)
        headroom_s += tick_s * (1 - speed)
        assert headroom_s > 0


def test_real_time_just_behind_the_present_runs_at_one() -> None:
    assert paced(1.0, ceiling=1.0, lag_s=0.0, headroom_s=5.0) == 1.0


def test_the_speed_reached_is_measured() -> None:
    meter = Speedometer()
    assert (meter.mean, meter.least) == (0.0, None), "nothing was seen yet"
    model_ms = 0
    for k in range(100):
        meter.see(model_ms, k * 0.1)
        model_ms += 6_000 if k < 50 else 3_000
    assert meter.mean == pytest.approx(45, abs=1)
    assert meter.least == pytest.approx(30)
    meter.reset()
    assert meter.least is None


def test_the_slowest_window_is_kept_and_a_reset_forgets_all() -> None:
    meter = Speedometer()
    for model_ms, wall_s in [(0, 0.0), (4000, 2.0), (12_000, 4.0), (12_500, 4.5)]:
        meter.see(model_ms, wall_s)
    assert (meter.least, meter.mean) == (2.0, pytest.approx(12.5 / 4.5))
    meter.reset()
    assert (meter.least, meter.mean) == (None, 0.0)
    meter.see(50_000, 100.0)
    meter.see(50_500, 100.5)
    assert (meter.least, meter.mean) == (None, 1.0)
    meter.see(59_000, 101.9)
    assert meter.least is None
    meter.see(60_000, 102.0)
    assert meter.least == 5.0


def test_close_behind_the_present_it_falls_to_real_time_and_then_stands() -> None:
    assert paced(10.0, ceiling=10.0, lag_s=0.0, headroom_s=5.0) == 10.0
    assert paced(10.0, ceiling=10.0, lag_s=0.0, headroom_s=4.9) == 1.0
    assert paced(10.0, ceiling=10.0, lag_s=0.0, headroom_s=PRESENT_MARGIN_S) == 1.0
    assert paced(10.0, ceiling=10.0, lag_s=0.0, headroom_s=1.9) == 0.0


def test_two_readings_in_one_instant_give_no_speed() -> None:
    meter = Speedometer()
    meter.see(1000, 5.0)
    meter.see(2000, 5.0)
    assert (meter.mean, meter.least) == (0.0, None)
    meter.see(5000, 7.0)
    assert (meter.mean, meter.least) == (2.0, 2.0)
    meter.see(6000, 9.0)
    assert (meter.mean, meter.least) == (1.25, 0.5)
