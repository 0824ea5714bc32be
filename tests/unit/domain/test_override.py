"""Overrides: one interlock of one actuator, two persons, a compulsory end; and nothing else is let through by one (I8)."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from domain.admission import Direction, Situation, admit
from domain.command import Action
from domain.ids import FacilityId, PointRef
from domain.interlock import Interlock, parse
from domain.order import Order, OrderKind, OrderSet
from domain.override import LIFE_MS_MAX, SKEW_MS_MAX, overridden, stands
from domain.park import SafePosition, Tier
from domain.refusal import Admitted, Code, Refused
from domain.sample import NEVER_READ, Reading
from domain.words import Words
from tests.unit.domain.test_admission import AWAY, GATE, INHIBIT, PERMIT, TOWARD, Scene, good, order

BEGUN_MS = 1_800_000_000_000
GIVEN = Order(
    id="o1",
    kind=OrderKind.OVERRIDE,
    actuator=FacilityId("gate"),
    by="chief",
    reason="传感器故障",
    since_ms=BEGUN_MS,
    until_ms=BEGUN_MS + 3_600_000,
    interlock="clean",
    condition=PERMIT.expression.text,
    second="engineer",
)
OF_INHIBIT = replace(GIVEN, id="o2", interlock="flood", condition=INHIBIT.expression.text)


def standing(
    *orders: Order, tier: Tier = Tier.PARK, now_ms: int | None = BEGUN_MS + 1
) -> Mapping[str, Order]:
    return overridden(OrderSet().with_orders(*orders), GATE, tier, now_ms=now_ms)


def test_it_names_one_interlock_and_stands_from_its_begin_to_its_end() -> None:
    assert standing(GIVEN) == {"clean": GIVEN}
    for at_ms, expected in (
        (BEGUN_MS - SKEW_MS_MAX - 1, False),
        (BEGUN_MS - SKEW_MS_MAX, True),
        (BEGUN_MS, True),
        (BEGUN_MS + 3_599_999, True),
        (BEGUN_MS + 3_600_000, False),
        (BEGUN_MS + LIFE_MS_MAX, False),
    ):
        assert stands(GIVEN, GATE, now_ms=at_ms) is expected, at_ms


@pytest.mark.parametrize(
    "wrong",
    [
        {"second": None},
        {"second": ""},
        {"second": "chief"},
        {"until_ms": None},
        {"until_ms": BEGUN_MS + LIFE_MS_MAX + 1},
        {"interlock": "flood"},
        {"interlock": "no_such"},
        {"interlock": None},
        {"condition": "probe.cod <= 101 * mg_L"},
        {"condition": None},
        {"actuator": FacilityId("other")},
        {"kind": OrderKind.TAG_OUT},
    ],
    ids=str,
)
def test_one_that_is_not_as_it_must_be_overrides_nothing(wrong: dict[str, object]) -> None:
    assert standing(replace(GIVEN, **wrong)) == {}  # type: ignore[arg-type]


def test_the_bounds_are_those_of_the_safety_rules() -> None:
    assert LIFE_MS_MAX == 28_800_000
    assert SKEW_MS_MAX == 5_000


def test_it_may_last_eight_hours_and_no_longer() -> None:
    longest = replace(GIVEN, until_ms=BEGUN_MS + LIFE_MS_MAX)
    assert stands(longest, GATE, now_ms=BEGUN_MS + LIFE_MS_MAX - 1)
    assert not stands(longest, GATE, now_ms=BEGUN_MS + LIFE_MS_MAX)


def test_a_released_one_is_dead_and_the_river_knows_none() -> None:
    held = OrderSet().with_orders(GIVEN).with_tombstones(["o1"])
    assert overridden(held, GATE, Tier.PARK, now_ms=BEGUN_MS) == {}
    assert standing(GIVEN, tier=Tier.RIVER) == {}
    assert standing(GIVEN, tier=Tier.ENTERPRISE) == {"clean": GIVEN}


def test_while_the_time_of_day_is_in_doubt_every_interlock_is_back() -> None:
    assert standing(GIVEN, now_ms=None) == {}


def situation(scene: Scene, *orders: Order) -> Situation:
    made = scene.situation()
    return replace(made, overridden={item.interlock or "": item for item in orders})


DIRTY = {"probe/cod": good(900.0)}
FLOOD = {"gate/level": good(9.0)}


@pytest.mark.parametrize("readings", [DIRTY, {"probe/cod": NEVER_READ}])
def test_an_overridden_permit_no_longer_refuses_and_goes_on_the_record(readings: dict[str, Reading]) -> None:
    scene = Scene(readings=readings)
    assert isinstance(admit(GATE, Action.OPEN, situation(scene)), Refused)
    found = admit(GATE, Action.OPEN, situation(scene, GIVEN))
    assert isinstance(found, Admitted)
    assert [cause.code for cause in found.warnings] == [Code.OVERRIDDEN]
    said = found.warnings[0]
    assert dict(said.values) == {"by": "chief", "second": "engineer", "reason": "传感器故障", "order": "o1"}
    assert "合格" in said.words.zh


def test_an_overridden_inhibit_no_longer_blocks() -> None:
    scene = Scene(readings=FLOOD)
    assert isinstance(admit(GATE, Action.CLOSE, situation(scene)), Refused)
    found = admit(GATE, Action.CLOSE, situation(scene, OF_INHIBIT))
    assert isinstance(found, Admitted)
    assert [cause.code for cause in found.warnings] == [Code.OVERRIDDEN]
    doubtful = admit(GATE, Action.CLOSE, situation(Scene(readings={"gate/level": NEVER_READ}), OF_INHIBIT))
    assert isinstance(doubtful, Admitted)
    assert [cause.code for cause in doubtful.warnings] == [Code.OVERRIDDEN]


def test_only_the_interlock_that_it_names_is_let_through() -> None:
    other = Interlock(id="second", expression=parse("probe.cod <= 50 * mg_L"), words=Words("二", "two"))
    gate = replace(GATE, permits=(PERMIT, other))
    found = admit(gate, Action.OPEN, situation(Scene(readings=DIRTY), GIVEN))
    assert isinstance(found, Refused)
    assert [cause.detail for cause in found.reasons] == [other.words]
    assert isinstance(admit(GATE, Action.CLOSE, situation(Scene(readings=FLOOD), GIVEN)), Refused)


EVERYTHING = (GIVEN, OF_INHIBIT)


@pytest.mark.parametrize(("actuator", "action", "percent"), AWAY + TOWARD)
@pytest.mark.parametrize(
    ("scene", "code", "is_commissioned"),
    [
        (Scene(readings={"gate/remote": good(value=False)}), Code.LOCAL, True),
        (Scene(readings={"gate/fault": good(value=True)}), Code.HEALTH, True),
        (Scene(orders=order(OrderKind.TAG_OUT)), Code.TAGGED_OUT, True),
        (Scene(), Code.NOT_COMMISSIONED, False),
    ],
)
def test_no_override_lets_through_what_blocks_any_output(
    actuator: object, action: Action, percent: float | None, scene: Scene, code: Code, is_commissioned: bool
) -> None:
    assert isinstance(actuator, type(GATE))
    gate = actuator if is_commissioned else replace(actuator, commissioned_by=None)
    found = admit(gate, action, situation(scene, *EVERYTHING), opening_percent=percent)
    assert isinstance(found, Refused)
    assert code in {cause.code for cause in found.reasons}


@pytest.mark.parametrize(("actuator", "action", "percent"), AWAY)
@pytest.mark.parametrize(
    ("scene", "code"),
    [
        (Scene(is_in_doubt=True), Code.IN_DOUBT),
        (Scene(executing=Action.CLOSE), Code.BUSY),
        (Scene(orders=order(OrderKind.KEEP_CLOSED)), Code.KEEP_CLOSED),
        (Scene(readings={"gate/opened": NEVER_READ}), Code.STALE_INPUT),
    ],
)
def test_no_override_lets_an_opening_through_what_is_no_interlock(
    actuator: object, action: Action, percent: float | None, scene: Scene, code: Code
) -> None:
    assert isinstance(actuator, type(GATE))
    found = admit(actuator, action, situation(scene, *EVERYTHING), opening_percent=percent)
    assert isinstance(found, Refused)
    if code is Code.KEEP_CLOSED and actuator.safe_position is SafePosition.OPEN:
        code = Code.KEEP_OPEN
    assert code in {cause.code for cause in found.reasons}


def test_stop_and_verify_know_of_no_override() -> None:
    for action in (Action.STOP, Action.VERIFY):
        assert admit(GATE, action, situation(Scene(), *EVERYTHING)) == Admitted()


def test_points_are_named_by_reference() -> None:
    assert PERMIT.expression.references == {PointRef("probe/cod")}
    assert Direction.NONE.value == "none"
