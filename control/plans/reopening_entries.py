"""What is written of a reopening: its row, the audit entries of what changed, and its view; decides words, writes nothing."""

from collections.abc import Mapping, Sequence

from control.audit.entry import Entry
from control.database.change import Change, Write
from control.plans.reopening import Kind, ReopeningRun, Stage, StageRun, StageState, State
from domain.approval import Approval
from domain.command import ACTION_WORDS
from domain.ids import FacilityId
from domain.park import Park
from domain.reopening import Reopening
from domain.words import Words
from wire.canonical import Json
from wire.fields import Fields

STATE_WORDS: Mapping[State, Words] = {
    State.WAITING_APPROVAL: Words("待双人复核", "waiting for the second person"),
    State.RUNNING: Words("执行中", "running"),
    State.DONE: Words("完成", "done"),
    State.STOPPED: Words("已停止", "stopped"),
    State.VOIDED: Words("已作废", "void"),
    State.ABORTED: Words("已中止", "aborted"),
}
_STAGE_WORDS: Mapping[StageState, Words] = {
    StageState.WAITING: Words("等待", "waiting"),
    StageState.RUNNING: Words("执行中", "executing"),
    StageState.OBSERVING: Words("观察水质", "watching the water"),
    StageState.CONFIRMED: Words("已核实", "verified"),
    StageState.FAILED: Words("未能核实", "not verified"),
    StageState.SKIPPED: Words("未执行", "not executed"),
}


def stage_words(stage: Stage, park: Park) -> Words:
    """Return what the stage does, in words."""
    name = park.facilities[stage.actuator].words
    if stage.kind is Kind.RELEASE:
        return Words(f"解除{name.zh}的禁令", f"release the orders on {name.en}")
    assert stage.action is not None
    if stage.percent is not None:
        return Words(f"{name.zh}先开到 {stage.percent:g}%", f"open {name.en} to {stage.percent:g} % first")
    verb = ACTION_WORDS[stage.action]
    return Words(f"{verb.zh}{name.zh}", f"{verb.en} {name.en}")


def written(
    before: ReopeningRun | None,
    run: ReopeningRun,
    reopening: Reopening,
    stages: Sequence[Stage],
    park: Park,
    *,
    actor: str,
    at_ms: int,
) -> Change:
    """Return what is written when `before` has become `run`; None: it has just been asked for."""
    entries = []
    if before is None or before.state is not run.state:
        entries.append(_whole(before, run, reopening, actor=actor, at_ms=at_ms))
    if run.approval is not None and (before is None or before.approval != run.approval):
        entries.append(_approved(run.approval, run, reopening, at_ms=at_ms))
    for stage in stages:
        now = run.stages[stage.id]
        was = before.stages[stage.id].state if before is not None else StageState.WAITING
        if now.state is not was:
            said, words = _STAGE_WORDS[now.state], stage_words(stage, park)
            entries.append(
                Entry(
                    at_ms=at_ms,
                    actor=actor,
                    kind=f"reopening.stage.{now.state.value}",
                    object=stage.actuator,
                    words=Words(f"{words.zh}:{said.zh}", f"{words.en}: {said.en}"),
                    body={
                        "run": run.id,
                        "stage": stage.id,
                        "command": now.command,
                        "reasons": list(now.reasons),
                        "evidence": now.evidence,
                    },
                )
            )
    return Change(writes=(row(run),), entries=tuple(entries))


def row(run: ReopeningRun) -> Write:
    """Return the run as the database holds it."""
    return Write(
        table="reopenings",
        row={
            "id": run.id,
            "reopening": run.reopening,
            "author": run.author,
            "state": run.state.value,
            "started_ms": run.started_ms,
            "body": body(run),
        },
    )


def view(run: ReopeningRun, reopening: Reopening, stages: Sequence[Stage], park: Park) -> dict[str, Json]:
    """Return the run with every stage, for the screen."""
    shown: list[Json] = []
    for stage in stages:
        now, words = run.stages[stage.id], stage_words(stage, park)
        shown.append(
            {
                "id": stage.id,
                "kind": stage.kind.value,
                "actuator": stage.actuator,
                "words": words.as_dict(),
                "observe_s": stage.observe_s,
                "state": now.state.value,
                "since_ms": now.since_ms,
                "command": now.command,
                "reasons": list(now.reasons),
                "evidence": now.evidence,
            }
        )
    found = run.approval
    return {
        "id": run.id,
        "reopening": run.reopening,
        "name": reopening.words.as_dict(),
        "author": run.author,
        "reason": run.reason,
        "started_ms": run.started_ms,
        "ended_ms": run.ended_ms,
        "state": run.state.value,
        "cause": None if run.cause is None else run.cause.as_dict(),
        "content_hash": run.content_hash,
        "orders": {actuator: list(ids) for actuator, ids in run.orders.items()},
        "samples": run.samples,
        "approval": None
        if found is None
        else {
            "by": found.by,
            "dispatch_order": found.dispatch_order,
            "emergency": found.emergency,
            "at_ms": found.at_ms,
        },
        "stages": shown,
    }


