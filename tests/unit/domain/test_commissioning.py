"""What a commissioning check asks for, what shows it, and whose word stands (I7, I18)."""

from dataclasses import replace

import pytest

from domain.command import Action
from domain.commissioning import (
    HIGH_PERCENT,
    LOW_PERCENT,
    Check,
    Part,
    is_commissioned,
    is_trial,
    items_of,
    may_be_driven,
    proved_by,
    shown_by,
)
from domain.drive import MaintainedCoil, MomentaryCoils, Setpoint
from domain.order import Order, OrderKind, OrderSet
from domain.quality import Quality, Reason
from domain.sample import Reading
from domain.words import Words
from tests.unit.control.world import OUTLET, PARK

GATE = PARK.actuators[OUTLET]
DRIVE = "d" * 16


def reading(value: float | bool, *, quality: Quality = Quality.GOOD, fresh: bool = True) -> Reading:
    reason = None if quality is Quality.GOOD else Reason.FROZEN
    return Reading(value=value, quality=quality, reason=reason, observed_ms=1, age_s=0.1, fresh=fresh)


def order(kind: OrderKind, drive: str = DRIVE, by: str = "zhou", number: int = 1) -> Order:
    return Order(
        id=f"{number:032x}", kind=kind, actuator=OUTLET, by=by, reason="", since_ms=number, condition=drive
    )


def check() -> Check:
    return Check(actuator=OUTLET, drive=DRIVE, items=items_of(GATE, PARK))


def test_every_feedback_is_toggled_every_action_proved_every_travel_measured_and_seen_on_site() -> None:
    found = {item.id for item in check().items}
    assert found == {
        *(f"point:{name}:{value}" for name in ("opened", "closed", "remote", "fault") for value in "01"),
        *(f"action:{action}" for action in ("open", "close", "stop")),
        *(f"travel:{action}" for action in ("open", "close")),
        *(f"site:{action}" for action in ("open", "close", "stop")),
    }
    assert all(item.words.zh and item.words.en and item.how.zh and item.how.en for item in check().items)


def test_a_gate_that_reports_everything_is_asked_for_everything_and_told_how() -> None:
    more = ("moving", "over_torque", "power", "position")
    limit = PARK.points[GATE.point("opened")]
    made = [replace(limit, name=name, words=Words(f"点{name}", name)) for name in more]
    feedback = replace(GATE.feedback, **{name: name for name in more})
    park = replace(PARK, points={**PARK.points, **{point.ref: point for point in made}})
    items = items_of(replace(GATE, feedback=feedback), park)
    asked = {
        item.id: (item.words.zh, item.how.zh) for item in items if item.point in {point.ref for point in made}
    }
    moved, tripped = "让闸动一次再停下", "由电工模拟一次过力矩再复位"
    cut, travelled = "断开主电源再合上", "把闸从一端走到另一端"
    assert asked == {
        "point:moving:1": ("点moving为 1", moved),
        "point:moving:0": ("点moving为 0", moved),
        "point:over_torque:1": ("点over_torque为 1", tripped),
        "point:over_torque:0": ("点over_torque为 0", tripped),
        "point:power:1": ("点power为 1", cut),
        "point:power:0": ("点power为 0", cut),
        "point:position:1": ("开度 ≥ 95 %", travelled),
        "point:position:0": ("开度 ≤ 5 %", travelled),
    }


def test_a_drive_is_asked_for_what_it_can_do() -> None:
    held = items_of(replace(GATE, drive=MaintainedCoil(coil=0)), PARK)
    assert {item.action for item in held if item.part is Part.ACTION} == {Action.OPEN, Action.CLOSE}
    steered = items_of(replace(GATE, drive=Setpoint(word=0, stop=1)), PARK)
    assert Action.SET in {item.action for item in steered}


def test_only_a_fresh_good_reading_shows_a_point() -> None:
    point = GATE.point("opened")
    assert shown_by(check(), point, reading(True)) == ("point:opened:1",)
    assert shown_by(check(), point, reading(False)) == ("point:opened:0",)
    assert shown_by(check(), point, reading(True, fresh=False)) == ()
    assert shown_by(check(), point, reading(True, quality=Quality.UNCERTAIN)) == ()
    assert shown_by(replace(check(), seen={"point:opened:1": 5}), point, reading(True)) == ()


