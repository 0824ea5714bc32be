"""One simulated PLC: writes in, registers out."""

from dataclasses import replace

import pytest

from domain.drive import (
    CommandWord,
    Drive,
    MaintainedCoil,
    MomentaryCoils,
    Pulse,
    Repeat,
    Setpoint,
    Table,
)
from domain.ids import DeviceId, FacilityId, point_ref
from simulators.plc.drive import Ask, Asked
from simulators.plc.station import READ_ONLY, Station, Written
from tests.unit.simulators.plc.parts import ANALYSER, FLOW, GATE, PLC, PULSES, small_park


def station(drive: Drive = PULSES, *, opening: float = 1.0) -> Station:
    return Station(small_park(drive), PLC, now_ms=0, openings={GATE: opening})


def shown(plc: Station) -> dict[str, object]:
    names = ("opened", "closed", "moving", "remote", "fault", "over_torque", "power", "position")
    return {name: plc.image.value(point_ref(GATE, name)) for name in names}


def limits(plc: Station) -> tuple[bool, bool, bool]:
    cells = plc.image.tables[Table.DISCRETE]
    return cells.bit(16), cells.bit(17), cells.bit(18)


def write(plc: Station, table: Table, address: int, value: int, now_ms: int) -> Written:
    """As the server does: the program first, then the register."""
    done = plc.write(table, address, value, now_ms)
    cells = plc.image.tables[table]
    if done.ignored != READ_ONLY:
        if cells.of_bits:
            cells.set_bit(address, to=bool(value))
        else:
            cells.set_words(address, (value,))
    return done


def test_a_plc_has_its_own_actuators_closed_where_nothing_else_is_said() -> None:
    park = small_park()
    other = replace(park.actuators[GATE], facility=FacilityId("ly_outlet"), device=DeviceId("plc_ly_outlet"))
    plc = Station(
        replace(park, actuators={**park.actuators, other.facility: other}), PLC, now_ms=0, openings={}
    )
    assert dict(plc.openings()) == {GATE: 0.0}
    assert limits(plc) == (False, True, False)


def test_instruments_are_what_no_actuator_shows() -> None:
    measured = {(ANALYSER, name) for name in ("cod", "ph", "calibrating", "sensor_fault")} | {(FLOW, "flow")}
    assert {point.ref for point in station().instruments} == {point_ref(*of) for of in measured}


def test_a_closure_from_pulse_to_limit() -> None:
    plc = station()
    assert limits(plc) == (True, False, False)
    assert write(plc, Table.COIL, 1, 1, 1_000) == Written(meaning="hc_outlet close", ignored=None)
    plc.tick(1_050)
    assert limits(plc) == (False, False, True)
    assert not plc.image.tables[Table.COIL].bit(1), "the PLC takes its coil back"
    plc.tick(21_000)
    assert plc.image.tables[Table.INPUT].word(0) == 500
    assert plc.tick(41_000)
    assert limits(plc) == (False, True, False)
    assert not plc.tick(42_000), "nothing moves any more"


def test_a_pulse_that_the_gateway_resets_stays_until_then() -> None:
    plc = station(MomentaryCoils(open=0, close=1, stop=2, pulse=Pulse.GATEWAY_RESETS, repeat=Repeat.STOPS))
    write(plc, Table.COIL, 1, 1, 0)
    plc.tick(100)
    assert plc.image.tables[Table.COIL].bit(1)
    assert write(plc, Table.COIL, 1, 0, 200).meaning == "hc_outlet release"
    assert plc.actuators[GATE].is_moving
    write(plc, Table.COIL, 1, 1, 1_000)
    assert not plc.actuators[GATE].is_moving, "the same pulse again stops this drive"


@pytest.mark.parametrize(("coil", "opening"), [(0, 0.0), (1, 1.0)])
def test_a_pulse_that_is_still_there_asks_nothing_anew(coil: int, opening: float) -> None:
    drive = MomentaryCoils(open=0, close=1, stop=2, pulse=Pulse.GATEWAY_RESETS, repeat=Repeat.STOPS)
    plc = station(drive, opening=opening)
    write(plc, Table.COIL, coil, 1, 0)
    assert write(plc, Table.COIL, coil, 1, 1_000) == Written(meaning="hc_outlet held", ignored=None)
    assert plc.actuators[GATE].is_moving


def test_a_command_word_is_echoed_when_it_is_taken() -> None:
    plc = station(CommandWord(word=5, echo=6, open=1, close=2, stop=4))
    holding = plc.image.tables[Table.HOLDING]
    assert write(plc, Table.HOLDING, 5, 2, 0).ignored is None
    assert holding.word(6) == 2
    assert write(plc, Table.HOLDING, 5, 7, 0) == Written(
        meaning="hc_outlet nonsense", ignored="no such command"
    )
    assert holding.word(6) == 2


def test_a_set_point_far_from_every_coil_is_taken_like_any_other() -> None:
    plc = station(Setpoint(word=500, stop=9))
    assert write(plc, Table.HOLDING, 500, 300, 0).ignored is None
    plc.tick(60_000)
    assert shown(plc)["position"] == 30.0
    assert plc.image.tables[Table.COIL].registers == [0]


