"""A plan's run: order, failures, alternatives, approval and abort, on plans made for the purpose (I9, I10)."""

from dataclasses import replace

import pytest

from control.plans.compile import groups
from control.plans.entries import body
from control.plans.entries import run as run_of
from control.plans.run import APPROVAL_MS_MAX, Run, RunState, StepState, begin, ready, settled, voided
from domain.approval import Approval
from domain.command import Action
from domain.ids import FacilityId, PlanId
from domain.plan import OnFailure, Plan, Step
from domain.words import Words

NOW_MS = 1_700_000_000_000
C, A, H = OnFailure.CONTINUE, OnFailure.ALTERNATIVE, OnFailure.HOLD_DEPENDANTS


def step(key: str, *after: str, on_failure: OnFailure = C, alternative: str | None = None) -> Step:
    return Step(
        id=key,
        actuator=FacilityId(key),
        action=Action.CLOSE,
        after=after,
        on_failure=on_failure,
        alternative=alternative,
    )


def plan(*steps: Step) -> Plan:
    return Plan(id=PlanId("p"), words=Words("方案", "plan"), enterprise=None, steps=steps)


def run(of: Plan) -> Run:
    return Run(
        id="r", plan=of.id, content_hash="h", author="zhao", session="s1", roles=("operator",), enterprise=None,
        reason="", started_ms=NOW_MS, accepts_warnings=True, steps=begin(of.steps),
    )  # fmt: skip


def at(item: Run, **states: StepState) -> Run:
    for key, state in states.items():
        item = item.with_step(replace(item.steps[key], state=state))
    return item


def started(item: Run, of: Plan) -> tuple[list[str], Run]:
    steps, after = ready(item, of)
    return [found.id for found in steps], after


S = StepState


def test_steps_with_nothing_between_them_start_together() -> None:
    of = plan(step("a"), step("b"), step("c", "a", "b"), step("d", "c"))
    assert started(run(of), of)[0] == ["a", "b"]
    assert started(at(run(of), a=S.CONFIRMED, b=S.RUNNING), of)[0] == []
    assert started(at(run(of), a=S.CONFIRMED, b=S.CONFIRMED), of)[0] == ["c"]
    assert dict(groups(of)) == {"a": 1, "b": 1, "c": 2, "d": 3}


@pytest.mark.parametrize("bad", [S.FAILED, S.UNKNOWN, S.REFUSED, S.PREEMPTED])
def test_a_failure_takes_its_declared_way_and_other_branches_go_on(bad: StepState) -> None:
    on = plan(step("a"), step("b", "a"), step("x"))
    assert started(at(run(on), a=bad), on)[0] == ["b", "x"]
    hold = plan(step("a", on_failure=H), step("b", "a"), step("c", "b"), step("x"))
    names, after = started(at(run(hold), a=bad), hold)
    assert names == ["x"]
    assert (after.steps["b"].state, after.steps["c"].state) == (S.SKIPPED, S.SKIPPED)
    none = plan(step("a", on_failure=A), step("b", "a"), step("x"))
    assert started(at(run(none), a=bad), none)[0] == ["x"], "nothing is named that could take its place"


@pytest.mark.parametrize("way", [C, H, A])
def test_what_came_out_well_lets_everything_on_whatever_its_failure_would_have_done(way: OnFailure) -> None:
    of = plan(step("a", on_failure=way, alternative="z" if way is A else None), step("b", "a"), step("z"))
    assert "b" in started(at(run(of), a=S.CONFIRMED, z=S.CONFIRMED), of)[0]


def test_an_alternative_runs_only_instead() -> None:
    of = plan(step("a", on_failure=A, alternative="z"), step("b", "a"), step("z"))
    for before in (run(of), at(run(of), a=S.RUNNING)):
        names, after = started(before, of)
        assert names == (["a"] if before.steps["a"].state is S.WAITING else [])
        assert after.steps["z"].state is S.WAITING, "it may still be needed"
    names, after = started(at(run(of), a=S.CONFIRMED), of)
    assert (names, after.steps["z"].state) == (["b"], S.SKIPPED)
    assert started(at(run(of), a=S.FAILED), of)[0] == ["z"]
    assert started(at(run(of), a=S.FAILED, z=S.CONFIRMED), of)[0] == ["b"]
    assert started(at(run(of), a=S.FAILED, z=S.FAILED), of)[0] == ["b"], (
        "the alternative's own way is to go on"
    )


def test_an_alternative_of_two_steps_runs_when_one_of_them_fails() -> None:
    of = plan(step("a", on_failure=A, alternative="z"), step("b", on_failure=A, alternative="z"), step("z"))
    for states in ({"a": S.FAILED, "b": S.RUNNING}, {"a": S.CONFIRMED, "b": S.FAILED}):
        assert started(at(run(of), **states), of)[0] == ["z"]
    names, after = started(at(run(of), a=S.CONFIRMED, b=S.RUNNING), of)
    assert (names, after.steps["z"].state) == ([], S.WAITING)
    assert started(at(run(of), a=S.CONFIRMED, b=S.CONFIRMED), of)[1].steps["z"].state is S.SKIPPED


def test_what_waits_for_an_alternative_goes_on_when_that_was_not_needed() -> None:
    of = plan(step("a", on_failure=A, alternative="z"), step("z"), step("d", "z"))
    assert started(at(run(of), a=S.CONFIRMED), of)[0] == ["d"]


