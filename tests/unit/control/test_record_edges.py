"""The bounds of what a record may change: whose word counts, for which phase, and what of it is taken."""

from dataclasses import replace

import pytest

from control.commands.reports import is_of_the_edge, named, report
from control.commands.tracked import Tracked, Transition
from domain.command import Action, Command, Phase, State
from domain.ids import CommandId, FacilityId, GatewayId
from domain.refusal import Code
from tests.unit.control.test_lifecycle import NOW_MS
from tests.unit.control.test_records import OWN, STALE, TOKEN, order_record, record, sent
from tests.unit.control.world import GW, OUTLET, PARK
from wire.canonical import Json

AUTHOR = f"edge:{GW}/hc_acid"
KNOWN: Json = {"code": Code.REPLAYED.value, "zh": "", "en": "", "values": {}}


def test_only_a_command_s_record_names_a_command_and_only_by_a_text() -> None:
    assert named(record()) == "ab" * 16
    assert named(replace(record(), kind="cutoff")) is None
    assert named(record(id=7)) is None
    assert named(replace(record(), body={})) is None


def test_what_the_edge_did_by_itself_is_followed_from_the_instant_that_it_says() -> None:
    found = report(record("operating", author=AUTHOR, reason="COD 超标", evidence={"x": 1}), None, PARK)
    at_ms = NOW_MS + 5
    assert found.tracked == Tracked(
        command=Command(
            id=CommandId("ab" * 16),
            actuator=OUTLET,
            action=Action.CLOSE,
            author=AUTHOR,
            reason="COD 超标",
            state=State.OPERATING,
            changed_ms=at_ms,
        ),
        gateway=GW,
        created_ms=at_ms,
        expires_ms=at_ms + 60_000,
        is_away=False,
        sent=frozenset({Phase.OPERATE}),
        answered=frozenset({Phase.OPERATE}),
        transitions=(Transition(state=State.OPERATING, at_ms=at_ms, evidence={"x": 1}),),
    )
    without = report(record("operating", author=AUTHOR, reason=None), None, PARK)
    assert without.tracked is not None
    assert without.tracked.command.reason == ""


@pytest.mark.parametrize("actuator", [None, FacilityId("nobody_s")])
def test_of_an_actuator_that_it_does_not_drive_an_edge_makes_no_command(actuator: FacilityId | None) -> None:
    assert report(replace(record(author=AUTHOR), actuator=actuator), None, PARK).tracked is None


@pytest.mark.parametrize(
    ("author", "is_own"),
    [
        (f"edge:{GW}", True),
        (AUTHOR, True),
        (f"edge:{GW}/a/b", True),
        (f"edge:{GW}x", False),
        (f"x/edge:{GW}", False),
        (str(GW), False),
    ],
)
def test_an_edge_is_the_author_itself_or_by_a_rule_of_its_own(author: str, is_own: bool) -> None:
    assert is_of_the_edge(author, GW) is is_own


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (record("refused", reasons=[KNOWN]), State.UNKNOWN),
        (record("refused", reasons=[KNOWN, STALE]), State.REFUSED),
        (record("refused", reasons=[STALE]), State.REFUSED),
        (record("refused", reasons=["replayed"]), State.REFUSED),
        (record("refused", reasons=None), State.REFUSED),
        (record("preempted", reasons=[KNOWN]), State.PREEMPTED),
    ],
)
def test_only_an_operate_refused_for_its_id_alone_leaves_the_outcome_unknown(
    said: object, state: State
) -> None:
    found = report(said, sent(), PARK).tracked  # type: ignore[arg-type]
    assert found is not None
    assert found.state is state


def test_a_select_refused_for_its_id_has_moved_nothing() -> None:
    held = sent(is_away=True).signed(Phase.SELECT, TOKEN)
    found = report(record("refused", phase="select", reasons=[KNOWN]), held, PARK).tracked
    assert found is not None
    assert found.state is State.REFUSED
    assert found.answered == {Phase.SELECT}


def test_what_an_edge_says_of_a_state_is_kept_with_it() -> None:
    found = report(record("failed", reasons=[STALE], evidence={"a/b": 1.0}), sent(), PARK).tracked
    assert found is not None
    assert found.transitions == (
        Transition(state=State.FAILED, at_ms=NOW_MS + 5, reasons=(STALE,), evidence={"a/b": 1.0}),
    )
    odd = report(record("failed", reasons="odd"), sent(), PARK).tracked
    assert odd is not None
    assert odd.transitions[0].reasons == ()


@pytest.mark.parametrize(
    ("held", "said", "is_late"),
    [
        (State.UNKNOWN, "confirmed", True),
        (State.CONFIRMED, "confirmed", False),
        (State.REQUESTED, "confirmed", False),
    ],
)
def test_late_is_another_outcome_after_the_end(held: State, said: str, is_late: bool) -> None:
    found = report(record(said), sent(held), PARK)
    assert ("is_late" in found.change.entries[0].body) is is_late


def test_a_record_of_another_kind_is_kept_and_moves_nothing() -> None:
    found = report(replace(record(), kind="mode"), sent(), PARK)
    assert (found.tracked, found.order, found.is_released, found.is_void) == (None, None, False, False)
    assert [write.table for write in found.change.writes] == ["records"]


@pytest.mark.parametrize(
    ("name", "more", "is_taken", "is_released"),
    [
        (OWN, {}, True, False),
        (OWN, {"released": True}, True, False),
        (OWN, {"held": 1, "released": True}, True, False),
        ("a" * 32, {"held": 1}, False, False),
        ("a" * 32, {"held": True, "released": 1}, True, False),
        ("a" * 32, {"held": True, "released": True}, True, True),
    ],
)
def test_only_what_an_edge_says_to_hold_may_be_dead_already(
    name: str, more: dict[str, Json], is_taken: bool, is_released: bool
) -> None:
    found = report(order_record(name, **more), None, PARK)
    assert (found.order is not None) is is_taken
    assert found.is_released is is_released


def test_an_order_for_an_actuator_of_nobody_or_without_one_is_not_taken() -> None:
    order = order_record(OWN).body["order"]
    assert isinstance(order, dict)
    elsewhere: Json = {**order, "actuator": "nobody_s"}
    found = report(replace(order_record(OWN), body={"order": elsewhere}), None, PARK)
    assert (found.order, found.is_released) == (None, False)
    assert [write.table for write in found.change.writes] == ["records"]
    other = report(order_record(OWN), None, PARK, released={"b" * 32})
    assert not other.is_released
    assert report(replace(order_record(OWN), gateway=GatewayId("x")), None, PARK).order is None
