"""A PLC that listens to a heartbeat: it obeys while the count goes on, and falls back late and once, or never."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.drive import Table
from domain.ids import DeviceId, FacilityId
from domain.park import PlcHeartbeat
from runtime.parkfiles import load_park
from simulators.plc.station import Station

PARK = load_park(Path(__file__).parents[4] / "parks" / "lingang")
DEVICE, GATE = DeviceId("plc_hc_outlet"), FacilityId("hc_outlet")
WORD, OPEN_COIL, CLOSE_COIL = 900, 0, 1
TRAVEL_MS = 60_000


def station(heartbeat: PlcHeartbeat | None) -> Station:
    device = replace(PARK.devices[DEVICE], heartbeat=heartbeat)
    park = replace(PARK, devices={**PARK.devices, DEVICE: device})
    return Station(park, DEVICE, now_ms=0, openings={GATE: 1.0})


def heartbeat(*, after_s: float | None = None, guards: bool = False) -> PlcHeartbeat:
    return PlcHeartbeat(word=WORD, period_s=1.0, fallback_after_s=after_s, guards_commands=guards)


def count(plc: Station, until_ms: int, start_ms: int = 0) -> None:
    for number, now_ms in enumerate(range(start_ms, until_ms, 1000)):
        assert plc.write(Table.HOLDING, WORD, number + 1, now_ms).ignored is None
        plc.tick(now_ms)


@pytest.mark.parametrize("listens_to", [None, heartbeat(), heartbeat(after_s=60.0)])
def test_a_plc_that_guards_nothing_obeys_whatever_the_count_does(listens_to: PlcHeartbeat | None) -> None:
    plc = station(listens_to)
    assert plc.write(Table.COIL, CLOSE_COIL, 1, 100_000).ignored is None


def test_a_guarded_plc_does_nothing_on_what_it_reads_late() -> None:
    plc = station(heartbeat(guards=True))
    assert plc.write(Table.COIL, CLOSE_COIL, 1, 0).ignored == "no heartbeat"
    count(plc, 10_000)
    assert plc.write(Table.COIL, CLOSE_COIL, 1, 12_000).ignored is None
    plc.tick(12_000 + TRAVEL_MS)
    assert plc.openings()[GATE] == 0.0
    assert plc.write(Table.COIL, OPEN_COIL, 1, 13_000 + TRAVEL_MS).ignored == "no heartbeat"
    plc.tick(13_000 + 2 * TRAVEL_MS)
    assert plc.openings()[GATE] == 0.0


def test_it_falls_back_once_after_its_delay_and_not_before_the_first_count() -> None:
    plc = station(heartbeat(after_s=60.0))
    plc.tick(1_000_000)
    assert plc.openings()[GATE] == 1.0
    count(plc, 1_010_000, start_ms=1_000_000)
    plc.tick(1_068_000)
    assert plc.openings()[GATE] == 1.0
    plc.tick(1_070_000)
    plc.tick(1_070_000 + TRAVEL_MS)
    assert plc.openings()[GATE] == 0.0
    plc.write(Table.COIL, OPEN_COIL, 1, 1_200_000)
    plc.tick(1_200_000 + TRAVEL_MS)
    assert plc.openings()[GATE] == 1.0


def test_a_lost_count_moves_nothing_where_no_fallback_is_declared() -> None:
    plc = station(heartbeat(guards=True))
    count(plc, 10_000)
    plc.tick(10_000_000)
    assert plc.openings()[GATE] == 1.0


def test_a_device_in_local_stays_where_it_is() -> None:
    plc = station(heartbeat(after_s=60.0))
    count(plc, 5_000)
    plc.switch(GATE, is_remote=False, now_ms=6_000)
    plc.tick(100_000)
    plc.tick(100_000 + TRAVEL_MS)
    assert plc.openings()[GATE] == 1.0
