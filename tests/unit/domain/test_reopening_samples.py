"""Which samples of the water count for a reopening: in a row, apart, measured anew, and recent."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import PointRef
from domain.interlock import Truth, parse
from domain.reopening import Passing, Sample, observed, passes

COD = PointRef("hc_outlet/cod")
PASSING = Passing(condition=parse("hc_outlet.cod <= 100 * mg_L"), samples=3, every_s=60.0)
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


def sample(at_s: float) -> Sample:
    at_ms = round(at_s * 1000)
    return Sample(at_ms=at_ms, values={COD: 20.0}, observed_ms={COD: at_ms})


@given(st.lists(st.tuples(st.integers(1, 90), st.sampled_from([T, T, T, U, F])), max_size=30))
def test_passing_samples_are_in_a_row_apart_and_never_more_than_asked_for(
    looks: list[tuple[int, Truth]],
) -> None:
    series: tuple[Sample, ...] = ()
    now_s, failed_s = 0, 0
    for gap_s, truth in looks:
        now_s += gap_s
        failed_s = now_s if truth is F else failed_s
        series = observed(series, PASSING, truth, sample(now_s))
        times = [item.at_ms for item in series]
        assert len(series) <= PASSING.samples
        assert all(later - earlier >= 60_000 for earlier, later in pairwise(times))
        assert all(at_ms > failed_s * 1000 for at_ms in times) or not failed_s
    if passes(series, PASSING, now_ms=now_s * 1000):
        assert len(series) == PASSING.samples


def test_what_was_measured_no_later_than_the_last_sample_does_not_count() -> None:
    first = observed((), PASSING, T, sample(0))
    stale = replace(sample(120), observed_ms={COD: 0})
    assert observed(first, PASSING, T, stale) == first


def test_old_samples_and_samples_far_apart_do_not_pass() -> None:
    series = tuple(map(sample, (0, 60, 120)))
    assert passes(series, PASSING, now_ms=120_000)
    assert passes(series, PASSING, now_ms=240_000)
    assert not passes(series, PASSING, now_ms=240_001)
    assert not passes(series[:2], PASSING, now_ms=60_000)
    assert not passes(tuple(map(sample, (0, 500, 1000))), PASSING, now_ms=1_000_000)
