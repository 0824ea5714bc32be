"""What is written and shown of plans and reopenings, word for word; and what a plan is worked out to before it runs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from control.audit.entry import Entry
from control.database.change import Write
from control.plans import reopening_entries
from control.plans.compile import (
    alternatives,
    content_hash,
    expected_s,
    groups,
    is_known,
    needs_approval,
    steps_away,
)
from control.plans.entries import body, given_up, row, run, run_view, written
from control.plans.forms import plan_body, plan_of
from control.plans.reopening import Kind, ReopeningRun, Stage, StageRun, StageState, State
from control.plans.reopening import content_hash as reopening_hash
from control.plans.run import Run, RunState, StepRun, StepState
from domain.approval import Approval
from domain.command import Action
from domain.definition import definition_hashes
from domain.errors import RemoteProtocolError
from domain.ids import FacilityId, ParkId, PlanId
from domain.interlock import parse
from domain.plan import OnFailure, Plan, Step
from domain.reopening import Opening, Passing, Reopening
from domain.words import Words
from tests.unit.control.world import OUTLET, PARK, RIVER
from wire.canonical import Json, digest
from wire.fields import Fields

PLAN = Plan(
    id=PlanId("key"), words=Words("一键", "one key"), enterprise=None,
    steps=(
        Step(id="a", actuator=OUTLET, action=Action.CLOSE, on_failure=OnFailure.ALTERNATIVE, alternative="c"),
        Step(id="b", actuator=RIVER, action=Action.CLOSE, after=("a",), on_failure=OnFailure.HOLD_DEPENDANTS),
        Step(id="c", actuator=RIVER, action=Action.OPEN, after=("b",)),
    ),
    receiving=(OUTLET,),
)  # fmt: skip
APPROVAL = Approval(by="li", session="s2", content_hash="h", at_ms=7, dispatch_order="调 9")
SAID = {
    "by": "li",
    "session": "s2",
    "content_hash": "h",
    "dispatch_order": "调 9",
    "emergency": None,
    "at_ms": 7,
}
SHOWN = {"by": "li", "dispatch_order": "调 9", "emergency": None, "at_ms": 7}
STEPS = (
    StepRun(id="a", state=StepState.CONFIRMED, command="k", tries=2, reasons=({"code": "x"},), evidence={"p": 1}, proved_ms=8),
    StepRun(id="b", state=StepState.RUNNING),
    StepRun(id="c"),
)  # fmt: skip
RUN = Run(
    id="r1", plan="key", content_hash="h", author="zhao", session="s1", roles=("operator",), enterprise="hc", reason="演练",
    started_ms=5, accepts_warnings=True, steps={step.id: step for step in STEPS}, is_aborted=False, is_paused=True,
    approval=APPROVAL, state=RunState.PAUSED, ended_ms=9,
)  # fmt: skip
BODY = {
    "id": "r1", "plan": "key", "content_hash": "h", "author": "zhao", "session": "s1", "roles": ["operator"],
    "enterprise": "hc", "reason": "演练", "started_ms": 5, "accepts_warnings": True, "is_aborted": False, "is_paused": True,
    "proposed": None, "state": "paused", "ended_ms": 9, "approval": SAID,
    "steps": [
        {
            "id": "a", "state": "confirmed", "command": "k", "tries": 2, "reasons": [{"code": "x"}], "evidence": {"p": 1},
            "proved_ms": 8,
        },
        {"id": "b", "state": "running", "command": None, "tries": 0, "reasons": [], "evidence": None, "proved_ms": None},
        {"id": "c", "state": "waiting", "command": None, "tries": 0, "reasons": [], "evidence": None, "proved_ms": None},
    ],
}  # fmt: skip


def test_a_run_is_kept_whole_and_read_back() -> None:
    assert body(RUN) == BODY
    assert run(BODY) == RUN
    bare = replace(RUN, approval=None, enterprise=None, ended_ms=None, is_paused=False, proposed=PLAN)
    assert run(body(bare)) == bare
    assert body(bare)["proposed"] == plan_body(PLAN)
    kept = {"id": "r1", "plan": "key", "author": "zhao", "state": "paused", "started_ms": 5, "body": BODY}
    assert row(RUN) == Write(table="runs", row=kept)


def test_the_screen_s_view_of_a_run() -> None:
    view = run_view(RUN, PLAN)
    steps = view.pop("steps")
    assert view == {
        "id": "r1", "plan": "key", "name": {"zh": "一键", "en": "one key"}, "author": "zhao", "reason": "演练",
        "started_ms": 5, "ended_ms": 9, "state": "paused", "content_hash": "h", "approval": SHOWN,
    }  # fmt: skip
    assert isinstance(steps, list)
    assert steps[0] == {
        "id": "a", "actuator": "hc_outlet", "action": "close", "state": "confirmed", "command": "k",
        "reasons": [{"code": "x"}], "evidence": {"p": 1}, "proved_ms": 8, "alternative": "c",
    }  # fmt: skip
    assert run_view(replace(RUN, approval=None), PLAN)["approval"] is None


def test_a_new_run_and_each_change_of_it_are_told_once() -> None:
    begun = replace(RUN, state=RunState.RUNNING, approval=None, steps={s.id: StepRun(id=s.id) for s in STEPS})
    made = written(None, begun, PLAN, PARK, actor="zhao", at_ms=5)
    said = {"run": "r1", "content_hash": "h", "reason": "演练", "proposed": None}
    words = Words("一键:执行中", "one key: running")
    assert made.writes == (row(begun),)
    assert made.entries == (
        Entry(at_ms=5, actor="zhao", kind="plan.started", object="key", words=words, body=said),
    )
    proposed = replace(begun, proposed=PLAN)
    assert written(None, proposed, PLAN, PARK, actor="z", at_ms=5).entries[0].body["proposed"] == plan_body(
        PLAN
    )
    later = written(proposed, replace(proposed, state=RunState.PAUSED), PLAN, PARK, actor="z", at_ms=6)
    assert [(entry.kind, entry.body["proposed"]) for entry in later.entries] == [("plan.paused", None)]
    assert written(begun, begun, PLAN, PARK, actor="z", at_ms=6).entries == ()


def test_an_approval_and_the_steps_that_moved_are_told_with_their_reasons() -> None:
    before = replace(RUN, approval=None, steps={s.id: StepRun(id=s.id) for s in STEPS})
    approved, one, two = written(before, RUN, PLAN, PARK, actor="system", at_ms=8).entries
    assert approved == Entry(
        at_ms=8, actor="li", kind="plan.approved", object="key",
        words=Words("一键:双人复核通过,调度指令 调 9", "one key: approved by a second person, dispatch order 调 9"),
        body={"run": "r1", "content_hash": "h", "dispatch_order": "调 9", "emergency": None, "clearance": True},
    )  # fmt: skip
    assert one == Entry(
        at_ms=8, actor="system", kind="plan.step.confirmed", object="hc_outlet",
        words=Words("关闭排口:到位", "close outlet: in position"),
        body={"run": "r1", "step": "a", "command": "k", "reasons": [{"code": "x"}], "evidence": {"p": 1}},
    )  # fmt: skip
    assert (two.kind, two.object) == ("plan.step.running", "river_sluice")
    goes_on = replace(RUN, state=RunState.RUNNING)
    (entry,) = written(RUN, goes_on, PLAN, PARK, actor="system", at_ms=9).entries
    assert entry.kind == "plan.running", "an approval is told once"
    urgent = replace(RUN, approval=replace(APPROVAL, emergency="洪水", dispatch_order=None))
    (again,) = written(RUN, urgent, PLAN, PARK, actor="system", at_ms=9).entries
    assert again.words.zh == "一键:双人复核通过,紧急越权:洪水"
    assert again.words.en == "one key: approved by a second person, emergency override: 洪水"
    assert written(RUN, before, PLAN, PARK, actor="system", at_ms=9).entries[0].kind == "plan.step.waiting"


def test_a_run_whose_plan_was_changed_is_given_up() -> None:
    made = given_up(RUN, at_ms=9)
    (entry,) = made.entries
    assert made.writes == (row(RUN),)
    assert (entry.actor, entry.kind, entry.object, entry.at_ms) == ("system", "plan.aborted", "key", 9)
    assert entry.body == {
        "run": "r1", "content_hash": "h", "steps": {"a": "confirmed", "b": "running", "c": "waiting"},
    }  # fmt: skip


def test_the_hash_of_a_plan_is_over_everything_that_an_approver_sees() -> None:
    steps = [
        {
            "id": step.id, "actuator": step.actuator, "action": step.action.value, "after": list(step.after),
            "on_failure": step.on_failure.value, "alternative": step.alternative,
            "definition": list(definition_hashes(PARK, PARK.actuators[step.actuator])),
            "tier": PARK.facilities[step.actuator].tier.value,
        }
        for step in PLAN.steps
    ]  # fmt: skip
    expected = digest({"park": "p", "plan": "key", "steps": steps, "receiving": ["hc_outlet"]})  # type: ignore[dict-item]
    assert content_hash(PLAN, PARK) == expected
    assert content_hash(PLAN, replace(PARK, id=ParkId("q"))) != expected


def test_what_a_plan_is_worked_out_to() -> None:
    assert groups(PLAN) == {"a": 1, "b": 2, "c": 3}
    assert alternatives(PLAN) == {"c"}
    assert [step.id for step in steps_away(PLAN, PARK)] == ["c"]
    assert [needs_approval(step, PARK) for step in PLAN.steps] == [False, True, True]
    assert is_known(PLAN, PARK)
    stranger = replace(PLAN.steps[0], actuator=FacilityId("x"))
    assert not is_known(replace(PLAN, steps=(stranger,)), PARK)
    assert not is_known(replace(PLAN, steps=(*PLAN.steps, stranger)), PARK)
    assert expected_s(PLAN, PARK, frozenset()) == 60.0, "what stands in for another is not on the way"
    assert expected_s(PLAN, PARK, frozenset({"a"})) == 30.0
    assert expected_s(replace(PLAN, steps=()), PARK, frozenset()) == 0.0
    dangling = replace(PLAN, steps=(replace(PLAN.steps[1], after=("gone",)),))
    assert groups(dangling) == {"b": 1}
    assert expected_s(dangling, PARK, frozenset()) == 30.0


AGAIN = Reopening(
    id="again", words=Words("恢复", "reopen"), enterprise=None,
    passing=Passing(condition=parse("hc_outlet.cod <= 100 * mg_L"), samples=2, every_s=60.0), openings=(),
)  # fmt: skip


def test_the_hash_of_a_reopening_is_over_everything_that_an_approver_sees() -> None:
    """A consent that was given before an update of the program holds after it: the hash changes with the content only."""
    opening = Opening(id="o", actuator=OUTLET, stages=(12.5, 100.0), observe_s=60.0)
    procedure = replace(AGAIN, openings=(opening,))
    gate = list(definition_hashes(PARK, PARK.actuators[OUTLET]))
    done: list[dict[str, object]] = [
        {"id": "o_release", "kind": "release", "action": None, "percent": None, "observe_s": 0.0},
        {"id": "o_1", "kind": "move", "action": "set", "percent": 12.5, "observe_s": 60.0},
        {"id": "o_2", "kind": "move", "action": "open", "percent": None, "observe_s": 60.0},
    ]
    samples = [{"at_ms": 5}]
    expected = digest(
        {
            "park": "p", "reopening": "again", "passing": ["hc_outlet.cod <= 100 * mg_L", 2, 60.0],
            "stages": [{**stage, "actuator": "hc_outlet", "definition": gate} for stage in done],
            "orders": {"hc_outlet": ["a", "b"]}, "samples": samples,
        }  # type: ignore[dict-item]
    )  # fmt: skip
    assert reopening_hash(procedure, PARK, {OUTLET: ["b", "a"]}, samples) == expected  # type: ignore[arg-type]


STAGES = (
    Stage(id="s1", kind=Kind.RELEASE, actuator=OUTLET),
    Stage(id="s2", kind=Kind.MOVE, actuator=OUTLET, action=Action.SET, percent=12.5, observe_s=60.0),
    Stage(id="s3", kind=Kind.MOVE, actuator=RIVER, action=Action.OPEN),
)
REOPENED = ReopeningRun(
    id="q1", reopening="again", content_hash="h", author="zhao", session="s1", roles=("operator",), enterprise="hc",
    reason="合格", started_ms=5, orders={OUTLET: ("o1", "o2")}, samples=[{"at_ms": 1}],
    stages={
        "s1": StageRun(id="s1", state=StageState.CONFIRMED, since_ms=6, command="k", reasons=({"code": "x"},), evidence=[1]),
        "s2": StageRun(id="s2"),
        "s3": StageRun(id="s3"),
    },
    approval=APPROVAL, state=State.STOPPED, cause=Words("因", "cause"), ended_ms=9,
)  # fmt: skip
KEPT = {
    "id": "q1", "reopening": "again", "content_hash": "h", "author": "zhao", "session": "s1", "roles": ["operator"],
    "enterprise": "hc", "reason": "合格", "started_ms": 5, "orders": {"hc_outlet": ["o1", "o2"]},
    "samples": [{"at_ms": 1}], "state": "stopped", "cause": {"zh": "因", "en": "cause"}, "ended_ms": 9, "approval": SAID,
    "stages": [
        {"id": "s1", "state": "confirmed", "since_ms": 6, "command": "k", "reasons": [{"code": "x"}], "evidence": [1]},
        {"id": "s2", "state": "waiting", "since_ms": None, "command": None, "reasons": [], "evidence": None},
        {"id": "s3", "state": "waiting", "since_ms": None, "command": None, "reasons": [], "evidence": None},
    ],
}  # fmt: skip


def test_a_reopening_is_kept_whole_and_read_back() -> None:
    assert reopening_entries.body(REOPENED) == KEPT
    assert reopening_entries.run_of(KEPT) == REOPENED
    bare = replace(REOPENED, approval=None, cause=None, enterprise=None, ended_ms=None)
    urgent = replace(REOPENED, approval=replace(APPROVAL, dispatch_order=None, emergency="洪水"))
    for other in (bare, urgent):
        assert reopening_entries.run_of(reopening_entries.body(other)) == other
    kept = {
        "id": "q1",
        "reopening": "again",
        "author": "zhao",
        "state": "stopped",
        "started_ms": 5,
        "body": KEPT,
    }
    assert reopening_entries.row(REOPENED) == Write(table="reopenings", row=kept)


@pytest.mark.parametrize(
    ("stage", "zh", "en"),
    [
        (STAGES[0], "解除排口的禁令", "release the orders on outlet"),
        (STAGES[1], "排口先开到 12.5%", "open outlet to 12.5 % first"),
        (STAGES[2], "开启河闸", "open river sluice"),
    ],
)
def test_a_stage_in_words(stage: Stage, zh: str, en: str) -> None:
    assert reopening_entries.stage_words(stage, PARK) == Words(zh, en)


def test_the_screen_s_view_of_a_reopening() -> None:
    view = reopening_entries.view(REOPENED, AGAIN, STAGES, PARK)
    stages = view.pop("stages")
    assert view == {
        "id": "q1", "reopening": "again", "name": {"zh": "恢复", "en": "reopen"}, "author": "zhao", "reason": "合格",
        "started_ms": 5, "ended_ms": 9, "state": "stopped", "cause": {"zh": "因", "en": "cause"}, "content_hash": "h",
        "orders": {"hc_outlet": ["o1", "o2"]}, "samples": [{"at_ms": 1}], "approval": SHOWN,
    }  # fmt: skip
    assert isinstance(stages, list)
    assert stages[0] == {
        "id": "s1", "kind": "release", "actuator": "hc_outlet",
        "words": {"zh": "解除排口的禁令", "en": "release the orders on outlet"}, "observe_s": 0.0, "state": "confirmed",
        "since_ms": 6, "command": "k", "reasons": [{"code": "x"}], "evidence": [1],
    }  # fmt: skip
    bare = reopening_entries.view(replace(REOPENED, approval=None, cause=None), AGAIN, STAGES, PARK)
    assert (bare["approval"], bare["cause"]) == (None, None)


def test_a_reopening_is_told_when_it_is_asked_for_approved_and_moved() -> None:
    asked = replace(
        REOPENED, state=State.WAITING_APPROVAL, approval=None, cause=None, stages={s.id: StageRun(id=s.id) for s in STAGES}
    )  # fmt: skip
    made = reopening_entries.written(None, asked, AGAIN, STAGES, PARK, actor="zhao", at_ms=5)
    assert made.writes == (reopening_entries.row(asked),)
    (entry,) = made.entries
    assert entry == Entry(
        at_ms=5, actor="zhao", kind="reopening.asked", object="again",
        words=Words("恢复:待双人复核", "reopen: waiting for the second person"),
        body={
            "run": "q1", "content_hash": "h", "reason": "合格", "samples": [{"at_ms": 1}],
            "orders": {"hc_outlet": ["o1", "o2"]},
        },
    )  # fmt: skip
    whole, approved, stage = reopening_entries.written(
        asked, REOPENED, AGAIN, STAGES, PARK, actor="system", at_ms=8
    ).entries
    assert (whole.kind, whole.body) == (
        "reopening.stopped",
        {"run": "q1", "content_hash": "h", "reason": "合格", "cause": {"zh": "因", "en": "cause"}},
    )
    assert approved == Entry(
        at_ms=8, actor="li", kind="reopening.approved", object="again",
        words=Words("恢复:双人复核通过", "reopen: approved by a second person"),
        body={"run": "q1", "content_hash": "h", "dispatch_order": "调 9", "emergency": None},
    )  # fmt: skip
    assert stage == Entry(
        at_ms=8, actor="system", kind="reopening.stage.confirmed", object="hc_outlet",
        words=Words("解除排口的禁令:已核实", "release the orders on outlet: verified"),
        body={"run": "q1", "stage": "s1", "command": "k", "reasons": [{"code": "x"}], "evidence": [1]},
    )  # fmt: skip
    again = reopening_entries.written(REOPENED, REOPENED, AGAIN, STAGES, PARK, actor="system", at_ms=8)
    assert again.entries == ()
    first = reopening_entries.written(None, REOPENED, AGAIN, STAGES, PARK, actor="zhao", at_ms=5)
    assert [entry.kind for entry in first.entries] == [
        "reopening.asked",
        "reopening.approved",
        "reopening.stage.confirmed",
    ]


def kept_plan(held: Mapping[str, Json]) -> Plan:
    return plan_of(Fields(held))


PLAN_BODY = plan_body(PLAN)
BODIES: list[tuple[Callable[[Mapping[str, Json]], object], Mapping[str, Any], str, object]] = [
    (run, BODY, "steps", RUN),
    (kept_plan, PLAN_BODY, "steps", PLAN),
    (reopening_entries.run_of, KEPT, "stages", REOPENED),
]


@pytest.mark.parametrize(("read", "body", "name", "whole"), BODIES)
def test_what_is_no_step_is_left_out_of_what_was_kept(
    read: Callable[[Mapping[str, Json]], object], body: Mapping[str, Any], name: str, whole: object
) -> None:
    assert read({**body, name: [5, *body[name], "a", None]}) == whole


def test_what_is_no_list_of_orders_names_none() -> None:
    body: Mapping[str, Any] = {**KEPT, "orders": {"hc_outlet": 5, "river_sluice": "o1"}}
    assert reopening_entries.run_of(body).orders == {OUTLET: (), RIVER: ()}


@pytest.mark.parametrize(
    ("read", "body", "name"),
    [
        (run, {**BODY, "roles": ["operator", 5]}, "roles"),
        (reopening_entries.run_of, {**KEPT, "roles": [5]}, "roles"),
        (kept_plan, {**PLAN_BODY, "receiving": [5]}, "receiving"),
        (
            kept_plan,
            {**PLAN_BODY, "steps": [{"id": "a", "actuator": "g", "action": "close", "after": [5]}]},
            "after",
        ),
    ],
)
def test_what_cannot_be_read_of_what_was_kept_is_named(
    read: Callable[[Mapping[str, Json]], object], body: Mapping[str, Json], name: str
) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^the field {name} must be a string, not '5'"):
        read(body)
