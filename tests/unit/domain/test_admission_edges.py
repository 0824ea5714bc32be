"""Admission where a device reports less, where somebody else moves it, and where it stands already."""

from dataclasses import replace

from domain.admission import Situation, admit
from domain.command import Action
from domain.ids import PointRef
from domain.interlock import Interlock, parse
from domain.order import Order, OrderKind, OrderSet
from domain.park import Actuator, Feedback
from domain.quality import Reason
from domain.refusal import Cause, Code, Refused
from domain.sample import Reading
from domain.words import Words
from tests.unit.domain.test_admission import GATE, Scene, good, order

BARE = replace(GATE, feedback=Feedback(opened="opened", closed="closed", remote="remote", fault=None))


def codes(actuator: Actuator, action: Action, situation: Situation) -> set[Code]:
    found = admit(actuator, action, situation)
    return {cause.code for cause in found.reasons} if isinstance(found, Refused) else set()


def test_a_device_without_a_fault_is_not_asked_for_one() -> None:
    asked: list[PointRef] = []

    def read(ref: PointRef) -> Reading:
        asked.append(ref)
        return Scene().situation().read(ref)

    assert codes(BARE, Action.OPEN, replace(Scene().situation(), read=read)) == set()
    assert codes(BARE, Action.CLOSE, replace(Scene().situation(), read=read)) == set()
    assert not {ref for ref in asked if "None" in ref or "fault" in ref}


def test_who_is_moving_it_is_named_where_it_is_known() -> None:
    moving = Scene(executing=Action.CLOSE).situation()
    for owner, values in (("zhao", {"by": "zhao"}), ("", {})):
        found = admit(GATE, Action.OPEN, replace(moving, owner=owner))
        assert isinstance(found, Refused)
        assert [(cause.code, dict(cause.values)) for cause in found.reasons] == [(Code.BUSY, values)]


def test_what_moves_is_not_said_to_be_there_already() -> None:
    is_open = {"gate/opened": good(True)}
    assert codes(GATE, Action.OPEN, Scene(readings=is_open).situation()) == {Code.POSITION_REACHED}
    assert codes(GATE, Action.OPEN, Scene(readings=is_open, executing=Action.OPEN).situation()) == {Code.BUSY}


def test_a_tag_bars_a_stop_unless_it_stops_our_own_move() -> None:
    tagged = Scene(orders=order(OrderKind.TAG_OUT))
    assert codes(GATE, Action.STOP, tagged.situation()) == {Code.TAGGED_OUT}
    assert codes(GATE, Action.STOP, replace(tagged, executing=Action.OPEN).situation()) == set()
    assert codes(GATE, Action.CLOSE, replace(tagged, executing=Action.OPEN).situation()) == {Code.TAGGED_OUT}
    assert codes(GATE, Action.VERIFY, tagged.situation()) == set()


def said(orders: OrderSet, actuator: Actuator = GATE, action: Action = Action.OPEN) -> list[Cause]:
    found = admit(actuator, action, replace(Scene(), orders=orders).situation())
    assert isinstance(found, Refused)
    return list(found.reasons)


def test_a_standing_order_says_whose_it_is_and_only_an_edge_s_is_split_into_two_languages() -> None:
    both, own = "泄漏 / spill", Words("泄漏", "spill")
    for by, reason, detail in (("edge:gw", both, own), ("zhao", both, both), ("edge:gw", "spill", "spill")):
        made = OrderSet().with_orders(
            Order(
                id="a", kind=OrderKind.KEEP_CLOSED, actuator=GATE.facility, by=by, reason=reason, since_ms=1
            )
        )
        (cause,) = said(made)
        assert (cause.code, cause.detail, dict(cause.values)) == (Code.KEEP_CLOSED, detail, {"by": by})


def test_values_are_shown_with_unit_trust_and_age() -> None:
    shown = Scene(readings={"probe/cod": good(120.0)}).situation()
    found = admit(GATE, Action.OPEN, shown)
    assert isinstance(found, Refused)
    assert dict(found.reasons[0].values) == {"probe/cod": "120.0 mg_L (good, 0.5 s)"}
    late = replace(good(120.0), fresh=False, reason=Reason.STALE, age_s=None)
    found = admit(GATE, Action.OPEN, Scene(readings={"probe/cod": late, "gate/opened": late}).situation())
    assert isinstance(found, Refused)
    values = {key: text for cause in found.reasons for key, text in cause.values.items()}
    assert values["probe/cod"] == "120.0 mg_L (good/stale stale, —)"
    assert values["gate/opened"] == "120.0  (good/stale stale, —)"
    state = replace(
        GATE, permits=(Interlock(id="l", expression=parse("gate.opened == True"), words=Words("锁", "l")),)
    )
    found = admit(state, Action.OPEN, Scene().situation())
    assert isinstance(found, Refused)
    assert dict(found.reasons[0].values) == {"gate/opened": "False (good, 0.5 s)"}
