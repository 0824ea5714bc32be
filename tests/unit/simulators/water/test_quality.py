"""Readings follow the concentrations, smoothly and within what a probe can show."""

from itertools import pairwise

import pytest

from simulators.water.quality import SUBSTANCES, background, mixed

CLEAN = background("storm", rain_total_mm=10.0)


def test_clean_water_reads_clean() -> None:
    assert mixed(CLEAN, dict.fromkeys(SUBSTANCES, 0.0)) == CLEAN


def test_rain_alone_never_looks_like_a_spill() -> None:
    for tenth_mm in range(2000):
        read = background("storm", rain_total_mm=tenth_mm / 10)
        assert read.cod_mg_l < 50
        assert read.nh3n_mg_l < 1.5
        assert 6.5 < read.ph < 7.5
        assert 150 < read.conductivity_us_cm < 400


@pytest.mark.parametrize("substance", SUBSTANCES)
def test_every_factor_moves_one_way_and_without_jumps(substance: str) -> None:
    reads = [mixed(CLEAN, {substance: mg_l}) for mg_l in range(0, 20_000, 10)]
    assert all(1 <= read.ph <= 13 for read in reads)
    for before, after in pairwise(reads):
        assert after.cod_mg_l > before.cod_mg_l
        assert after.nh3n_mg_l >= before.nh3n_mg_l
        assert after.conductivity_us_cm > before.conductivity_us_cm
        assert abs(after.ph - before.ph) < 0.4
    signs = {after.ph > before.ph for before, after in pairwise(reads) if after.ph != before.ph}
    assert len(signs) <= 1


def test_acid_lowers_and_lye_raises_ph() -> None:
    assert mixed(CLEAN, {"acid_waste": 1000}).ph < 4
    assert mixed(CLEAN, {"lye": 1000}).ph > 10


def test_a_solvent_is_found_by_its_cod_only() -> None:
    read = mixed(CLEAN, {"solvent": 1000})
    assert read.cod_mg_l > 1000
    assert read.conductivity_us_cm == pytest.approx(CLEAN.conductivity_us_cm, abs=25)
    assert read.ph == CLEAN.ph


def test_the_river_is_not_a_drain() -> None:
    assert background("river", rain_total_mm=0) == background("river", rain_total_mm=50)