def body(run: ReopeningRun) -> dict[str, Json]:
    """Return the JSON form kept in the database."""
    found = run.approval
    return {
        "id": run.id,
        "reopening": run.reopening,
        "content_hash": run.content_hash,
        "author": run.author,
        "session": run.session,
        "roles": list(run.roles),
        "enterprise": run.enterprise,
        "reason": run.reason,
        "started_ms": run.started_ms,
        "orders": {actuator: list(ids) for actuator, ids in run.orders.items()},
        "samples": run.samples,
        "state": run.state.value,
        "cause": None if run.cause is None else run.cause.as_dict(),
        "ended_ms": run.ended_ms,
        "approval": None
        if found is None
        else {
            "by": found.by,
            "session": found.session,
            "content_hash": found.content_hash,
            "at_ms": found.at_ms,
            "dispatch_order": found.dispatch_order,
            "emergency": found.emergency,
        },
        "stages": [
            {
                "id": stage.id,
                "state": stage.state.value,
                "since_ms": stage.since_ms,
                "command": stage.command,
                "reasons": list(stage.reasons),
                "evidence": stage.evidence,
            }
            for stage in run.stages.values()
        ],
    }


def run_of(held: Mapping[str, Json]) -> ReopeningRun:
    """Return the run in `held`. Raises RemoteProtocolError when it is none."""
    fields = Fields(held)
    approval, cause = held.get("approval"), held.get("cause")
    stages = [_stage(item) for item in fields.sequence("stages") if isinstance(item, Mapping)]
    return ReopeningRun(
        id=fields.text("id"),
        reopening=fields.text("reopening"),
        content_hash=fields.text("content_hash"),
        author=fields.text("author"),
        session=fields.text("session"),
        roles=tuple(Fields.as_text("roles", item) for item in fields.sequence("roles")),
        enterprise=fields.text_or_none("enterprise"),
        reason=fields.text("reason"),
        started_ms=fields.integer("started_ms"),
        orders={
            FacilityId(key): tuple(str(item) for item in ids) if isinstance(ids, list) else ()
            for key, ids in fields.mapping("orders").items()
        },
        samples=held.get("samples"),
        stages={stage.id: stage for stage in stages},
        approval=_approval(Fields(approval)) if isinstance(approval, Mapping) else None,
        state=fields.one_of("state", State),
        cause=_words(Fields(cause)) if isinstance(cause, Mapping) else None,
        ended_ms=fields.integer_or_none("ended_ms"),
    )


def _stage(held: Mapping[str, Json]) -> StageRun:
    fields, evidence = Fields(held), held.get("evidence")
    return StageRun(
        id=fields.text("id"),
        state=fields.one_of("state", StageState),
        since_ms=fields.integer_or_none("since_ms"),
        command=fields.text_or_none("command"),
        reasons=tuple(fields.sequence("reasons")),
        evidence=evidence,
    )


def _approval(fields: Fields) -> Approval:
    return Approval(
        by=fields.text("by"),
        session=fields.text("session"),
        content_hash=fields.text("content_hash"),
        at_ms=fields.integer("at_ms"),
        dispatch_order=fields.text_or_none("dispatch_order"),
        emergency=fields.text_or_none("emergency"),
    )


def _words(fields: Fields) -> Words:
    return Words(fields.text("zh"), fields.text("en"))


def _whole(
    before: ReopeningRun | None, run: ReopeningRun, reopening: Reopening, *, actor: str, at_ms: int
) -> Entry:
    said = STATE_WORDS[run.state]
    told: dict[str, Json] = {"run": run.id, "content_hash": run.content_hash, "reason": run.reason}
    if before is None:
        told |= {
            "samples": run.samples,
            "orders": {actuator: list(ids) for actuator, ids in run.orders.items()},
        }
    if run.cause is not None:
        told["cause"] = run.cause.as_dict()
    return Entry(
        at_ms=at_ms,
        actor=actor,
        kind="reopening.asked" if before is None else f"reopening.{run.state.value}",
        object=run.reopening,
        words=Words(f"{reopening.words.zh}:{said.zh}", f"{reopening.words.en}: {said.en}"),
        body=told,
    )


def _approved(approval: Approval, run: ReopeningRun, reopening: Reopening, *, at_ms: int) -> Entry:
    words = reopening.words
    return Entry(
        at_ms=at_ms,
        actor=approval.by,
        kind="reopening.approved",
        object=run.reopening,
        words=Words(f"{words.zh}:双人复核通过", f"{words.en}: approved by a second person"),
        body={
            "run": run.id,
            "content_hash": approval.content_hash,
            "dispatch_order": approval.dispatch_order,
            "emergency": approval.emergency,
        },
    )
