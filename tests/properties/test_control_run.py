"""Any plan under any outcomes: it ends, nothing starts before what it waits for, and one failure stops no other branch (I10)."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from control.plans.run import ENDED, Run, RunState, StepState, begin, ready, settled
from domain.command import Action
from domain.ids import FacilityId, PlanId
from domain.plan import OnFailure, Plan, Step
from domain.words import Words

OUTCOMES = [StepState.CONFIRMED, StepState.FAILED, StepState.UNKNOWN, StepState.REFUSED]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans as a park's files may write them: no circles, an alternative belongs to one step and waits for nothing."""
    count = draw(st.integers(1, 8))
    steps = []
    for number in range(count):
        names = [f"s{before}" for before in range(number)]
        after = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
        has_spare = draw(st.booleans())
        kind = draw(st.sampled_from([OnFailure.CONTINUE, OnFailure.HOLD_DEPENDANTS]))
        steps.append(
            _step(
                f"s{number}",
                after,
                OnFailure.ALTERNATIVE if has_spare else kind,
                f"z{number}" if has_spare else None,
            )
        )
        if has_spare:
            steps.append(
                _step(
                    f"z{number}",
                    [],
                    draw(st.sampled_from([OnFailure.CONTINUE, OnFailure.HOLD_DEPENDANTS])),
                    None,
                )
            )
    return Plan(id=PlanId("p"), words=Words("方案", "plan"), enterprise=None, steps=tuple(steps))


def _step(key: str, after: list[str], on_failure: OnFailure, alternative: str | None) -> Step:
    return Step(
        id=key,
        actuator=FacilityId(key),
        action=Action.CLOSE,
        after=tuple(after),
        on_failure=on_failure,
        alternative=alternative,
    )


@settings(max_examples=300)
@given(plan=plans(), data=st.data())
def test_every_run_ends_and_keeps_its_order(plan: Plan, data: st.DataObject) -> None:
    run = Run(
        id="r", plan=plan.id, content_hash="h", author="a", session="s", roles=(), enterprise=None, reason="",
        started_ms=0, accepts_warnings=True, steps=begin(plan.steps),
    )  # fmt: skip
    steps = {step.id: step for step in plan.steps}
    named_by = {step.alternative: step.id for step in plan.steps if step.alternative}
    for _ in range(3 * len(steps) + 3):
        starting, run = ready(run, plan)
        for step in starting:
            assert all(run.steps[before].state in ENDED for before in step.after)
            if step.id in named_by:
                assert run.steps[named_by[step.id]].state in set(OUTCOMES) - {StepState.CONFIRMED}
            run = run.with_step(replace(run.steps[step.id], state=StepState.RUNNING))
        moving = [key for key, item in run.steps.items() if item.state is StepState.RUNNING]
        if not moving:
            break
        ended = data.draw(st.sampled_from(moving))
        run = run.with_step(replace(run.steps[ended], state=data.draw(st.sampled_from(OUTCOMES))))
    assert run.is_over
    roots = [step.id for step in plan.steps if not step.after and step.id not in named_by]
    assert all(run.steps[key].state is not StepState.SKIPPED for key in roots), (
        "nothing stops a branch that waits for nothing"
    )
    states = {item.state for item in run.steps.values()}
    is_bad = bool(states & {StepState.FAILED, StepState.UNKNOWN, StepState.REFUSED})
    assert settled(run, now_ms=1).state is (RunState.DONE_WITH_FAILURES if is_bad else RunState.DONE)
