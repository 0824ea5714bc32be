"""A PLC that listens to a heartbeat: it obeys while the count goes on, and falls back late and once, or never."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.drive import CommandWord, Drive, MaintainedCoil, MomentaryCoils, Pulse, Repeat, Setpoint, Table
from domain.ids import DeviceId, FacilityId
from domain.park import PlcHeartbeat, SafePosition
from runtime.parkfiles import load_park
from simulators.plc.station import READ_ONLY, Station, Written

PARK = load_park(Path(__file__).parents[4] / "parks" / "lingang")
DEVICE, GATE = DeviceId("plc_hc_outlet"), FacilityId("hc_outlet")
WORD, OPEN_COIL, CLOSE_COIL = 900, 0, 1
TRAVEL_MS = 60_000


def station(
    heartbeat: PlcHeartbeat | None,
    drive: Drive | None = None,
    *,
    safe: SafePosition = SafePosition.CLOSED,
    opening: float = 1.0,
) -> Station:
    device = replace(PARK.devices[DEVICE], heartbeat=heartbeat)
    gate = replace(PARK.actuators[GATE], safe_position=safe)
    gate = replace(gate, drive=gate.drive if drive is None else drive)
    park = replace(PARK, devices={**PARK.devices, DEVICE: device}, actuators={**PARK.actuators, GATE: gate})
    return Station(park, DEVICE, now_ms=0, openings={GATE: opening})


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


def test_the_count_has_a_register_and_every_other_write_is_none_of_it() -> None:
    plc = station(heartbeat(guards=True))
    holding = plc.image.tables[Table.HOLDING]
    assert holding.start <= WORD < holding.start + holding.count
    assert plc.write(Table.HOLDING, WORD, 1, 0) == Written(meaning="heartbeat", ignored=None)
    for table, address in ((Table.HOLDING, WORD + 1), (Table.COIL, WORD)):
        assert plc.write(table, address, 2, 60_000).ignored == READ_ONLY
    assert plc.write(Table.COIL, CLOSE_COIL, 1, 60_000).ignored == "no heartbeat"


def test_what_a_guarded_plc_does_not_obey_it_neither_keeps_nor_echoes() -> None:
    momentary = MomentaryCoils(open=0, close=1, stop=2, pulse=Pulse.PLC_RESETS, repeat=Repeat.SAFE)
    plc = station(heartbeat(guards=True), momentary)
    refused = Written(meaning="hc_outlet close", ignored="no heartbeat")
    assert plc.write(Table.COIL, CLOSE_COIL, 1, 0) == refused
    plc.image.tables[Table.COIL].set_bit(CLOSE_COIL, to=True)
    plc.tick(100)
    assert not plc.image.tables[Table.COIL].bit(CLOSE_COIL)
    plc = station(heartbeat(guards=True), CommandWord(word=5, echo=6, open=1, close=2, stop=4))
    assert plc.write(Table.HOLDING, 5, 2, 0) == refused
    assert plc.image.tables[Table.HOLDING].word(6) == 0
    set_ = station(heartbeat(guards=True), Setpoint(word=5, stop=9)).write(Table.HOLDING, 5, 300, 0)
    assert set_ == Written(meaning="hc_outlet set", ignored="no heartbeat")


def test_a_pulse_may_be_taken_back_without_a_heartbeat() -> None:
    drive = MomentaryCoils(open=0, close=1, stop=2, pulse=Pulse.GATEWAY_RESETS, repeat=Repeat.SAFE)
    plc = station(heartbeat(guards=True), drive)
    assert plc.write(Table.COIL, CLOSE_COIL, 0, 0) == Written(meaning="hc_outlet release", ignored=None)


def test_a_coil_that_holds_is_put_back_to_where_the_gate_is_going() -> None:
    plc = station(heartbeat(guards=True), MaintainedCoil(coil=3))
    coils = plc.image.tables[Table.COIL]
    count(plc, 3_000)
    assert plc.write(Table.COIL, 3, 0, 2_000).ignored is None
    coils.set_bit(3, to=False)
    plc.tick(7_000)
    assert plc.openings()[GATE] > 0.5
    assert plc.write(Table.COIL, 3, 1, 7_000).ignored == "no heartbeat"
    coils.set_bit(3, to=True)
    plc.tick(7_100)
    assert not coils.bit(3)


@pytest.mark.parametrize(
    ("safe", "start", "end"), [(SafePosition.CLOSED, 1.0, 0.0), (SafePosition.OPEN, 0.0, 1.0)]
)
def test_it_falls_back_to_what_is_safe_here_and_a_coil_that_holds_agrees(
    safe: SafePosition, start: float, end: float
) -> None:
    plc = station(heartbeat(after_s=60.0), MaintainedCoil(coil=3), safe=safe, opening=start)
    count(plc, 5_000)
    plc.tick(70_000)
    assert plc.image.tables[Table.COIL].bit(3) is (end == 1.0)
    plc.tick(70_000 + TRAVEL_MS)
    assert plc.openings()[GATE] == end


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
