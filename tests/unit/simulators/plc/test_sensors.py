"""What instruments show of the water: units, cycles, noise and lies."""

from dataclasses import replace
from itertools import pairwise

import pytest

from domain.ids import PointRef, point_ref
from simulators.plc.instruments import cycle_of, has_cycle, measured
from simulators.plc.sensors import Disturbed, Held, Sensors
from simulators.plc.station import Station
from simulators.water.quality import Quality
from simulators.water.state import EscapedKg, Ledger, WaterState
from tests.unit.simulators.plc.parts import ANALYSER, FLOW, PLC, small_park

COD, PH, FLOWING = point_ref(ANALYSER, "cod"), point_ref(ANALYSER, "ph"), point_ref(FLOW, "flow")
CALM = Disturbed()
MINUTE_MS = 60_000


def water(*, cod: float = 100.0, ph: float = 7.0, flow_m3_h: float = 360.0) -> WaterState:
    ledger = Ledger(
        spilled_kg=0, escaped_kg=EscapedKg(plant=0, park=0, river=0), held_kg={}, in_network_kg=0, left_kg=0,
        surface_kg=0,
    )  # fmt: skip
    return WaterState(
        time_ms=0, rain_mm_h=0, rain_total_mm=0, levels_m={}, levels_up_m={}, levels_down_m={},
        flows_m3_h={FLOW: flow_m3_h}, totals_m3={}, volumes_m3={}, tracer_mg_l={},
        quality={ANALYSER: Quality(cod_mg_l=cod, nh3n_mg_l=1.0, ph=ph, conductivity_us_cm=300.0)},
        ledger=ledger,
    )  # fmt: skip


class Shown:
    """A PLC's instruments with what they show."""

    def __init__(self, held: dict[PointRef, Held] | None = None) -> None:
        self.plc = Station(small_park(), PLC, now_ms=0, openings={})
        self.sensors = Sensors(self.plc.instruments, seed=7, held=held or {})

    def at(self, now_ms: int, seen: WaterState, disturbed: Disturbed = CALM) -> "Shown":
        self.sensors.show(self.plc.image, seen, disturbed, now_ms=now_ms)
        return self

    def __getitem__(self, ref: PointRef) -> float | bool | None:
        return self.plc.image.value(ref)


def test_a_value_is_in_the_points_unit() -> None:
    assert Shown().at(0, water(flow_m3_h=360.0))[FLOWING] == pytest.approx(100.0, rel=0.006)


def test_noise_is_seeded_small_and_alive() -> None:
    point = small_park().points[PH]
    values = [measured(point, water(), seed=7, now_ms=k * 2_000) or 0.0 for k in range(200)]
    assert len(set(values)) > 150
    assert max(abs(value - 7.0) for value in values) <= 0.02
    assert values == [measured(point, water(), seed=7, now_ms=k * 2_000) for k in range(200)]
    assert values != [measured(point, water(), seed=8, now_ms=k * 2_000) for k in range(200)]


def test_a_closed_outlet_flows_exactly_nothing() -> None:
    assert measured(small_park().points[FLOWING], water(flow_m3_h=0.0), seed=7, now_ms=1) == 0.0


def test_cod_changes_once_in_half_an_hour() -> None:
    shown = Shown()
    values = [shown.at(k * MINUTE_MS, water(cod=100.0 + k))[COD] for k in range(120)]
    changes = [k for k in range(1, 120) if values[k] != values[k - 1]]
    assert len(changes) in {3, 4}
    assert all(b - a == 30 for a, b in pairwise(changes))


def test_each_analyser_has_its_own_phase() -> None:
    begins = {
        next(k for k in range(1800) if cycle_of(f, seed=7, now_ms=k * 1000) != cycle_of(f, seed=7, now_ms=0))
        for f in ("hc_analyser", "ly_analyser", "qs_analyser")  # type: ignore[misc]
    }
    assert len(begins) == 3


def test_an_analysers_cycle_is_half_an_hour_to_the_second_for_ever() -> None:
    first = cycle_of(ANALYSER, seed=7, now_ms=0)
    assert [cycle_of(ANALYSER, seed=7, now_ms=count * 30 * MINUTE_MS) for count in (1, 48, 17_520)] == [
        first + 1, first + 48, first + 17_520,
    ]  # fmt: skip


def test_a_restart_remembers_the_cycles_result() -> None:
    before = Shown().at(0, water(cod=100.0))
    after = Shown(held=before.sensors.held).at(1_000, water(cod=900.0))
    assert after[COD] == before[COD]


def test_what_faults_make_of_it() -> None:
    shown = Shown().at(0, water(ph=7.0))
    true = shown[PH]
    assert shown.at(60_000, water(ph=3.0), Disturbed(frozen=frozenset({PH})))[PH] == true
    assert shown.at(60_000, water(ph=3.0), Disturbed(bias={PH: 2.0}))[PH] == pytest.approx(5.0, abs=0.03)
    assert shown.at(60_000, water(), Disturbed(silent=frozenset({COD})))[COD] is None
    calibrating = shown.at(60_000, water(ph=3.0), Disturbed(calibrating=frozenset({ANALYSER})))
    assert calibrating[PH] == 7.0
    assert calibrating[point_ref(ANALYSER, "calibrating")] is True
    failed = shown.at(90_000, water(ph=3.0), Disturbed(failed=frozenset({ANALYSER})))
    assert failed[PH] == 7.0
    assert failed[point_ref(ANALYSER, "sensor_fault")] is True
    assert failed[point_ref(ANALYSER, "calibrating")] is False
    assert shown.at(99_000, water(ph=3.0))[PH] == pytest.approx(3.0, abs=0.03)


