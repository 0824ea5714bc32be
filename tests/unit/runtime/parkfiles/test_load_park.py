"""The demonstration park loads whole, and what it promises to simulators, console and operators is in it."""

import json
from pathlib import Path

import pytest

from domain.admission import Direction, direction
from domain.command import Action
from domain.definition import definition_hashes
from domain.drive import CommandWord, MaintainedCoil, MomentaryCoils, Setpoint, Table, writes
from domain.errors import ConfigurationError
from domain.ids import DeviceId, FacilityId, PointRef
from domain.park import Park, RegisterType, Risk, Tier, WordOrder
from runtime.parkfiles import load_park

FOLDER = Path(__file__).parents[4] / "parks" / "lingang"


@pytest.fixture(scope="module")
def park() -> Park:
    return load_park(FOLDER)


def test_it_is_as_large_as_a_park(park: Park) -> None:
    assert len(park.enterprises) == 8
    assert {enterprise.risk for enterprise in park.enterprises.values()} == set(Risk)
    assert len(park.gateways) == 2
    assert 15 <= len(park.devices) <= 25
    assert len(park.points) >= 400
    assert len({device.template for device in park.devices.values()}) < len(park.devices) / 2


@pytest.mark.parametrize(
    "part", ["unit", "bund", "firstflush", "outlet", "diversion", "pool", "sewage", "analyser", "flow"]
)
def test_every_enterprise_has_its_parts(park: Park, part: str) -> None:
    for enterprise in park.enterprises:
        facility = park.facilities[FacilityId(f"{enterprise}_{part}")]
        assert facility.enterprise == enterprise
        assert facility.tier is Tier.ENTERPRISE


def test_pools_hold_what_they_should(park: Park) -> None:
    assert park.facilities[FacilityId("public_pool")].capacity_m3 == 10_000
    buffers = [park.facilities[FacilityId(f"buffer_{number}")].capacity_m3 for number in range(1, 5)]
    assert sum(volume or 0 for volume in buffers) == 3_000


def test_addresses_are_zero_based_in_the_park(park: Park) -> None:
    cod = park.points[PointRef("hc_analyser/cod")].register
    assert (cod.table, cod.address, cod.type, cod.word_order) == (
        Table.INPUT, 10, RegisterType.FLOAT32, WordOrder.CDAB,
    )  # fmt: skip
    packed = park.points[PointRef("yx_outlet/closed")].register
    assert (packed.table, packed.address, packed.bit) == (Table.HOLDING, 10, 1)


def test_every_kind_of_drive_is_there(park: Park) -> None:
    kinds = {type(actuator.drive) for actuator in park.actuators.values()}
    assert kinds == {MomentaryCoils, MaintainedCoil, CommandWord, Setpoint}


def test_every_actuator_can_be_shut_and_proved(park: Park) -> None:
    for actuator in park.actuators.values():
        safe = next(
            action
            for action in (Action.OPEN, Action.CLOSE)
            if direction(actuator, action) is Direction.TOWARD_SAFE
        )
        assert writes(actuator.drive, safe)
        assert writes(actuator.drive, Action.STOP)
        for name in (actuator.feedback.opened, actuator.feedback.closed, actuator.feedback.remote):
            assert park.points[actuator.point(name)].is_boolean
        assert park.devices[actuator.device].groups[park.points[actuator.point("remote")].group].is_critical
        assert actuator.hand_card.how
        assert len(definition_hashes(park, actuator)[1]) == 16


def test_a_pump_reports_running_and_stopped_as_its_limits(park: Park) -> None:
    feedback = park.actuators[FacilityId("net_pump")].feedback
    assert (feedback.opened, feedback.closed, feedback.position) == ("running", "stopped", None)


def test_every_enterprise_has_its_key_and_the_park_has_one(park: Park) -> None:
    assert {plan.enterprise for plan in park.plans.values()} == {*park.enterprises, None}
    whole = park.plans["close_park"]
    moved = {step.actuator for step in whole.steps}
    outlets = {FacilityId(f"{enterprise}_outlet") for enterprise in park.enterprises}
    river = {key for key in park.actuators if park.facilities[key].tier is Tier.RIVER}
    assert (
        outlets | river | {"net_sluice_1", "net_sluice_2", "net_pump", "public_inlet", "buffer_inlet"}
        == moved
    )


def test_overrides_move_a_plc_and_nothing_else(park: Park, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    path.write_text(json.dumps({"plc_hc_outlet": {"host": "127.0.0.1", "port": 15021}}), "utf-8")
    moved = load_park(FOLDER, path)
    device = moved.devices[DeviceId("plc_hc_outlet")]
    assert (device.host, device.port) == ("127.0.0.1", 15021)
    assert {key for key in park.devices if park.devices[key] != moved.devices[key]} == {"plc_hc_outlet"}
    hashes = definition_hashes(park, park.actuators[FacilityId("hc_outlet")])
    assert hashes == definition_hashes(moved, moved.actuators[FacilityId("hc_outlet")])


@pytest.mark.parametrize(
    ("text", "kind", "field"),
    [
        ('{"plc_xx": {"host": "127.0.0.1", "port": 1}}', "unknown-reference", "plc_xx"),
        ('{"plc_net_a": {"host": "127.0.0.1"}}', "missing-key", "plc_net_a.port"),
        ('{"plc_net_a": {"host": "127.0.0.1", "port": "x"}}', "wrong-type", "plc_net_a.port"),
        ('{"plc_net_a": ', "syntax", ""),
    ],
)
def test_overrides_that_are_wrong_are_refused(text: str, kind: str, field: str, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_park(FOLDER, path)
    assert [(fault.kind, fault.field) for fault in caught.value.faults] == [(kind, field)]
