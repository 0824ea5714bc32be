"""What a park says of its parts: whose they are, how long they may take, and what it has sorted out beforehand."""

from dataclasses import replace

from domain.ids import FacilityId, point_ref
from domain.park import PlcHeartbeat
from domain.safety import LockRef
from tests.unit.control.world import GW, OUTLET, PARK, PLC


def test_a_travel_has_failed_after_one_and_a_half_times_its_time() -> None:
    assert PARK.actuators[OUTLET].travel_timeout_s == 45.0
    assert PARK.gateway_of(OUTLET) == GW
    assert PARK.actuators[OUTLET].point("opened") == "hc_outlet/opened" == point_ref("hc_outlet", "opened")
    assert str(LockRef(FacilityId("a"), "b")) == "a/b"


def test_only_a_plc_that_guards_its_commands_surely_ignores_a_late_one() -> None:
    def is_proven(heartbeat: PlcHeartbeat | None) -> bool:
        device = replace(PARK.devices[PLC], heartbeat=heartbeat)
        return replace(PARK, devices={PLC: device}).has_proven_expiry(OUTLET)

    assert not is_proven(None)
    assert not is_proven(PlcHeartbeat(word=899, period_s=1.0, fallback_after_s=10.0))
    assert is_proven(PlcHeartbeat(word=899, period_s=1.0, guards_commands=True))


def test_what_a_park_has_sorted_out_is_no_part_of_it() -> None:
    turned = replace(PARK, points=dict(reversed(list(PARK.points.items()))))
    assert turned == PARK
    assert [point.name for point in turned.points_of(PLC)] == [
        point.name for point in reversed([*PARK.points_of(PLC)])
    ]
    assert repr(PARK).count("Point(") == len(PARK.points)
