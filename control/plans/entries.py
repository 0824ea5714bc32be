"""What is written of a plan's run: its row, and the audit entries of what changed; and its views for the screen."""

from collections.abc import Mapping

from control.audit.entry import SYSTEM, Entry
from control.database.change import Change, Write
from control.plans.forms import plan_body, plan_of
from control.plans.run import Run, RunState, StepRun, StepState
from domain.approval import Approval
from domain.command import ACTION_WORDS
from domain.park import Park
from domain.plan import Plan
from domain.words import Words
from wire.canonical import Json
from wire.fields import Fields

_STEP_WORDS = {
    StepState.WAITING: Words("等待", "waiting"),
    StepState.WAITING_APPROVAL: Words("待双人复核", "waiting for the second person"),
    StepState.RUNNING: Words("执行中", "executing"),
    StepState.CONFIRMED: Words("到位", "in position"),
    StepState.FAILED: Words("失败", "failed"),
    StepState.UNKNOWN: Words("结果不明", "outcome unknown"),
    StepState.REFUSED: Words("已拒绝", "refused"),
    StepState.PREEMPTED: Words("被抢占", "preempted"),
    StepState.SKIPPED: Words("未执行", "not executed"),
}
_RUN_WORDS = {
    RunState.RUNNING: Words("执行中", "running"),
    RunState.WAITING_APPROVAL: Words("待双人复核", "waiting for the second person"),
    RunState.PAUSED: Words("已暂停", "paused"),
    RunState.DONE: Words("完成", "done"),
    RunState.DONE_WITH_FAILURES: Words("完成,有未到位", "done, with failures"),
    RunState.ABORTED: Words("已中止", "aborted"),
}


def written(before: Run | None, run: Run, plan: Plan, park: Park, *, actor: str, at_ms: int) -> Change:
    """Return what is written when `before` has become `run`; None: it has just been asked for."""
    entries = []
    if before is None or before.state is not run.state:
        state = _RUN_WORDS[run.state]
        entries.append(
            Entry(
                at_ms=at_ms,
                actor=actor,
                kind="plan.started" if before is None else f"plan.{run.state.value}",
                object=run.plan,
                words=Words(f"{plan.words.zh}:{state.zh}", f"{plan.words.en}: {state.en}"),
                body={
                    "run": run.id,
                    "content_hash": run.content_hash,
                    "reason": run.reason,
                    # A plan of the park's files is named by its hash; one that was proposed stands nowhere else.
                    "proposed": plan_body(plan) if before is None and run.proposed is not None else None,
                },
            )
        )
    if before is not None and before.approval != run.approval and run.approval is not None:
        entries.append(_approved(run.approval, run, plan, at_ms=at_ms))
    for step in plan.steps:
        now = run.steps[step.id]
        was = before.steps[step.id] if before is not None else StepRun(id=step.id)
        if now.state is not was.state:
            verb, name, state = (
                ACTION_WORDS[step.action],
                park.facilities[step.actuator].words,
                _STEP_WORDS[now.state],
            )
            entries.append(
                Entry(
                    at_ms=at_ms,
                    actor=actor,
                    kind=f"plan.step.{now.state.value}",
                    object=step.actuator,
                    words=Words(f"{verb.zh}{name.zh}:{state.zh}", f"{verb.en} {name.en}: {state.en}"),
                    body={
                        "run": run.id,
                        "step": step.id,
                        "command": now.command,
                        "reasons": list(now.reasons),
                        "evidence": now.evidence,
                    },
                )
            )
    return Change(writes=(row(run),), entries=tuple(entries))


def given_up(run: Run, *, at_ms: int) -> Change:
    """Return what is written of a run that ended because its plan was changed while control was down."""
    entry = Entry(
        at_ms=at_ms,
        actor=SYSTEM,
        kind="plan.aborted",
        object=run.plan,
        words=Words("方案内容已变,运行中止", "the plan was changed: its run is aborted"),
        body={
            "run": run.id,
            "content_hash": run.content_hash,
            "steps": {step.id: step.state.value for step in run.steps.values()},
        },
    )
    return Change(writes=(row(run),), entries=(entry,))


def row(run: Run) -> Write:
    """Return the run as the database holds it."""
    return Write(
        table="runs",
        row={
            "id": run.id,
            "plan": run.plan,
            "author": run.author,
            "state": run.state.value,
            "started_ms": run.started_ms,
            "body": body(run),
        },
    )


def summary(run: Run, plan: Plan) -> dict[str, Json]:
    """Return the run without its steps."""
    return {
        "id": run.id,
        "plan": run.plan,
        "name": {"zh": plan.words.zh, "en": plan.words.en},
        "author": run.author,
        "reason": run.reason,
        "started_ms": run.started_ms,
        "ended_ms": run.ended_ms,
        "state": run.state.value,
    }


