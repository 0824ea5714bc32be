"""What a changed park means for the devices of a gateway: untouched is who is read as before, whatever rules say of it."""

from dataclasses import replace
from pathlib import Path

from domain.ids import DeviceId, FacilityId, GatewayId, PointRef
from domain.park import Park
from gateway.park_change import Change, are_loggers_other, compare
from runtime.parkfiles.loading import load_park

PARK = load_park(Path(__file__).parents[3] / "parks" / "lingang")
EAST, WEST = GatewayId("gw_east"), GatewayId("gw_west")
PLC = DeviceId("plc_hc_outlet")
PH = PointRef("hc_analyser/ph")


def change(new: Park, gateway: GatewayId = EAST) -> Change:
    found = compare(PARK, new, gateway)
    before = {device.id for device in PARK.devices_of(gateway)}
    after = {device.id for device in new.devices_of(gateway)}
    assert found.kept | found.changed | found.removed == before
    assert found.kept | found.changed | found.added == after
    assert len(found.kept) + len(found.changed) + len(found.added) + len(found.removed) == len(before | after)
    return found


def test_the_same_park_keeps_every_device() -> None:
    found = change(PARK)
    assert (found.begun, found.ended) == (frozenset(), frozenset())
    assert str(found) == "11 kept, 0 changed, 0 added, 0 removed"


def test_rules_and_plans_touch_no_device() -> None:
    gate = FacilityId("hc_outlet")
    harder = replace(PARK.actuators[gate], permits=(), travel_time_s=1.0)
    new = replace(PARK, alarms=(), cutoffs=(), plans={}, actuators={**PARK.actuators, gate: harder})
    assert not change(new).begun


def test_a_device_is_changed_by_its_address_a_point_or_a_limit_switch() -> None:
    device, point, gate = PARK.devices[PLC], PARK.points[PH], PARK.actuators[FacilityId("hc_outlet")]
    moved = replace(PARK, devices={**PARK.devices, PLC: replace(device, port=1502)})
    finer = replace(PARK, points={**PARK.points, PH: replace(point, dead_band=0.5)})
    fewer = replace(PARK, points={ref: one for ref, one in PARK.points.items() if ref != PH})
    feedback = replace(gate.feedback, moving=None)
    blind = replace(PARK, actuators={**PARK.actuators, gate.facility: replace(gate, feedback=feedback)})
    for new in (moved, finer, fewer, blind):
        assert change(new).changed == change(new).begun == change(new).ended == {PLC}
        assert not change(new, WEST).begun


def test_a_device_that_changes_hands_is_removed_here_and_added_there() -> None:
    given = replace(PARK, devices={**PARK.devices, PLC: replace(PARK.devices[PLC], gateway=WEST)})
    assert change(given).removed == change(given).ended == {PLC}
    assert change(given, WEST).added == change(given, WEST).begun == {PLC}


def test_plcs_are_no_data_loggers() -> None:
    finer = replace(PARK, points={**PARK.points, PH: replace(PARK.points[PH], dead_band=0.5)})
    assert not are_loggers_other(PARK, finer, EAST)
