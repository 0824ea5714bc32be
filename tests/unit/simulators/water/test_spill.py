"""A spill gives each second its share and no more than its mass."""

import pytest

from simulators.water.state import Spill

SPILL = Spill(at="hc_yard", substance="lye", start_ms=10_500, duration_s=2.0, mass_kg=8.0, water_m3=1.0)


@pytest.mark.parametrize(
    ("start_ms", "seconds"), [(9_000, 0.0), (10_000, 0.5), (11_000, 1.0), (12_000, 0.5), (13_000, 0.0)]
)
def test_a_second_takes_the_part_that_the_spill_runs_in(start_ms: int, seconds: float) -> None:
    assert SPILL.overlap_s(start_ms, start_ms + 1000) == seconds


def test_rates_are_even() -> None:
    assert (SPILL.rate_kg_s(), SPILL.water_m3_s()) == (4.0, 0.5)


def test_a_spill_of_which_nothing_more_is_said_brings_no_water() -> None:
    assert Spill(at="hc_yard", substance="lye", start_ms=0, duration_s=2.0, mass_kg=8.0).water_m3_s() == 0.0
