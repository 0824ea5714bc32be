"""The gate at the centre: authority, area, tier, definition and what differs between the two directions (I6, I14, I18)."""

from dataclasses import replace

import pytest

from control.commands.gate import Clear, Link, NeedsConfirmation, Request, Verdict, consider, takes_second
from control.live.image import Image
from control.people.roles import Person, Role
from domain.admission import Situation
from domain.approval import Consent
from domain.command import Action
from domain.definition import definition_hashes
from domain.ids import FacilityId
from domain.order import Order, OrderKind, OrderSet
from domain.park import Park
from domain.refusal import Code, Refused
from tests.unit.control.world import OUTLET, PARK, RIVER, image, person

NOW_S = 100.0
OWN = definition_hashes(PARK, PARK.actuators[OUTLET])
HEARD = Link(is_heard=True, definition=OWN)
OPERATOR = person(Role.OPERATOR)


TICKET = Consent(by="qian", content_hash="h", at_ms=0, basis="")
"""What a ticket gives: the word of another person."""


def ask(
    action: Action,
    *,
    who: Person = OPERATOR,
    seen: Image | None = None,
    link: Link = HEARD,
    is_recordable: bool = True,
    executing: Action | None = None,
    orders: OrderSet | None = None,
    asks_second: bool = True,
    park: Park = PARK,
    **more: object,
) -> Verdict:
    live = seen or image()
    situation = Situation(
        read=lambda ref: live.reading(ref, now_s=NOW_S),
        unit_of=live.unit_of,
        executing=executing,
        orders=orders or OrderSet(),
        drive=definition_hashes(PARK, PARK.actuators[OUTLET])[0],
    )
    request = replace(Request(actuator=OUTLET, action=action, consent=TICKET), **more)  # type: ignore[arg-type]
    definition = (
        definition_hashes(PARK, PARK.actuators[request.actuator])
        if request.actuator in PARK.actuators
        else OWN
    )
    return consider(
        request, who, park, situation, link=link, definition=definition, is_recordable=is_recordable,
        asks_second=asks_second,
    )  # fmt: skip


def codes(verdict: Verdict) -> list[Code]:
    assert isinstance(verdict, Refused), verdict
    return [cause.code for cause in verdict.reasons]


def test_what_is_well_may_open_and_close() -> None:
    assert isinstance(ask(Action.OPEN), Clear)
    assert isinstance(ask(Action.CLOSE, seen=image(hc_outlet__opened=True, hc_outlet__closed=False)), Clear)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ENGINEER, Role.AUDITOR, Role.SYSTEM, Role.ADMINISTRATOR])
def test_other_roles_move_nothing(role: Role) -> None:
    for action in (Action.OPEN, Action.CLOSE, Action.STOP):
        assert Code.NO_AUTHORITY in codes(ask(action, who=person(role)))


def test_an_enterprise_closes_its_own_and_opens_nothing() -> None:
    own, other = person(Role.ENTERPRISE, enterprise="hc"), person(Role.ENTERPRISE, enterprise="ly")
    assert isinstance(ask(Action.CLOSE, who=own), Clear)
    assert codes(ask(Action.CLOSE, who=other)) == [Code.NO_AUTHORITY]
    assert codes(ask(Action.OPEN, who=own)) == [Code.NO_AUTHORITY]
    confined = person(Role.SHIFT_CHIEF, enterprise="ly")
    assert codes(ask(Action.CLOSE, who=confined)) == [Code.NO_AUTHORITY]


def test_without_the_log_the_link_or_one_definition_nothing_opens_and_everything_closes() -> None:
    assert codes(ask(Action.OPEN, is_recordable=False)) == [Code.AUDIT]
    assert codes(ask(Action.OPEN, link=Link(is_heard=False, definition=OWN))) == [Code.LINK]
    edited = Link(is_heard=True, definition=(OWN[0], "other"))
    assert codes(ask(Action.OPEN, link=edited)) == [Code.DEFINITION]
    for link in (edited, Link(is_heard=False, definition=None)):
        assert isinstance(ask(Action.CLOSE, is_recordable=False, link=link), Clear)
    another_drive = Link(is_heard=True, definition=("other", "other"))
    assert codes(ask(Action.CLOSE, link=another_drive)) == [Code.DEFINITION]
    assert isinstance(ask(Action.STOP, link=another_drive, is_recordable=False), Clear)