def test_a_set_point_in_steps() -> None:
    plc = station(Setpoint(word=5, stop=9))
    assert write(plc, Table.HOLDING, 5, 300, 0).meaning == "hc_outlet 30 %"
    plc.tick(60_000)
    assert shown(plc)["position"] == 30.0
    write(plc, Table.HOLDING, 5, 0, 60_000)
    assert write(plc, Table.COIL, 9, 1, 64_000).meaning == "hc_outlet stop"
    plc.tick(99_000)
    assert shown(plc)["position"] == pytest.approx(20.0)
    assert not plc.image.tables[Table.COIL].bit(9)


def test_a_maintained_coil_agrees_with_the_gate_while_it_does_not_listen() -> None:
    plc = station(MaintainedCoil(coil=3))
    coils = plc.image.tables[Table.COIL]
    assert coils.bit(3), "open is 1"
    plc.switch(GATE, is_remote=False, now_ms=0)
    assert write(plc, Table.COIL, 3, 0, 1_000).ignored == "local"
    plc.tick(1_050)
    assert coils.bit(3)
    plc.switch(GATE, is_remote=True, now_ms=2_000)
    plc.tick(60_000)
    assert limits(plc) == (True, False, False), "a switch back to remote moves nothing"
    assert write(plc, Table.COIL, 3, 0, 60_000).ignored is None
    plc.tick(60_050)
    assert not coils.bit(3), "what was put back once is not put back again"


@pytest.mark.parametrize(("turned_ms", "stays"), [(0, True), (10_000, True), (30_000, False)])
def test_a_maintained_coil_agrees_with_a_gate_that_a_turn_of_its_switch_stopped(
    turned_ms: int, stays: bool
) -> None:
    plc = station(MaintainedCoil(coil=3))
    write(plc, Table.COIL, 3, 0, 0)
    plc.switch(GATE, is_remote=False, now_ms=turned_ms)
    plc.tick(40_000)
    assert plc.image.tables[Table.COIL].bit(3) is stays
    assert plc.openings()[GATE] == pytest.approx(1.0 - turned_ms / 40_000)


def test_local_ignores_remote_and_says_so() -> None:
    plc = station()
    plc.switch(GATE, is_remote=False, now_ms=0)
    assert shown(plc)["remote"] is False
    assert write(plc, Table.COIL, 1, 1, 0).ignored == "local"
    assert plc.hand(GATE, Asked(ask=Ask.CLOSE), 0) is None
    plc.tick(50_000)
    assert shown(plc)["closed"] is True


def test_the_panel_is_dead_in_remote() -> None:
    assert station().hand(GATE, Asked(ask=Ask.CLOSE), 0) == "remote"


def test_the_panel_says_why_the_drive_does_not_act() -> None:
    plc = station()
    plc.switch(GATE, is_remote=False, now_ms=0)
    plc.halt(GATE, has_power=True, has_fault=True, now_ms=0)
    assert plc.hand(GATE, Asked(ask=Ask.CLOSE), 0) == "fault"


def test_what_is_no_command_is_read_only() -> None:
    plc = station()
    assert write(plc, Table.COIL, 7, 1, 0).ignored == READ_ONLY
    assert write(plc, Table.HOLDING, 0, 1, 0).ignored == READ_ONLY
    for address in (15, 16, 200):
        assert plc.write(Table.COIL, address, 1, 0).ignored == READ_ONLY


def test_faults_show() -> None:
    plc = station()
    plc.jam(GATE, at=0.4, now_ms=0)
    write(plc, Table.COIL, 1, 1, 0)
    plc.tick(99_000)
    assert shown(plc) | {"position": 40.0, "over_torque": True, "moving": False} == shown(plc)
    plc.halt(GATE, has_power=False, has_fault=True, now_ms=99_000)
    assert shown(plc) | {"power": False, "fault": True} == shown(plc)
    plc.lie(GATE, both_limits=True)
    assert limits(plc)[:2] == (True, True)
    plc.lie(GATE, both_limits=False)
    assert limits(plc)[:2] == (False, False)


def test_after_a_restart_it_stands_where_it_stood() -> None:
    plc = station()
    write(plc, Table.COIL, 1, 1, 0)
    plc.tick(10_000)
    again = station(opening=0.0)
    again.restore({GATE: plc.actuators[GATE]}, 500_000)
    assert again.actuators[GATE] == replace(plc.actuators[GATE], at_ms=500_000, target=None)
    again.tick(600_000)
    assert limits(again) == (False, False, False)
    assert shown(again)["position"] == 75.0


def test_a_coil_that_holds_goes_on_after_a_restart() -> None:
    plc = station(MaintainedCoil(coil=3))
    write(plc, Table.COIL, 3, 0, 0)
    plc.tick(10_000)
    again = station(MaintainedCoil(coil=3))
    again.restore({GATE: plc.actuators[GATE]}, 500_000)
    again.tick(600_000)
    assert limits(again) == (False, True, False)
    assert not again.image.tables[Table.COIL].bit(3)