def test_a_proof_shows_the_action_and_a_whole_travel_the_time_too() -> None:
    assert proved_by(check(), Action.CLOSE, travel_s=None) == ("action:close",)
    assert proved_by(check(), Action.CLOSE, travel_s=30.0) == ("action:close", "travel:close")
    assert proved_by(check(), Action.STOP, travel_s=None) == ("action:stop",)
    assert proved_by(check(), Action.VERIFY, travel_s=None) == ()


@pytest.mark.parametrize(
    ("by_folder", "orders", "stands"),
    [
        (True, (), True),
        (False, (), False),
        (False, (order(OrderKind.COMMISSIONED),), True),
        (False, (order(OrderKind.COMMISSIONED, drive="e" * 16),), False),
        (True, (order(OrderKind.COMMISSION_VOID),), False),
        (True, (order(OrderKind.COMMISSION_VOID), order(OrderKind.COMMISSIONED, number=2)), True),
        (False, (order(OrderKind.COMMISSIONING),), False),
    ],
)
def test_a_word_stands_for_one_drive_until_it_is_void(
    by_folder: bool, orders: tuple[Order, ...], stands: bool
) -> None:
    gate = replace(GATE, commissioned_by="zhou" if by_folder else None)
    assert is_commissioned(gate, DRIVE, OrderSet().with_orders(*orders)) is stands


def test_before_a_word_stands_only_who_checks_the_device_commands_it() -> None:
    gate = replace(GATE, commissioned_by=None)
    orders = OrderSet().with_orders(order(OrderKind.COMMISSIONING))
    assert may_be_driven(gate, DRIVE, orders, author="zhou")
    assert not may_be_driven(gate, DRIVE, orders, author="li")
    assert not may_be_driven(gate, "e" * 16, orders, author="zhou")
    assert not may_be_driven(gate, DRIVE, orders.with_tombstones(orders.orders), author="zhou")


def test_a_trial_is_the_check_of_a_device_of_which_nobody_has_answered_yet() -> None:
    new, signed = replace(GATE, commissioned_by=None), order(OrderKind.COMMISSIONED, number=2)
    orders = OrderSet().with_orders(order(OrderKind.COMMISSIONING))
    assert is_trial(new, DRIVE, orders, author="zhou")
    assert not is_trial(new, DRIVE, orders, author="li")
    assert not is_trial(new, DRIVE, orders.with_orders(signed), author="zhou")
    void = orders.with_orders(order(OrderKind.COMMISSION_VOID, number=3))
    for gate, held in ((GATE, void), (new, void.with_orders(signed).with_tombstones([signed.id]))):
        assert may_be_driven(gate, DRIVE, held, author="zhou")
        assert not is_trial(gate, DRIVE, held, author="zhou"), "to take it back takes one"


def test_an_opening_is_shown_near_both_ends_of_its_travel() -> None:
    """The world's only number stands in for a position."""
    gate = replace(GATE, feedback=replace(GATE.feedback, position="cod"))
    made = Check(actuator=OUTLET, drive=DRIVE, items=items_of(gate, PARK))
    point = gate.point("cod")
    shown = {
        value: shown_by(made, point, reading(value))
        for value in (100.0, HIGH_PERCENT, 50.0, LOW_PERCENT, 0.0)
    }
    assert shown == {
        100.0: ("point:cod:1",), HIGH_PERCENT: ("point:cod:1",), 50.0: (), LOW_PERCENT: ("point:cod:0",),
        0.0: ("point:cod:0",),
    }  # fmt: skip
    assert 0 < LOW_PERCENT < HIGH_PERCENT < 100
    text = replace(reading(1.0), value="100")
    assert shown_by(made, point, text) == ()
    assert not {item.id for item in check().items} & {"point:cod:1", "point:cod:0"}
    absent = replace(GATE, feedback=replace(GATE.feedback, position="gone"))
    assert {item.id for item in items_of(absent, PARK)} == {item.id for item in check().items}


def test_what_cannot_be_stopped_is_not_asked_to() -> None:
    assert isinstance(GATE.drive, MomentaryCoils)
    no_stop = replace(GATE, drive=replace(GATE.drive, stop=None))
    ids = {item.id for item in items_of(no_stop, PARK)}
    assert "action:stop" not in ids
    assert {"action:open", "action:close"} <= ids
    assert "action:stop" in {item.id for item in check().items}
