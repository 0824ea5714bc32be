"""The two hashes of an actuator: an edit that matters changes them, an edit elsewhere changes none (I18)."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.definition import definition_hashes
from domain.drive import MaintainedCoil, Setpoint
from domain.ids import FacilityId, PointRef
from domain.interlock import parse
from domain.logger import Factor, ReportKind
from domain.park import Park, PlcHeartbeat, SafePosition
from runtime.parkfiles import load_park
from tests.unit.control.world import OUTLET
from tests.unit.control.world import park as world_park

GATE = FacilityId("hc_outlet")


@pytest.fixture(scope="module")
def park() -> Park:
    return load_park(Path(__file__).parents[3] / "parks" / "lingang")


def with_register(park: Park, ref: str, address: int) -> Park:
    point = park.points[PointRef(ref)]
    moved = replace(point, register=replace(point.register, address=address))
    return replace(park, points={**park.points, point.ref: moved})


def test_the_drive_and_what_a_closure_rests_on_change_both(park: Park) -> None:
    gate = park.actuators[GATE]
    drive, whole = definition_hashes(park, gate)
    for changed in (
        definition_hashes(park, replace(gate, drive=MaintainedCoil(coil=9))),
        definition_hashes(park, replace(gate, safe_position=SafePosition.OPEN)),
        definition_hashes(with_register(park, "hc_outlet/closed", 99), gate),
        definition_hashes(with_register(park, "hc_outlet/remote", 99), gate),
    ):
        assert changed[0] != drive
        assert changed[1] != whole


def test_an_interlock_and_its_points_change_the_whole_only(park: Park) -> None:
    gate = park.actuators[GATE]
    drive, whole = definition_hashes(park, gate)
    softer = replace(gate.permits[0], expression=parse("hc_analyser.conductivity <= 9000 * uS_cm"))
    for changed in (
        definition_hashes(park, replace(gate, permits=(softer, *gate.permits[1:]))),
        definition_hashes(park, replace(gate, permits=())),
        definition_hashes(park, replace(gate, travel_time_s=9.0)),
        definition_hashes(with_register(park, "hc_analyser/cod", 99), gate),
    ):
        assert changed[0] == drive
        assert changed[1] != whole


def test_an_edit_elsewhere_changes_nothing(park: Park) -> None:
    gate = park.actuators[GATE]
    before = definition_hashes(park, gate)
    assert definition_hashes(with_register(park, "ly_outlet/closed", 99), gate) == before
    assert definition_hashes(park, replace(gate, hand_card=replace(gate.hand_card, who="x"))) == before


def test_a_register_that_the_plc_falls_back_by_belongs_to_the_drive_and_the_factor_of_a_value_does_not() -> (
    None
):
    world = world_park()
    gate = world.actuators[OUTLET]
    before = definition_hashes(world, gate)
    beats = replace(world.devices[gate.device], heartbeat=PlcHeartbeat(word=9, period_s=1.0))
    counted = definition_hashes(replace(world, devices={gate.device: beats}), gate)
    assert counted[0] != before[0]
    assert counted[1] != before[1]
    slower = replace(beats, heartbeat=PlcHeartbeat(word=9, period_s=2.0))
    assert definition_hashes(replace(world, devices={gate.device: slower}), gate)[0] != counted[0]


def test_what_a_logger_sends_a_value_as_belongs_to_the_whole() -> None:
    """Another factor is another measurement, though the interlock reads the same point."""
    world = world_park()
    gate = world.actuators[OUTLET]
    cod = world.points[PointRef("hc_outlet/cod")]
    factor = Factor(report=ReportKind.REALTIME, code="w01018", field="Rtd", unit="mg_L")
    found = [
        definition_hashes(replace(world, points={**world.points, cod.ref: replace(cod, factor=sent)}), gate)
        for sent in (None, factor, replace(factor, field="Avg"), replace(factor, unit="ug_L"))
    ]
    assert len({drive for drive, _ in found}) == 1
    assert len({whole for _, whole in found}) == len(found)


PULSED = ("09e2ed7756cdfcaa", "5a6c4d86b405b422")
SET = ("86bb5572cdfd9153", "7b13f60e4fee9f69")


def test_the_hashes_of_what_stands_in_the_field_stay() -> None:
    """Control and edge refuse each other's openings when they differ: they change with the definition only, not with us."""
    world = world_park()
    gate = world.actuators[OUTLET]
    setpoint = replace(gate, drive=Setpoint(word=1, stop=2))
    assert definition_hashes(world, gate) == PULSED
    assert definition_hashes(world, setpoint) == SET
    assert (
        definition_hashes(world, replace(setpoint, drive=Setpoint(word=1, stop=2, step_percent=5.0))) != SET
    )