def test_the_whole_is_what_its_steps_are() -> None:
    of = plan(step("a"), step("b"))
    assert settled(run(of), now_ms=1).state is RunState.RUNNING
    assert settled(at(run(of), a=S.CONFIRMED), now_ms=1).state is RunState.RUNNING
    assert settled(at(run(of), a=S.RUNNING, b=S.WAITING_APPROVAL), now_ms=1).state is RunState.RUNNING
    assert (
        settled(at(run(of), a=S.CONFIRMED, b=S.WAITING_APPROVAL), now_ms=1).state is RunState.WAITING_APPROVAL
    )
    assert settled(at(run(of), a=S.CONFIRMED, b=S.SKIPPED), now_ms=1).state is RunState.DONE
    over = settled(at(run(of), a=S.CONFIRMED, b=S.UNKNOWN), now_ms=7)
    assert (over.state, over.ended_ms) == (RunState.DONE_WITH_FAILURES, 7)


def test_an_abort_starts_nothing_more_and_leaves_what_moves() -> None:
    of = plan(step("a"), step("b", "a"), step("r"))
    item = replace(at(run(of), a=S.RUNNING, r=S.WAITING_APPROVAL), is_aborted=True)
    names, after = started(item, of)
    assert names == []
    assert [found.state for found in after.steps.values()] == [S.RUNNING, S.SKIPPED, S.SKIPPED]
    moving = settled(after, now_ms=1)
    assert (moving.state, moving.ended_ms) == (RunState.ABORTED, None)
    over = settled(at(moving, a=S.CONFIRMED), now_ms=7)
    assert (over.state, over.ended_ms) == (RunState.ABORTED, 7)
    assert settled(over, now_ms=9) is over


@pytest.mark.parametrize(
    ("change", "is_good"),
    [
        ({}, True),
        ({"by": "zhao"}, False),
        ({"session": "s1"}, False),
        ({"content_hash": "other"}, False),
        ({"at_ms": NOW_MS - APPROVAL_MS_MAX - 1}, False),
        ({"at_ms": NOW_MS + 1}, False),
    ],
)
def test_an_approval_is_another_persons_of_this_content_and_not_old(
    change: dict[str, object], is_good: bool
) -> None:
    approval = Approval(by="qian", session="s2", content_hash="h", dispatch_order="118", at_ms=NOW_MS)
    item = replace(run(plan(step("a"))), approval=replace(approval, **change))  # type: ignore[arg-type]
    assert item.is_approved(now_ms=NOW_MS) is is_good
    assert not replace(item, approval=None).is_approved(now_ms=NOW_MS)


def test_a_paused_run_starts_nothing_until_it_goes_on() -> None:
    of = plan(step("a", on_failure=H), step("b", "a"), step("x"))
    item = replace(at(run(of), a=S.RUNNING), is_paused=True)
    names, after = started(item, of)
    assert (names, settled(after, now_ms=1).state) == ([], RunState.PAUSED)
    names, after = started(at(item, a=S.FAILED), of)
    assert (names, after.steps["b"].state, after.steps["x"].state) == ([], S.SKIPPED, S.WAITING)
    assert started(replace(after, is_paused=False), of)[0] == ["x"]
    over = settled(replace(at(after, x=S.CONFIRMED), is_paused=True), now_ms=5)
    assert (over.state, over.ended_ms) == (RunState.DONE_WITH_FAILURES, 5)


def test_an_aborted_run_has_its_end_when_the_last_gate_stands() -> None:
    of = plan(step("a"), step("b", "a"))
    item = settled(ready(replace(at(run(of), a=S.RUNNING), is_aborted=True), of)[1], now_ms=3)
    assert (item.state, item.ended_ms) == (RunState.ABORTED, None)
    assert settled(at(item, a=S.CONFIRMED), now_ms=9).ended_ms == 9


@pytest.mark.parametrize("is_same", [True, False])
def test_a_run_whose_plan_is_another_now_keeps_what_came_out_and_starts_nothing(*, is_same: bool) -> None:
    """What moves is followed where the steps are still the same; else nobody can say any more how it came out."""
    of = plan(*map(step, "abcde"))
    item = at(run(of), a=S.CONFIRMED, b=S.FAILED, c=S.RUNNING, d=S.WAITING_APPROVAL)
    after = voided(item, of if is_same else plan(step("a")), now_ms=7)
    moving = S.RUNNING if is_same else S.UNKNOWN
    states = [found.state for found in after.steps.values()]
    assert states == [S.CONFIRMED, S.FAILED, moving, S.SKIPPED, S.SKIPPED]
    assert (after.state, after.ended_ms) == (RunState.ABORTED, None if is_same else 7)
    assert voided(item, None, now_ms=7).steps["c"].state is S.UNKNOWN


def test_it_is_kept_whole_in_the_database() -> None:
    of = plan(step("a", on_failure=A, alternative="b"), step("b"))
    approval = Approval(by="qian", session="s2", content_hash="h", dispatch_order="118", at_ms=NOW_MS)
    item = replace(at(run(of), a=S.CONFIRMED), approval=approval, is_paused=True, proposed=of)
    assert run_of(body(item)) == item
    without_order = replace(approval, dispatch_order=None, emergency="来不及")
    item = replace(item, approval=without_order, proposed=None)
    assert run_of(body(item)) == item


def test_a_step_waits_for_no_step_that_the_plan_has_not() -> None:
    of = plan(step("a", "gone"), step("b", "gone", "a"))
    assert started(run(of), of)[0] == ["a"]
    assert started(at(run(of), a=S.CONFIRMED), of)[0] == ["b"]
