"""Readings follow the concentrations, smoothly and within what a probe can show."""

import math
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
    assert mixed(CLEAN, {"mother_liquor": 1000}).ph < CLEAN.ph < mixed(CLEAN, {"ammonia_liquor": 1000}).ph
    assert mixed(CLEAN, {"lye": 1000}).ph > 10


def test_a_solvent_is_found_by_its_cod_only() -> None:
    read = mixed(CLEAN, {"solvent": 1000})
    assert read.cod_mg_l > 1000
    assert read.conductivity_us_cm == pytest.approx(CLEAN.conductivity_us_cm, abs=25)
    assert read.ph == CLEAN.ph


def test_ammonia_tells_one_liquor_from_all_others() -> None:
    parts = {key: substance.nh3n_mg for key, substance in SUBSTANCES.items()}
    assert {key for key, part in parts.items() if part > 0.1} == {"ammonia_liquor"}
    assert parts["ammonia_liquor"] < 1.0
    assert parts["lye"] == parts["solvent"] == 0.0


def test_the_river_is_not_a_drain() -> None:
    assert background("river", rain_total_mm=0) == background("river", rain_total_mm=50)
    river = background("river", rain_total_mm=50)
    assert (river.cod_mg_l, river.nh3n_mg_l, river.ph, river.conductivity_us_cm) == (15.0, 0.5, 7.6, 480.0)


@pytest.mark.parametrize(
    ("rain_mm", "cod", "nh3n", "ph", "conductivity"),
    [
        (0.0, 20.0, 0.4, 7.3, 350.0),
        (2.0, 45.0, 1.2, 7.0 + 0.3 * math.exp(-0.5), 240.0 + 170.0 * math.exp(-0.5)),
        (4.0, 20.0 + 50.0 / math.e, 0.4 + 1.6 / math.e, 7.0 + 0.3 / math.e, 180.0 + 290.0 / math.e),
        (400.0, 20.0, 0.4, 7.0, 180.0),
    ],
)
def test_the_first_flush_is_dirtiest_at_two_millimetres_and_the_salt_is_washed_away(
    rain_mm: float, cod: float, nh3n: float, ph: float, conductivity: float
) -> None:
    read = background("storm", rain_total_mm=rain_mm)
    assert (read.cod_mg_l, read.nh3n_mg_l) == (pytest.approx(cod), pytest.approx(nh3n))
    assert (read.ph, read.conductivity_us_cm) == (pytest.approx(ph), pytest.approx(conductivity))


@pytest.mark.parametrize("substance", SUBSTANCES)
def test_each_milligram_brings_what_its_substance_says_and_two_add_up(substance: str) -> None:
    said, more = SUBSTANCES[substance], "solvent" if substance == "lye" else "lye"
    read = mixed(CLEAN, {substance: 100.0})
    assert read.cod_mg_l == pytest.approx(CLEAN.cod_mg_l + 100.0)
    assert read.nh3n_mg_l == pytest.approx(CLEAN.nh3n_mg_l + 100.0 * said.nh3n_mg)
    assert read.conductivity_us_cm == pytest.approx(
        CLEAN.conductivity_us_cm + 100.0 * said.conductivity_us_cm
    )
    both = mixed(CLEAN, {substance: 100.0, more: 50.0})
    assert both.cod_mg_l - read.cod_mg_l == pytest.approx(50.0)
    added = 50.0 * SUBSTANCES[more].conductivity_us_cm
    assert both.conductivity_us_cm - read.conductivity_us_cm == pytest.approx(added)


def test_acid_and_alkali_of_one_strength_cancel() -> None:
    assert mixed(CLEAN, {"acid_waste": 300.0, "lye": 300.0}).ph == CLEAN.ph
    acid, alkali = mixed(CLEAN, {"acid_waste": 75.0}).ph, mixed(CLEAN, {"lye": 75.0}).ph
    bend = math.tanh(1.7 * math.asinh(1.0) / 6.0)
    assert acid == pytest.approx(CLEAN.ph - bend * (CLEAN.ph - 1.0))
    assert alkali == pytest.approx(CLEAN.ph + bend * (13.0 - CLEAN.ph))