def test_a_warning_toward_safe_is_accepted_by_name() -> None:
    seen = image(now_s=0.0)
    verdict = ask(Action.CLOSE, seen=seen)
    assert isinstance(verdict, NeedsConfirmation)
    assert [cause.code for cause in verdict.warnings] == [Code.STALE_INPUT]
    assert isinstance(ask(Action.CLOSE, seen=seen, accepted=frozenset({"another"})), NeedsConfirmation)
    shown = verdict.warnings[0].shown
    assert isinstance(ask(Action.CLOSE, seen=seen, accepted=frozenset({shown})), Clear)
    assert Code.STALE_INPUT in codes(ask(Action.OPEN, seen=seen, accepted=frozenset({shown})))


def test_a_warning_is_accepted_for_the_points_that_were_shown_and_no_others() -> None:
    seen = image(now_s=0.0)
    verdict = ask(Action.CLOSE, seen=seen)
    assert isinstance(verdict, NeedsConfirmation)
    code, *points = verdict.warnings[0].shown.split()
    assert points == sorted(verdict.warnings[0].values)
    assert len(points) > 1
    for accepted in ((code,), (code, *points[1:]), ("another-code", *points)):
        asked = ask(Action.CLOSE, seen=seen, accepted=frozenset({" ".join(accepted)}))
        assert isinstance(asked, NeedsConfirmation)
    # What was shown beside it and is well again asks nobody anew.
    more = " ".join((code, *points, "other/point"))
    assert isinstance(ask(Action.CLOSE, seen=seen, accepted=frozenset({more})), Clear)


def agreed(by: str) -> Consent:
    return Consent(by=by, content_hash="h", at_ms=0, basis="2026-118")


def test_away_from_safe_takes_the_word_of_another_person() -> None:
    for alone in (None, agreed("zhao")):
        assert codes(ask(Action.OPEN, consent=alone)) == [Code.APPROVAL]
        assert isinstance(ask(Action.CLOSE, consent=alone), Clear)
        assert isinstance(ask(Action.STOP, consent=alone), Clear)
        half = {"opening_percent": 50.0}
        assert Code.MODE in codes(ask(Action.SET, consent=alone, parameters=half)), "it has no set-point"
        assert isinstance(ask(Action.OPEN, consent=alone, asks_second=False), Clear)
    refused = ask(Action.OPEN, consent=None, seen=image(hc_outlet__cod=400.0))
    assert codes(refused) == [Code.INTERLOCK], "what both want to know first"
    assert Code.APPROVAL in codes(ask(Action.CLOSE, actuator=RIVER, consent=None, asks_second=False))


def test_a_check_moves_alone_only_what_nobody_has_signed_for() -> None:
    drive = definition_hashes(PARK, PARK.actuators[OUTLET])[0]

    def order(kind: OrderKind, by: str) -> Order:
        return Order(
            id=kind.value, kind=kind, actuator=OUTLET, by=by, reason="r", since_ms=1, condition=drive
        )

    new = replace(PARK, actuators={OUTLET: replace(PARK.actuators[OUTLET], commissioned_by=None)})
    checked = OrderSet().with_orders(order(OrderKind.COMMISSIONING, "zhao"))
    assert codes(ask(Action.OPEN, consent=None, orders=checked)) == [Code.APPROVAL], "its word stands"
    assert isinstance(ask(Action.OPEN, consent=None, orders=checked, park=new), Clear)
    signed = checked.with_orders(order(OrderKind.COMMISSIONED, "sun"))
    assert codes(ask(Action.OPEN, consent=None, orders=signed, park=new)) == [Code.APPROVAL]
    void = checked.with_orders(order(OrderKind.COMMISSION_VOID, "zhao"))
    engineer = person(Role.ENGINEER)
    for who in (OPERATOR, engineer):
        alone = ask(Action.OPEN, who=who, consent=None, orders=void)
        assert codes(alone) == [Code.APPROVAL], "to take a word back takes one"
        assert isinstance(ask(Action.OPEN, who=who, orders=void), Clear), "and another person's is enough"
    theirs = OrderSet().with_orders(order(OrderKind.COMMISSIONING, "sun"))
    assert codes(ask(Action.OPEN, consent=None, orders=theirs, park=new)) == [Code.NOT_COMMISSIONED]


