"""What the gate asks of a request's form and of its author's proof, and what the centre tells an edge of foreign points."""

from dataclasses import replace

import pytest

from control.commands.gate import Clear, Link, NeedsConfirmation, Request, beside, consider, evidence_for
from control.live.why_view import why_view
from control.people.roles import Person, Role
from control.people.standing import Standing
from domain.admission import Direction, Situation
from domain.command import Action
from domain.definition import definition_hashes
from domain.explained import Effect, Kind, Node, Seen
from domain.ids import DeviceId, GatewayId, PointRef
from domain.interlock import Interlock, Truth, parse
from domain.order import Order, OrderKind, OrderSet
from domain.park import Actuator, Park
from domain.quality import Quality
from domain.refusal import Code, Refused
from domain.sample import NEVER_READ, Reading
from domain.words import Words
from tests.unit.control.world import GW, OUTLET, PARK, PLC, image, person

FAR = GatewayId("far")
W = Words("字", "word")
HELD, RATE = "held(hc_outlet.cod <= 100 * mg_L, 30 * s)", "rate(hc_outlet.cod, 60 * s)"


def lock(text: str, name: str = "l") -> Interlock:
    return Interlock(id=name, expression=parse(text), words=Words("锁", "lock"))


def with_foreign_cod(*locks: Interlock) -> tuple[Park, Actuator]:
    """The world's park with the analyser's value behind another gateway."""
    device = DeviceId("far_plc")
    far = replace(PARK.devices[PLC], id=device, gateway=FAR)
    cod = PointRef("hc_outlet/cod")
    points = {**PARK.points, cod: replace(PARK.points[cod], device=device)}
    actuator = replace(PARK.actuators[OUTLET], permits=locks[:1], inhibits=locks[1:])
    return replace(PARK, devices={**PARK.devices, device: far}, points=points), actuator


def reading(value: float, age_s: float | None = 1.2345, *, fresh: bool = True) -> Reading:
    return Reading(value=value, quality=Quality.UNCERTAIN, age_s=age_s, fresh=fresh)


def test_only_foreign_points_travel_with_a_command_and_stale_ones_without_an_age() -> None:
    park, actuator = with_foreign_cod(lock("hc_outlet.cod <= 100 * mg_L and hc_outlet.fault == False"))
    (sent,) = evidence_for(actuator, park, lambda _: reading(7.0), GW)
    assert (sent.point, sent.value, sent.quality, sent.age_ms) == (
        "hc_outlet/cod",
        7.0,
        int(Quality.UNCERTAIN),
        1234,
    )
    for stale in (reading(7.0, fresh=False), reading(7.0, None), NEVER_READ):
        (sent,) = evidence_for(actuator, park, lambda _, found=stale: found, GW)
        assert sent.age_ms is None
    assert [item.point for item in evidence_for(actuator, park, lambda _: reading(7.0), FAR)] == [
        "hc_outlet/fault"
    ]


@pytest.mark.parametrize(
    ("known", "value"),
    [(Truth.TRUE, True), (Truth.FALSE, False), (Truth.UNKNOWN, None), (2.5, 2.5), (None, None)],
)
def test_of_an_operator_on_the_past_the_centre_s_judgement_travels(
    known: Truth | float | None, value: object
) -> None:
    park, actuator = with_foreign_cod(lock(HELD))
    point, judged = evidence_for(actuator, park, lambda _: reading(7.0), GW, lambda _: known)
    assert point.point == "hc_outlet/cod"
    assert judged.point.startswith("held(")
    assert (judged.value, judged.quality, judged.age_ms) == (value, int(Quality.GOOD), 1234)
    assert len(evidence_for(actuator, park, lambda _: reading(7.0), FAR, lambda _: known)) == 0


def test_a_judgement_is_as_old_as_the_oldest_value_under_it() -> None:
    """The other point is near; one foreign point makes the whole operator the centre's to judge."""
    text = "held(hc_outlet.cod <= 100 * mg_L and hc_outlet.fault == False, 30 * s)"
    park, actuator = with_foreign_cod(lock("hc_outlet.remote == True"), lock(text))
    ages: dict[str, float | None] = {"hc_outlet/cod": 1.0, "hc_outlet/fault": 2.0}
    _, judged = evidence_for(actuator, park, lambda ref: reading(1.0, ages[ref]), GW)
    assert judged.age_ms == 2000
    _, judged = evidence_for(
        actuator, park, lambda ref: reading(1.0, ages[ref], fresh=ref != "hc_outlet/fault"), GW
    )
    assert judged.age_ms is None, "a value that is too old makes it so, whatever age is known"
    ages["hc_outlet/fault"] = None
    _, judged = evidence_for(actuator, park, lambda ref: reading(1.0, ages[ref]), GW)
    assert judged.age_ms is None


def verdict(request: Request, who: Person, *, orders: OrderSet | None = None) -> object:
    live = image()
    own = definition_hashes(PARK, PARK.actuators[OUTLET])
    situation = Situation(
        read=lambda ref: live.reading(ref, now_s=100.0), unit_of=live.unit_of, orders=orders or OrderSet(),
        executing=None, drive=own[0],
    )  # fmt: skip
    link = Link(is_heard=True, definition=own)
    return consider(request, who, PARK, situation, link=link, definition=own, is_recordable=True)


def codes(found: object) -> list[Code]:
    return [cause.code for cause in found.reasons] if isinstance(found, Refused) else []


@pytest.mark.parametrize(
    ("percent", "is_well"), [(0.0, True), (0.5, True), (100.0, True), (-0.1, False), (100.1, False)]
)
def test_an_opening_is_a_percentage(percent: float, is_well: bool) -> None:
    request = Request(actuator=OUTLET, action=Action.SET, parameters={"opening_percent": percent})
    assert request.opening_percent == percent
    assert (Code.MALFORMED not in codes(verdict(request, person(Role.OPERATOR)))) == is_well


