"""The demonstration park's water does what its drills count on: it leaks if nobody acts, and closing helps.

Takes about 20 s on an idle core: six runs of one to two model hours at some 1,000 times real time.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from domain.ids import FacilityId
from simulators.water.baseline import run_baseline
from simulators.water.model import WaterConfig, WaterModel
from simulators.water.process import WaterProcess
from simulators.water.state import Ledger, Spill
from simulators.water.storm import DRY, load_storm

PARK = Path(__file__).parents[3] / "parks" / "lingang"
START_MS = 1_767_225_600_000
END_S = 85 * 60
ENTERPRISES = ("hc", "ly", "qs", "bh", "jt", "yx", "dc", "ml")
SPILL_AT_HC = Spill(
    at="hc_yard",
    substance="mother_liquor",
    start_ms=START_MS + 600_000,
    duration_s=1200,
    mass_kg=240,
    water_m3=2,
)
LIMIT_US_CM = 1000.0


@pytest.fixture
def config(tmp_path: Path) -> WaterConfig:
    return WaterConfig(
        network=PARK / "network" / "network.yaml",
        storm=load_storm(PARK / "storms" / "design_30mm_2h.csv"),
        start_ms=START_MS,
        storm_start_ms=START_MS,
        workspace=tmp_path,
    )


def closing(since_s: float, travel_s: float) -> float:
    """Return the opening of a gate that began to close `since_s` ago."""
    return 1.0 - min(1.0, max(0.0, since_s / travel_s))


def settings(values: Mapping[str, float]) -> dict[FacilityId, float]:
    return {FacilityId(name): value for name, value in values.items()}


def drill(config: WaterConfig, *, react_s: float) -> tuple[Ledger, float]:
    """Close hc's outlet and the trunk's sluice `react_s` after conductivity passed its limit; return the ledger and when that was."""
    with WaterProcess(config) as water:
        state, alarm_s = water.start(), None
        for second in range(15, END_S + 1, 15):
            moves: dict[str, float] = {}
            if alarm_s is not None:
                since_s = second - alarm_s - react_s
                outlet, sluice = closing(since_s, 45), closing(since_s, 360)
                moves = {"hc_outlet": outlet, "hc_diversion": 1 - outlet}
                moves |= {"net_sluice_1": sluice, "public_inlet": 1 - sluice}
            state = water.advance(START_MS + second * 1000, settings(moves), [SPILL_AT_HC])
            if alarm_s is None and state.quality[FacilityId("hc_analyser")].conductivity_us_cm > LIMIT_US_CM:
                alarm_s = second
        assert alarm_s is not None, "nobody could have noticed"
        assert state.ledger.balance_kg() == pytest.approx(0.0, abs=1e-9)
        return state.ledger, alarm_s


def test_left_alone_the_spill_leaves_the_park_and_closing_keeps_it(config: WaterConfig) -> None:
    baseline = run_baseline(config, [SPILL_AT_HC], until_ms=START_MS + END_S * 1000)
    assert baseline.spilled_kg == pytest.approx(240.0)
    assert baseline.escaped_kg.park >= 180
    assert baseline.escaped_kg.river >= 180
    assert baseline.balance_kg() == pytest.approx(0.0, abs=1e-9)
    ledger, alarm_s = drill(config, react_s=180)
    assert 600 < alarm_s < 600 + 5 * 60
    assert ledger.held_kg[FacilityId("hc_pool")] >= 0.95 * ledger.spilled_kg
    assert ledger.escaped_kg.plant <= 0.05 * baseline.escaped_kg.park, "the outlet alone would have done"
    assert ledger.escaped_kg.park < 0.01 < ledger.held_kg[FacilityId("public_pool")], (
        "the sluice kept the rest"
    )


def test_every_enterprise_can_keep_its_own_water_in_the_design_storm(config: WaterConfig) -> None:
    shut = settings(
        {f"{e}_{gate}": value for e in ENTERPRISES for gate, value in (("outlet", 0), ("diversion", 1))}
    )
    spills = [replace(SPILL_AT_HC, at=f"{e}_yard", mass_kg=50.0) for e in ENTERPRISES]
    with WaterProcess(replace(config, openings=shut)) as water:
        water.start()
        state = water.advance(START_MS + 140 * 60_000, {}, spills)
    assert state.ledger.escaped_kg.plant == 0
    assert state.ledger.surface_kg == 0
    for enterprise in ENTERPRISES:
        pool = FacilityId(f"{enterprise}_pool")
        assert 1.0 < state.levels_m[pool] < 5.0, "the pool takes the storm and is not full"
        assert state.ledger.held_kg[pool] == pytest.approx(50.0, abs=0.1)


def test_with_the_park_shut_both_trunks_run_into_pool_and_buffers(config: WaterConfig) -> None:
    shut = settings(
        {"net_sluice_1": 0, "net_sluice_2": 0, "net_pump": 0, "public_inlet": 1, "buffer_inlet": 1}
    )
    spills = [replace(SPILL_AT_HC, at=place, mass_kg=50.0) for place in ("hc_yard", "ml_yard")]
    with WaterProcess(replace(config, openings=shut)) as water:
        water.start()
        state = water.advance(START_MS + 90 * 60_000, {}, spills)
    assert state.ledger.escaped_kg.plant == pytest.approx(100.0, abs=0.1)
    assert state.ledger.escaped_kg.park == 0
    pools = ["public_pool", *(f"buffer_{k}" for k in range(1, 5))]
    assert sum(state.ledger.held_kg[FacilityId(pool)] for pool in pools) == pytest.approx(100.0, abs=0.1)
    assert state.volumes_m3[FacilityId("public_pool")] < 10_000


def test_a_closed_bund_holds_a_spill_inside_it(config: WaterConfig) -> None:
    with WaterProcess(config) as water:
        water.start()
        inside = replace(SPILL_AT_HC, at="hc_unit")
        state = water.advance(START_MS + 40 * 60_000, {}, [inside])
        assert state.ledger.held_kg[FacilityId("hc_unit")] == pytest.approx(240.0)
        state = water.advance(START_MS + 80 * 60_000, settings({"hc_bund": 1}), [inside])
        assert state.ledger.escaped_kg.plant > 100


def test_swmm_has_nothing_to_warn_of(config: WaterConfig) -> None:
    model = WaterModel(replace(config, storm=DRY, warm_up_s=60))
    model.close()
    report = (config.workspace / "run.rpt").read_text(encoding="utf-8")
    assert "EPA STORM WATER MANAGEMENT MODEL" in report
    assert "WARNING" not in report


PIPE = """[OPTIONS]
FLOW_UNITS CMS
FLOW_ROUTING DYNWAVE
START_DATE 01/01/2026
START_TIME 00:00:00
REPORT_START_DATE 01/01/2026
REPORT_START_TIME 00:00:00
END_DATE 01/02/2026
END_TIME 00:00:00
ROUTING_STEP 1
VARIABLE_STEP 0
REPORT_STEP 24:00:00
[RAINGAGES]
RG INTENSITY 0:01 1.0 TIMESERIES DRY
[TIMESERIES]
DRY 01/01/2020 00:00 0
[JUNCTIONS]
A 2.0 3 0 0 0
B 1.0 3 0 0 0
[OUTFALLS]
Z 0.9 FREE NO
[CONDUITS]
PIPE A B 1000 0.013 0 0 0 0
[ORIFICES]
GATE B Z SIDE 0 0.65 NO 0
[XSECTIONS]
PIPE RECT_CLOSED 1.5 1.5 0 0 1
GATE RECT_CLOSED 1.5 1.5 0 0
[INFLOWS]
A FLOW "" FLOW 1.0 1.0 1.0
"""
PIPE_NETWORK = """network: pipe.inp
rain_gage: RG
facilities:
  gate: {role: gate, link: GATE, normal: 1, line: park}
