"""A confined person's live image holds nothing of another enterprise."""

from pathlib import Path

from control.live.scope import is_plan_within, scoped
from domain.ids import FacilityId
from domain.park import Park
from runtime.parkfiles.loading import load_park
from wire.canonical import Json

ROOT = Path(__file__).parents[3]
PARK: Park = load_park(ROOT / "parks" / "lingang")
HC = frozenset(key for key, item in PARK.facilities.items() if item.enterprise == "hc")
BODY: dict[str, Json] = {
    "model_time_ms": 1,
    "points": {"hc_outlet/closed": {}, "ly_outlet/closed": {}},
    "actuators": {"hc_outlet": {}, "ly_outlet": {}, "net_sluice_1": {}},
    "alarms": [{"facility": "hc_analyser"}, {"facility": "ly_analyser"}, {"facility": None}],
    "orders": [{"actuator": "hc_outlet"}, {"actuator": "ly_outlet"}],
    "runs": [{"plan": "close_hc"}, {"plan": "close_ly"}, {"plan": "close_park"}],
}


def test_everything_of_others_is_left_out() -> None:
    found = scoped(BODY, HC, PARK)
    assert found["points"] == {"hc_outlet/closed": {}}
    assert found["actuators"] == {"hc_outlet": {}}
    assert found["alarms"] == [{"facility": "hc_analyser"}]
    assert found["orders"] == [{"actuator": "hc_outlet"}]
    assert found["runs"] == [{"plan": "close_hc"}]


def test_what_cannot_be_placed_is_not_shown_and_what_holds_no_points_is_left_as_it_is() -> None:
    alarms: list[Json] = ["ly_analyser", {"facility": "hc_analyser"}, None]
    found = scoped({"alarms": alarms, "points": None, "actuators": "none"}, HC, PARK)
    assert found == {"alarms": [{"facility": "hc_analyser"}], "points": None, "actuators": "none"}


def test_who_is_not_confined_sees_all() -> None:
    assert scoped(BODY, None, PARK) is BODY
    assert is_plan_within("close_park", None, PARK)


def test_a_plan_belongs_to_the_area_of_its_own_steps() -> None:
    assert is_plan_within("close_hc", HC, PARK)
    assert not is_plan_within("close_park", HC, PARK)
    assert not is_plan_within("nothing", HC, PARK)
    assert not is_plan_within("close_hc", frozenset({FacilityId("hc_bund")}), PARK)
