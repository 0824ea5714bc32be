"""The water's process: killed, restored, asked for nonsense, and left alone by a parent that dies."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from domain.errors import StoplogError
from domain.ids import FacilityId
from simulators.water.model import WaterConfig, WaterRefused
from simulators.water.process import WaterLost, WaterProcess, WaterTimeout
from simulators.water.state import Spill, WaterState
from simulators.water.storm import load_storm

PARK = Path(__file__).parents[3] / "parks" / "lingang"
START_MS = 1_767_225_600_000
MINUTE_MS = 60_000
SPILLS = [
    Spill(
        at="hc_yard",
        substance="lye",
        start_ms=START_MS + 2 * MINUTE_MS,
        duration_s=300,
        mass_kg=60,
        water_m3=3,
    )
]
OUTLET, DIVERSION = FacilityId("hc_outlet"), FacilityId("hc_diversion")


@pytest.fixture
def config(tmp_path: Path) -> WaterConfig:
    return WaterConfig(
        network=PARK / "network" / "network.yaml",
        storm=load_storm(PARK / "storms" / "design_30mm_2h.csv"),
        start_ms=START_MS,
        storm_start_ms=START_MS - 30 * MINUTE_MS,
        workspace=tmp_path,
        warm_up_s=300,
    )


@pytest.fixture
def water(config: WaterConfig) -> Iterator[WaterProcess]:
    with WaterProcess(config) as process:
        yield process


def at(minutes: float) -> int:
    return START_MS + int(minutes * MINUTE_MS)


def test_it_begins_at_its_start_and_ends_on_whole_seconds(water: WaterProcess) -> None:
    assert water.start().time_ms == START_MS
    assert water.advance(START_MS + 2_900, {}).time_ms == START_MS + 2_000
    assert water.advance(START_MS, {}).time_ms == START_MS + 2_000


def test_killed_it_says_so_and_goes_on_from_its_checkpoint(water: WaterProcess, tmp_path: Path) -> None:
    water.start()
    water.advance(at(6), {OUTLET: 0.4}, SPILLS)
    assert water.save(tmp_path / "checkpoint").time_ms == at(6)
    whole = water.advance(at(12), {}, SPILLS)
    assert water.pid is not None
    os.kill(water.pid, signal.SIGKILL)
    with pytest.raises(WaterLost, match="status -9"):
        water.advance(at(13), {}, SPILLS)
    with pytest.raises(WaterLost, match="not running"):
        water.advance(at(13), {}, SPILLS)
    assert water.restore(tmp_path / "checkpoint").time_ms == at(6)
    again = water.advance(at(12), {}, SPILLS)
    assert again.ledger.spilled_kg == pytest.approx(60.0)
    # SWMM's hot start holds single precision.
    assert again.ledger.escaped_kg.plant == pytest.approx(whole.ledger.escaped_kg.plant, rel=1e-4)
    assert again.totals_m3 == pytest.approx(whole.totals_m3, rel=1e-4)
    assert again.levels_m == pytest.approx(whole.levels_m, abs=1e-5)
    assert again.rain_total_mm == pytest.approx(whole.rain_total_mm)


def test_the_same_calls_give_the_same_water_bit_by_bit(config: WaterConfig) -> None:
    def run() -> WaterState:
        with WaterProcess(config) as process:
            process.start()
            process.advance(at(3), {OUTLET: 0.5}, SPILLS)
            return process.advance(at(8), {OUTLET: 0.0, DIVERSION: 1.0}, SPILLS)

    assert run() == run()


def test_nonsense_is_refused_and_the_water_goes_on(water: WaterProcess) -> None:
    water.start()
    with pytest.raises(WaterRefused, match="hc_pool is no gate"):
        water.advance(at(1), {FacilityId("hc_pool"): 1.0})
    with pytest.raises(WaterRefused, match="0 to 1"):
        water.advance(at(1), {OUTLET: 1.5})
    with pytest.raises(WaterRefused, match="nothing can be spilled at hc_gate"):
        water.advance(at(1), {}, [Spill(at="hc_gate", substance="lye", start_ms=0, duration_s=1, mass_kg=1)])
    with pytest.raises(WaterRefused, match="no substance gold"):
        water.advance(at(1), {}, [Spill(at="hc_yard", substance="gold", start_ms=0, duration_s=1, mass_kg=1)])
    with pytest.raises(WaterRefused, match="takes time"):
        water.advance(at(1), {}, [Spill(at="hc_yard", substance="lye", start_ms=0, duration_s=0, mass_kg=1)])
    assert water.advance(at(1), {}).time_ms == at(1)


def test_a_checkpoint_that_is_none_stops_the_start_with_its_words(
    water: WaterProcess, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint").write_bytes(b"half")
    with pytest.raises(StoplogError, match="checkpoint"):
        water.restore(tmp_path / "checkpoint")
    assert water.pid is None


def test_silence_is_a_time_out_and_the_end_of_the_child(config: WaterConfig) -> None:
    with WaterProcess(config) as process:
        process.start()
        assert process.pid is not None
        child = psutil.Process(process.pid)
        child.suspend()
        process._answer_s_max = 0.05
        with pytest.raises(WaterTimeout):
            process.advance(at(1), {})
        assert not child.is_running()


def test_the_water_ends_with_a_parent_that_was_killed(config: WaterConfig) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    parent = context.Process(target=_parent, args=(theirs, config))
    parent.start()
    assert ours.poll(60)
    child = psutil.Process(ours.recv())
    parent.kill()
    parent.join()
    child.wait(timeout=10)


def _parent(pipe: Connection, config: WaterConfig) -> None:
    water = WaterProcess(config)
    water.start()
    pipe.send(water.pid)
    while True:
        signal.pause()