def test_noise_stands_for_two_seconds_and_is_a_share_of_the_value_or_a_least_width() -> None:
    flow, ph = small_park().points[FLOWING], small_park().points[PH]
    shown = [measured(flow, water(), seed=7, now_ms=now_ms) for now_ms in (4000, 5999, 6000)]
    assert shown[0] == shown[1] != shown[2]
    spread = [abs((measured(flow, water(), seed=7, now_ms=k * 2000) or 0.0) - 100.0) for k in range(300)]
    assert 0.3 < max(spread) <= 0.5
    widths = [abs((measured(ph, water(), seed=7, now_ms=k * 2000) or 0.0) - 7.0) for k in range(300)]
    assert 0.012 < max(widths) <= 0.02


def test_noise_is_as_often_above_as_below_and_more_often_small() -> None:
    ph = small_park().points[PH]
    drawn = [((measured(ph, water(), seed=7, now_ms=k * 2000) or 0.0) - 7.0) / 0.02 for k in range(2000)]
    assert sum(drawn) / len(drawn) == pytest.approx(0.0, abs=0.05)
    assert sum(value > 0 for value in drawn) / len(drawn) == pytest.approx(0.5, abs=0.05)
    assert sum(abs(value) < 0.5 for value in drawn) / len(drawn) == pytest.approx(0.75, abs=0.05)


def test_a_standard_solution_is_half_the_range_or_without_one_half_of_what_is_there() -> None:
    stations = [
        point for point in Station(small_park(), PLC, now_ms=0, openings={}).instruments if point.ref == PH
    ]
    calibrating = Disturbed(calibrating=frozenset({ANALYSER}))
    for range_max, expected in ((12.0, 6.0), (None, 3.5)):
        sensors = Sensors(tuple(replace(point, range_max=range_max) for point in stations), seed=7, held={})
        image = Station(small_park(), PLC, now_ms=0, openings={}).image
        sensors.show(image, water(ph=7.0), calibrating, now_ms=0)
        assert image.value(PH) == pytest.approx(expected, abs=0.011)


SEEN = replace(
    water(cod=100.0, ph=7.0, flow_m3_h=360.0),
    rain_mm_h=3.0, rain_total_mm=12.0, levels_m={FLOW: 1.5}, levels_up_m={FLOW: 2.5}, levels_down_m={FLOW: 0.5},
    totals_m3={FLOW: 900.0}, volumes_m3={FLOW: 70.0},
    quality={FLOW: Quality(cod_mg_l=100.0, nh3n_mg_l=2.0, ph=6.0, conductivity_us_cm=400.0)},
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "unit", "value", "width", "dry", "has_a_cycle"),
    [
        ("cod", "mg_L", 100.0, 2.0, 20.0, True),
        ("nh3n", "mg_L", 2.0, 0.04, 0.4, True),
        ("ph", "pH", 6.0, 0.02, 7.2, False),
        ("conductivity", "uS_cm", 400.0, 2.0, 300.0, False),
        ("flow", "m3_h", 360.0, 1.8, 0.0, False),
        ("flow", "L_s", 100.0, 0.5, 0.0, False),
        ("total", "m3", 900.0, 0.0, 0.0, False),
        ("level", "m", 1.5, 0.002, 0.0, False),
        ("level", "mm", 1500.0, 2.0, 0.0, False),
        ("stage", "m", 1.5, 0.002, 0.0, False),
        ("volume", "m3", 70.0, 0.0, 0.0, False),
        ("level_up", "m", 2.5, 0.002, 0.0, False),
        ("level_down", "m", 0.5, 0.002, 0.0, False),
        ("rain", "mm_h", 3.0, 0.0, 3.0, False),
        ("rain_total", "mm", 12.0, 0.0, 12.0, False),
    ],
)
def test_what_each_instrument_shows_how_widely_it_is_spread_and_where_there_is_no_such_water(
    name: str, unit: str, value: float, width: float, dry: float, has_a_cycle: bool
) -> None:
    point = replace(small_park().points[FLOWING], name=name, unit=unit)
    shown = [measured(point, SEEN, seed=7, now_ms=k * 2000) for k in range(100)]
    off = [abs(item - value) for item in shown if item is not None]
    assert len(off) == 100
    assert 0.6 * width <= max(off) <= width * 1.000_001
    elsewhere = measured(replace(point, facility=ANALYSER), replace(SEEN, quality={}), seed=7, now_ms=0)
    assert elsewhere == pytest.approx(dry, rel=0.02, abs=3 if unit == "mm" else 0.02)
    assert has_cycle(point) is has_a_cycle


def test_what_no_instrument_measures_is_nothing() -> None:
    point = replace(small_park().points[FLOWING], name="weather")
    assert measured(point, SEEN, seed=7, now_ms=0) is None
    assert not has_cycle(point)
    sensors, plc = Sensors((point,), seed=7, held={}), Station(small_park(), PLC, now_ms=0, openings={})
    for disturbed in (CALM, Disturbed(calibrating=frozenset({FLOW}), bias={point.ref: 2.0})):
        sensors.show(plc.image, SEEN, disturbed, now_ms=0)
        assert plc.image.value(point.ref) is None
