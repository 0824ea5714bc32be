"""A simulated park plays its PLCs; its data loggers are played apart and are no Modbus servers."""

from pathlib import Path

from runtime.parkfiles.loading import load_park
from simulators.saved import Saved
from simulators.world import World
from tests.service.gateway.logger_park import write_park

AT_MS = 1_770_000_000_000


def nothing(*_: object) -> None:
    return


def test_a_data_logger_is_no_station(tmp_path: Path) -> None:
    park = load_park(write_park(tmp_path))
    saved = Saved(scenario=None, start_ms=AT_MS, at_ms=AT_MS, storm="dry", storm_start_ms=AT_MS)
    world = World(park, seed=1, scenario=None, saved=saved, openings={}, now_ms=AT_MS, note=nothing)
    assert set(world.stations) == {"plc_hc"}
    assert set(park.devices) == {"plc_hc", "log_hc", "log_section"}