@pytest.mark.parametrize(
    ("actuator", "action", "percent", "takes"),
    [
        (OUTLET, Action.OPEN, None, True), (OUTLET, Action.CLOSE, None, False), (OUTLET, Action.STOP, None, False),
        (OUTLET, Action.VERIFY, None, False), (OUTLET, Action.SET, 50.0, True), (OUTLET, Action.SET, 0.0, False),
        (RIVER, Action.OPEN, None, False), (RIVER, Action.CLOSE, None, False),
    ],
)  # fmt: skip
def test_a_ticket_is_for_what_leaves_the_safe_position_off_the_river(
    actuator: FacilityId, action: Action, percent: float | None, takes: bool
) -> None:
    """A river sluice moves by a plan or a reopening, which bring their own second person."""
    live = image()
    found = PARK.actuators[actuator]
    drive = definition_hashes(PARK, found)[0]
    parameters = {} if percent is None else {"opening_percent": percent}
    request = Request(actuator=actuator, action=action, parameters=parameters)
    situation = Situation(
        read=lambda ref: live.reading(ref, now_s=NOW_S), unit_of=live.unit_of, orders=OrderSet(), drive=drive,
        author="zhao",
    )  # fmt: skip
    assert takes_second(found, request, PARK, situation) is takes
    checked = Order(
        id="o", kind=OrderKind.COMMISSIONING, actuator=actuator, by="zhao", reason="r", since_ms=1, condition=drive
    )  # fmt: skip
    checks = replace(situation, orders=OrderSet().with_orders(checked))
    assert takes_second(found, request, PARK, checks) is takes, "its word stands"
    new = replace(found, commissioned_by=None)
    assert not takes_second(new, request, PARK, checks)
    assert takes_second(new, request, PARK, replace(checks, author="li")) is takes


def test_the_river_needs_a_second_person_but_to_stop() -> None:
    assert Code.APPROVAL in codes(ask(Action.CLOSE, actuator=RIVER, consent=None))
    assert Code.APPROVAL in codes(ask(Action.CLOSE, actuator=RIVER, consent=agreed("zhao")))
    link = Link(is_heard=True, definition=definition_hashes(PARK, PARK.actuators[RIVER]))
    assert isinstance(ask(Action.CLOSE, actuator=RIVER, consent=agreed("qian"), link=link), Clear)
    assert isinstance(ask(Action.STOP, actuator=RIVER, link=link), Clear)
    assert isinstance(ask(Action.STOP, actuator=RIVER, link=link, consent=None), Clear)


def test_an_interlock_refuses_with_its_values() -> None:
    verdict = ask(Action.OPEN, seen=image(hc_outlet__cod=400.0))
    assert codes(verdict) == [Code.INTERLOCK]
    assert isinstance(verdict, Refused)
    assert "400.0" in verdict.reasons[0].values["hc_outlet/cod"]


def test_one_move_at_a_time_and_a_closure_takes_over() -> None:
    assert codes(ask(Action.OPEN, executing=Action.OPEN)) == [Code.BUSY]
    assert isinstance(ask(Action.CLOSE, executing=Action.OPEN), Clear)
    assert isinstance(ask(Action.STOP, executing=Action.OPEN), Clear)


@pytest.mark.parametrize(
    ("action", "more", "code"),
    [
        (Action.OPEN, {"actuator": FacilityId("nothing")}, Code.UNKNOWN_ACTUATOR),
        (Action.OPEN, {"parameters": {"opening_percent": 40.0}}, Code.MALFORMED),
        (Action.SET, {}, Code.MALFORMED),
        (Action.SET, {"parameters": {"opening_percent": 101.0}}, Code.MALFORMED),
    ],
)
def test_what_makes_no_sense_is_refused(action: Action, more: dict[str, object], code: Code) -> None:
    assert codes(ask(action, **more)) == [code]
