"""Passing samples: in a row, apart, new in every value, recent, and within a span (the reopening procedure)."""

from collections.abc import Mapping

import pytest

from domain.ids import PointRef
from domain.interlock import Truth, parse
from domain.reopening import RECENT_FACTOR, SPAN_FACTOR, Passing, Sample, Series, observed, passes

PASSING = Passing(condition=parse("a.b == True"), samples=3, every_s=10.0)
A, B = PointRef("a/a"), PointRef("a/b")


def sample(at_ms: int, own_ms: Mapping[PointRef, int] | None = None) -> Sample:
    times = own_ms if own_ms is not None else {A: at_ms, B: at_ms}
    return Sample(at_ms=at_ms, values={A: 1.0, B: True}, observed_ms=times)


def times(series: Series) -> list[int]:
    return [item.at_ms for item in series]


def look(
    series: Series, at_ms: int, truth: Truth = Truth.TRUE, own_ms: Mapping[PointRef, int] | None = None
) -> Series:
    return observed(series, PASSING, truth, sample(at_ms, own_ms))


ONE = (sample(0),)


def test_a_failure_begins_anew_and_what_is_not_known_does_not_count() -> None:
    assert look(ONE, 20_000, Truth.FALSE) == ()
    assert look(ONE, 20_000, Truth.UNKNOWN) == ONE
    assert times(look((), 5)) == [5]


@pytest.mark.parametrize(("at_ms", "counts"), [(9_999, False), (10_000, True)])
def test_samples_are_apart_by_the_slowest_analyser_s_cycle(at_ms: int, counts: bool) -> None:
    assert times(look(ONE, at_ms)) == ([0, at_ms] if counts else [0])


@pytest.mark.parametrize(
    ("own_ms", "counts"),
    [
        ({A: 1, B: 1}, True),
        ({A: 1, B: 0}, False),
        ({A: 0, B: 1}, False),
        ({A: 1, B: -1}, False),
        ({A: 1, PointRef("new/x"): 0}, True),
        ({A: 1, PointRef("new/x"): -1}, False),
    ],
)
def test_every_value_of_a_sample_is_newer_than_the_last_one_s(
    own_ms: dict[PointRef, int], counts: bool
) -> None:
    assert len(look(ONE, 20_000, own_ms=own_ms)) == (2 if counts else 1)


def test_no_more_are_kept_than_are_asked_for_and_the_newest() -> None:
    series: Series = ()
    for at_ms in range(0, 50_000, 10_000):
        series = look(series, at_ms)
    assert times(series) == [20_000, 30_000, 40_000]


@pytest.mark.parametrize(
    ("at_ms", "now_ms", "is_so"),
    [
        ((0, 10_000, 20_000), 20_000, True),
        ((0, 10_000, 20_000), 40_000, True),
        ((0, 10_000, 20_000), 40_001, False),
        ((0, 10_000, 90_000), 90_000, True),
        ((0, 10_000, 90_001), 90_001, False),
        ((1_000_000, 1_010_000, 1_020_000), 1_020_000, True),
        ((10_000, 20_000), 20_000, False),
    ],
)
def test_they_pass_when_enough_recent_and_near_each_other(
    at_ms: tuple[int, ...], now_ms: int, is_so: bool
) -> None:
    assert (RECENT_FACTOR, SPAN_FACTOR) == (2, 3)
    assert passes(tuple(sample(at) for at in at_ms), PASSING, now_ms=now_ms) is is_so