def test_a_parameter_of_an_action_that_has_none_is_malformed_whatever_its_name() -> None:
    for name in ("opening_percent", "x"):
        request = Request(actuator=OUTLET, action=Action.CLOSE, parameters={name: 1.0})
        found = verdict(request, person(Role.OPERATOR))
        assert codes(found) == [Code.MALFORMED]
        assert isinstance(found, Refused)
        assert found.reasons[0].detail == "parameters"


def test_an_opening_asks_for_a_fresh_proof_and_a_closure_does_not() -> None:
    held = replace(person(Role.OPERATOR), standing=Standing.HELD)
    assert codes(verdict(Request(actuator=OUTLET, action=Action.OPEN), held)) == [Code.PROOF]
    assert isinstance(verdict(Request(actuator=OUTLET, action=Action.CLOSE), held), Clear)


def test_an_engineer_moves_only_what_he_commissions_himself() -> None:
    own = definition_hashes(PARK, PARK.actuators[OUTLET])
    order = Order(
        id="a" * 32, kind=OrderKind.COMMISSIONING, actuator=OUTLET, by="zhao", reason="r", since_ms=1, condition=own[0],
        second="li",
    )  # fmt: skip
    engineer = person(Role.ENGINEER)
    close = Request(actuator=OUTLET, action=Action.CLOSE)
    orders = OrderSet().with_orders(order)
    assert Code.NO_AUTHORITY not in codes(verdict(close, engineer, orders=orders))
    assert Code.NO_AUTHORITY in codes(verdict(close, engineer))
    assert Code.NO_AUTHORITY in codes(verdict(close, person(Role.ENGINEER, username="li"), orders=orders))
    assert Code.NO_AUTHORITY in codes(verdict(close, person(Role.AUDITOR), orders=orders))


def test_unless_it_is_said_otherwise_another_person_is_asked_for_and_nobody_checks_the_device() -> None:
    opening = Request(actuator=OUTLET, action=Action.OPEN)
    assert opening.reason == ""
    assert codes(verdict(opening, person(Role.OPERATOR))) == [Code.APPROVAL]
    own = definition_hashes(PARK, PARK.actuators[OUTLET])
    link = Link(is_heard=True, definition=own)
    (cause,) = beside(
        Request(actuator=OUTLET, action=Action.CLOSE), person(Role.ENGINEER), PARK, Direction.TOWARD_SAFE, link=link,
        definition=own, is_recordable=True,
    )  # fmt: skip
    assert cause.code is Code.NO_AUTHORITY


def test_a_confirmed_plan_accepts_whatever_warning_comes_and_a_person_only_what_was_named() -> None:
    live = image(hc_outlet__opened=True, hc_outlet__closed=False)
    own = definition_hashes(PARK, PARK.actuators[OUTLET])

    def ask(*accepted: str) -> object:
        situation = Situation(
            read=lambda ref: replace(live.reading(ref, now_s=100.0), fresh=False), unit_of=live.unit_of,
            orders=OrderSet(), executing=None, drive=own[0],
        )  # fmt: skip
        request = Request(actuator=OUTLET, action=Action.CLOSE, accepted=frozenset(accepted))
        link = Link(is_heard=True, definition=own)
        return consider(
            request, person(Role.OPERATOR), PARK, situation, link=link, definition=own, is_recordable=True
        )  # fmt: skip

    asked = ask()
    assert isinstance(asked, NeedsConfirmation)
    assert isinstance(ask("*"), Clear)
    assert isinstance(ask("XX*"), NeedsConfirmation)
    assert isinstance(ask(*(item.shown for item in asked.warnings)), Clear)


def test_the_screen_is_told_every_part_of_an_explanation() -> None:
    order = Order(id="o1", kind=OrderKind.OVERRIDE, actuator=OUTLET, by="z", reason="r", since_ms=1)
    seen = Seen(
        point=PointRef("a/b"), words=W, value=1.0, unit="mg_L", quality="good", reason=None, age_s=1.26, is_stale=False
    )  # fmt: skip
    part = Node(kind=Kind.PERMIT, words=W, truth=Truth.UNKNOWN, effect=Effect.PASSES)
    full = Node(
        kind=Kind.ACTION, words=W, text="t", truth=Truth.FALSE, wanted=False, effect=Effect.BLOCKS,
        change=Words("改", "change"), need=2, so_far_s=3.14159, needed_s=30.0, code=Code.LINK, interlock="l",
        override=order, values=(seen,), parts=(part,),
    )  # fmt: skip
    said = {"zh": "字", "en": "word"}
    assert why_view(full) == {
        "kind": "action", "words": said, "text": "t", "truth": "false", "wanted": False, "effect": "blocks",
        "change": {"zh": "改", "en": "change"}, "need": 2, "so_far_s": 3.1, "needed_s": 30.0, "code": "link-lost",
        "interlock": "l", "override": "o1",
        "values": [
            {
                "point": "a/b", "words": said, "value": 1.0, "unit": "mg_L", "quality": "good", "reason": None,
                "age_s": 1.3, "stale": False,
            }
        ],
        "parts": [why_view(part)],
    }  # fmt: skip
    bare = why_view(Node(kind=Kind.ACTION, words=W, truth=Truth.TRUE, effect=Effect.PASSES))
    absent = ("change", "need", "so_far_s", "needed_s", "code", "interlock", "override")
    assert [bare[key] for key in absent] == [None] * len(absent)
    never = why_view(replace(full, values=(replace(seen, age_s=None),)))["values"]
    assert isinstance(never, list)
    assert isinstance(never[0], dict)
    assert never[0]["age_s"] is None
