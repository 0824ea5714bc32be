"""Admission where a device reports less, where somebody else moves it, and where it stands already."""

from dataclasses import replace

from domain.admission import Situation, admit
from domain.command import Action
from domain.ids import PointRef
from domain.order import OrderKind
from domain.park import Actuator, Feedback
from domain.refusal import Code, Refused
from domain.sample import Reading
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
