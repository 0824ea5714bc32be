"""One reopening as a value: whose consent it has, what it moves and whither, and which orders end it (I9, I10)."""

from dataclasses import replace

import pytest

from control.plans.reopening import (
    Kind,
    ReopeningRun,
    Stage,
    StageState,
    arisen,
    begin,
    moved,
    samples_body,
    stages_of,
)
from domain.approval import VALID_MS, Approval
from domain.command import Action
from domain.ids import FacilityId, PointRef
from domain.interlock import parse
from domain.order import Order, OrderKind
from domain.park import Park, SafePosition
from domain.reopening import Opening, Passing, Reopening, Sample
from domain.words import Words
from tests.unit.control.world import OUTLET, PARK, RIVER

NOW_MS = 1_700_000_000_000
S = StageState
PROCEDURE = Reopening(
    id="again",
    words=Words("恢复", "reopen"),
    enterprise=None,
    passing=Passing(condition=parse("hc_outlet.cod <= 100 * mg_L"), samples=2, every_s=60.0),
    openings=(
        Opening(id="outlet", actuator=OUTLET, stages=(20.0, 100.0), observe_s=30.0),
        Opening(id="river", actuator=RIVER),
    ),
)
STAGES = stages_of(PROCEDURE, PARK)
RUN = ReopeningRun(
    id="q", reopening="again", content_hash="h", author="zhao", session="s1", roles=("operator",), enterprise=None,
    reason="合格", started_ms=NOW_MS, orders={OUTLET: ("o1",), RIVER: ("o2",)}, samples=[], stages=begin(STAGES),
)  # fmt: skip


def at(**states: StageState) -> ReopeningRun:
    run = RUN
    for key, state in states.items():
        run = run.with_stage(replace(run.stages[key], state=state))
    return run


def order(key: str, actuator: FacilityId) -> Order:
    kind = OrderKind.KEEP_CLOSED
    return Order(id=key, kind=kind, actuator=actuator, by="li", reason="COD", since_ms=1)


@pytest.mark.parametrize(
    ("change", "is_good"),
    [
        ({}, True),
        ({"by": "zhao"}, False),
        ({"session": "s1"}, False),
        ({"content_hash": "other"}, False),
        ({"at_ms": NOW_MS - VALID_MS - 1}, False),
    ],
)
def test_a_consent_is_another_person_s_to_this_content_and_not_old(
    change: dict[str, object], is_good: bool
) -> None:
    approval = Approval(by="qian", session="s2", content_hash="h", dispatch_order="118", at_ms=NOW_MS)
    item = replace(RUN, approval=replace(approval, **change))  # type: ignore[arg-type]
    assert item.is_approved(now_ms=NOW_MS) is is_good
    assert not RUN.is_approved(now_ms=NOW_MS), "where nobody has said anything there is no consent"


@pytest.mark.parametrize(
    ("safe", "last"), [(SafePosition.CLOSED, Action.OPEN), (SafePosition.OPEN, Action.CLOSE)]
)
def test_the_last_stage_goes_all_the_way_from_where_the_actuator_is_safe(
    safe: SafePosition, last: Action
) -> None:
    actuators = {**PARK.actuators, OUTLET: replace(PARK.actuators[OUTLET], safe_position=safe)}
    site: Park = replace(PARK, actuators=actuators)
    assert stages_of(replace(PROCEDURE, openings=PROCEDURE.openings[:1]), site) == (
        Stage(id="outlet_release", kind=Kind.RELEASE, actuator=OUTLET),
        Stage(
            id="outlet_1", kind=Kind.MOVE, actuator=OUTLET, action=Action.SET, percent=20.0, observe_s=30.0
        ),
        Stage(id="outlet_2", kind=Kind.MOVE, actuator=OUTLET, action=last, observe_s=30.0),
    )


def test_the_samples_are_shown_with_every_value_and_when_it_was_observed() -> None:
    cod, ph = PointRef("hc_outlet/cod"), PointRef("hc_outlet/ph")
    one = Sample(at_ms=9, values={ph: 7.5, cod: 20.0}, observed_ms={cod: 8, ph: 9})
    two = Sample(at_ms=70, values={cod: 21.0}, observed_ms={cod: 70})
    assert samples_body((one, two)) == [
        {
            "at_ms": 9,
            "values": {
                cod: {"value": 20.0, "observed_ms": 8},
                ph: {"value": 7.5, "observed_ms": 9},
            },
        },
        {"at_ms": 70, "values": {cod: {"value": 21.0, "observed_ms": 70}}},
    ]


def test_the_orders_that_were_named_do_not_end_it_and_any_other_does() -> None:
    named, other = order("o1", OUTLET), order("o9", OUTLET)
    river, foreign = order("o2", RIVER), order("o1", RIVER)
    stranger = order("o1", FacilityId("elsewhere"))
    assert arisen(RUN, STAGES, {OUTLET: [named], RIVER: [river]}) == ()
    standing = {OUTLET: [named, other], RIVER: [foreign, river], stranger.actuator: [stranger]}
    assert arisen(RUN, STAGES, standing) == (other, foreign, stranger)


@pytest.mark.parametrize("state", [S.RUNNING, S.CONFIRMED, S.FAILED])
def test_an_order_that_stands_again_after_its_release_ends_it(state: StageState) -> None:
    """Of the other actuator, whose turn has not come, the orders still stand as they were named."""
    named, river = order("o1", OUTLET), order("o2", RIVER)
    assert arisen(at(outlet_release=state), STAGES, {OUTLET: [named], RIVER: [river]}) == (named,)
    assert arisen(at(outlet_release=state), STAGES, {OUTLET: [], RIVER: [river]}) == ()


@pytest.mark.parametrize("state", list(S))
def test_what_it_may_have_moved_is_what_a_stage_was_begun_on(state: StageState) -> None:
    """An actuator that was only let go has not been moved; one whose move failed may have been."""
    is_begun = state not in {S.WAITING, S.SKIPPED}
    assert moved(at(outlet_release=state), STAGES) == ()
    assert moved(at(outlet_release=S.CONFIRMED, outlet_1=state), STAGES) == ((OUTLET,) if is_begun else ())
    done = at(outlet_release=S.CONFIRMED, outlet_1=S.CONFIRMED, outlet_2=S.CONFIRMED, river_1=state)
    assert moved(done, STAGES) == ((OUTLET, RIVER) if is_begun else (OUTLET,))