places: {head: A}
"""


def test_a_pulse_passes_a_long_pipe_in_the_time_that_its_water_takes(
    config: WaterConfig, tmp_path: Path
) -> None:
    (tmp_path / "pipe.inp").write_text(PIPE, encoding="utf-8")
    (tmp_path / "network.yaml").write_text(PIPE_NETWORK, encoding="utf-8")
    model = WaterModel(replace(config, network=tmp_path / "network.yaml", storm=DRY, warm_up_s=3600))
    pulse = Spill(at="head", substance="lye", start_ms=START_MS, duration_s=1, mass_kg=10)
    mean_s = before = 0.0
    try:
        for second in range(1, 3601):
            passed = model.advance(START_MS + second * 1000, {}, [pulse]).ledger.escaped_kg.park
            mean_s += second * (passed - before) / 10
            before = passed
        water_m3 = float(model._cells_m3().sum())
    finally:
        model.close()
    assert before == pytest.approx(10.0)
    flow_m3_s = 1.0
    assert mean_s == pytest.approx(water_m3 / flow_m3_s, rel=0.01)
    assert water_m3 == pytest.approx(1000 * 1.5 * _normal_depth_m(flow_m3_s), rel=0.05), "Manning by hand"


def _normal_depth_m(
    flow_m3_s: float, *, slope: float = 0.001, n: float = 0.013, width_m: float = 1.5
) -> float:
    """Return the depth of steady flow in an open rectangular channel, by bisection of Manning's formula."""
    low, high = 0.01, 1.5
    for _ in range(60):
        depth = (low + high) / 2
        area, rim = depth * width_m, width_m + 2 * depth
        if area * (area / rim) ** (2 / 3) * slope**0.5 / n < flow_m3_s:
            low = depth
        else:
            high = depth
    return low