def run_view(run: Run, plan: Plan) -> dict[str, Json]:
    """Return the run with every step."""
    steps: list[Json] = [
        {
            "id": step.id,
            "actuator": step.actuator,
            "action": step.action.value,
            "state": run.steps[step.id].state.value,
            "command": run.steps[step.id].command,
            "reasons": list(run.steps[step.id].reasons),
            "evidence": run.steps[step.id].evidence,
            "proved_ms": run.steps[step.id].proved_ms,
            "alternative": step.alternative,
        }
        for step in plan.steps
    ]
    found = run.approval
    approval: Json = None
    if found is not None:
        approval = {
            "by": found.by,
            "dispatch_order": found.dispatch_order,
            "emergency": found.emergency,
            "at_ms": found.at_ms,
        }
    return {**summary(run, plan), "content_hash": run.content_hash, "approval": approval, "steps": steps}


def body(run: Run) -> dict[str, Json]:
    """Return the JSON form kept in the database."""
    found = run.approval
    return {
        "id": run.id,
        "plan": run.plan,
        "content_hash": run.content_hash,
        "author": run.author,
        "session": run.session,
        "roles": list(run.roles),
        "enterprise": run.enterprise,
        "reason": run.reason,
        "started_ms": run.started_ms,
        "accepts_warnings": run.accepts_warnings,
        "is_aborted": run.is_aborted,
        "is_paused": run.is_paused,
        "proposed": None if run.proposed is None else plan_body(run.proposed),
        "state": run.state.value,
        "ended_ms": run.ended_ms,
        "approval": None
        if found is None
        else {
            "by": found.by,
            "session": found.session,
            "content_hash": found.content_hash,
            "dispatch_order": found.dispatch_order,
            "emergency": found.emergency,
            "at_ms": found.at_ms,
        },
        "steps": [
            {
                "id": step.id,
                "state": step.state.value,
                "command": step.command,
                "tries": step.tries,
                "reasons": list(step.reasons),
                "evidence": step.evidence,
                "proved_ms": step.proved_ms,
            }
            for step in run.steps.values()
        ],
    }


def run(held: Mapping[str, Json]) -> Run:
    """Return the run in `held`. Raises RemoteProtocolError when it is none."""
    fields = Fields(held)
    steps = (_step(item) for item in fields.sequence("steps") if isinstance(item, Mapping))
    approval, proposed = held.get("approval"), held.get("proposed")
    return Run(
        id=fields.text("id"),
        plan=fields.text("plan"),
        content_hash=fields.text("content_hash"),
        author=fields.text("author"),
        session=fields.text("session"),
        roles=tuple(Fields.as_text("roles", item) for item in fields.sequence("roles")),
        enterprise=fields.text_or_none("enterprise"),
        reason=fields.text("reason"),
        started_ms=fields.integer("started_ms"),
        accepts_warnings=fields.boolean("accepts_warnings"),
        is_aborted=fields.boolean("is_aborted"),
        is_paused=held.get("is_paused") is True,
        proposed=plan_of(Fields(proposed)) if isinstance(proposed, Mapping) else None,
        state=fields.one_of("state", RunState),
        ended_ms=fields.integer_or_none("ended_ms"),
        approval=_approval(Fields(approval)) if isinstance(approval, Mapping) else None,
        steps={step.id: step for step in steps},
    )


def _step(item: Mapping[str, Json]) -> StepRun:
    fields = Fields(item)
    return StepRun(
        id=fields.text("id"),
        state=fields.one_of("state", StepState),
        command=fields.text_or_none("command"),
        tries=fields.integer("tries"),
        reasons=tuple(fields.sequence("reasons")),
        evidence=item.get("evidence"),
        proved_ms=fields.integer_or_none("proved_ms"),
    )


def _approval(fields: Fields) -> Approval:
    return Approval(
        by=fields.text("by"),
        session=fields.text("session"),
        content_hash=fields.text("content_hash"),
        dispatch_order=fields.text_or_none("dispatch_order"),
        emergency=fields.text_or_none("emergency"),
        at_ms=fields.integer("at_ms"),
    )


def _approved(approval: Approval, run: Run, plan: Plan, *, at_ms: int) -> Entry:
    return Entry(
        at_ms=at_ms,
        actor=approval.by,
        kind="plan.approved",
        object=run.plan,
        words=Words(
            f"{plan.words.zh}:双人复核通过,{_basis(approval).zh}",
            f"{plan.words.en}: approved by a second person, {_basis(approval).en}",
        ),
        body={
            "run": run.id,
            "content_hash": approval.content_hash,
            "dispatch_order": approval.dispatch_order,
            "emergency": approval.emergency,
            "clearance": True,
        },
    )


def _basis(approval: Approval) -> Words:
    if approval.emergency is not None:
        return Words(f"紧急越权:{approval.emergency}", f"emergency override: {approval.emergency}")
    return Words(f"调度指令 {approval.dispatch_order}", f"dispatch order {approval.dispatch_order}")
