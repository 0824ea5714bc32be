"""Routes of one-key plans: preview, run, approve, abort."""

from http import HTTPStatus

from fastapi import APIRouter

from control.api import find
from control.api.models import NewApproval, NewRun, Nothing
from control.api.outcomes import PreviewShape, RunShape
from control.api.park import scope
from control.api.parts import Service, Who, area_of
from control.api.problems import Problem, no_authority
from control.api.shapes import PlanShape, RunSummary, says
from control.commands.entries import causes
from control.commands.gate import MAY_CLOSE
from control.live.scope import is_plan_within
from control.plans.compile import content_hash, steps_away
from control.plans.entries import run_view
from control.plans.preview import preview as preview_of
from control.plans.run import StepState
from domain.refusal import Cause, Code
from domain.words import Words
from wire.canonical import Json

router = APIRouter(tags=["plans"])


@router.get("/plans", **says(list[PlanShape]))
async def plans(service: Service, who: Who) -> list[dict[str, object]]:
    """Return the plans within the person's area."""
    area = area_of(who, service.park)
    return [
        {
            "id": plan.id,
            "name": {"zh": plan.words.zh, "en": plan.words.en},
            "scope": scope(plan.enterprise),
            "steps": len(plan.steps),
        }
        for plan in service.park.plans.values()
        if is_plan_within(plan.id, area, service.park)
    ]


@router.get("/plans/{plan}/preview", **says(PreviewShape))
async def preview(plan: str, service: Service, who: Who) -> dict[str, Json]:
    """Say what the plan would do now."""
    found = find.plan(plan, who, service)
    now_s = service.clock.monotonic()
    return preview_of(found, service.park, service.image, service.view, who.with_pin, now_s=now_s)


@router.post("/plans/{plan}/runs", **says(RunShape, 201))
async def start(plan: str, body: NewRun, service: Service, who: Who) -> dict[str, Json]:
    """Run the plan as it was shown."""
    found = find.plan(plan, who, service)
    if not who.has(MAY_CLOSE):
        raise no_authority()
    if body.content_hash != content_hash(found, service.park):
        raise Problem(HTTPStatus.CONFLICT, "content-changed")
    if steps_away(found, service.park):
        cause = Cause(
            code=Code.MODE, detail=Words("一键方案只向安全位动作", "a one-key plan moves toward safe only")
        )
        raise Problem(HTTPStatus.CONFLICT, cause.code.value, reasons=causes([cause]))
    shown = preview_of(found, service.park, service.image, service.view, who, now_s=service.clock.monotonic())
    warnings = [warning for step in _steps(shown) for warning in _list(step.get("warnings"))]
    if warnings and not body.accept_warnings:
        raise Problem(HTTPStatus.CONFLICT, "confirm-warnings", reasons=warnings)
    run = await service.runner.start(
        found,
        who,
        content_hash=body.content_hash,
        reason=body.reason,
        accepts_warnings=body.accept_warnings,
    )
    return run_view(run, found)


@router.get("/runs", **says(list[RunSummary]))
async def runs(service: Service, who: Who) -> list[dict[str, Json]]:
    """Return runs, the newest first."""
    area = area_of(who, service.park)
    held = sorted(service.runner.runs.values(), key=lambda run: run.started_ms, reverse=True)
    return [service.runner.summary(run) for run in held if is_plan_within(run.plan, area, service.park)]


@router.get("/runs/{run}", **says(RunShape))
async def run(run: str, service: Service, who: Who) -> dict[str, Json]:
    """Return one run with every step."""
    found = find.run(run, who, service)
    return run_view(found, service.runner.plan(found))


@router.post("/runs/{run}/approve", **says(RunShape))
async def approve(run: str, body: NewApproval, service: Service, who: Who) -> dict[str, Json]:
    """Approve the river steps as the second person: another identity in another session (I9)."""
    found = find.run(run, who, service)
    if who.username == found.author or who.session == found.session:
        cause = Cause(
            code=Code.APPROVAL, detail=Words("不能由发起人复核", "not by the person who started it")
        )
        raise Problem(HTTPStatus.CONFLICT, cause.code.value, reasons=causes([cause]))
    plan = service.runner.plan(found)
    is_waiting = any(step.state is StepState.WAITING_APPROVAL for step in found.steps.values())
    if not is_waiting or found.content_hash != content_hash(plan, service.park):
        raise Problem(HTTPStatus.CONFLICT, "content-changed")
    after = await service.runner.approve(
        found, who, dispatch_order=body.dispatch_order, emergency=body.emergency
    )
    return run_view(after, plan)


@router.post("/runs/{run}/abort", **says(RunShape))
async def abort(run: str, service: Service, who: Who, _body: Nothing | None = None) -> dict[str, Json]:
    """Start nothing more of the run; what moves goes on to its end, and every gate has its stop."""
    found = find.run(run, who, service)
    if not found.is_over:
        found = await service.runner.abort(found, who)
    return run_view(found, service.runner.plan(found))


@router.post("/runs/{run}/pause", **says(RunShape))
async def pause(run: str, service: Service, who: Who, _body: Nothing | None = None) -> dict[str, Json]:
    """Start nothing more of the run until it is let go on; what moves goes on to its end."""
    found = find.run(run, who, service)
    if not (found.is_over or found.is_paused or found.is_aborted):
        found = await service.runner.pause(found, who)
    return run_view(found, service.runner.plan(found))


@router.post("/runs/{run}/resume", **says(RunShape))
async def resume(run: str, service: Service, who: Who, _body: Nothing | None = None) -> dict[str, Json]:
    """Let a paused run start its steps again."""
    found = find.run(run, who, service)
    if found.is_paused and not (found.is_over or found.is_aborted):
        found = await service.runner.go_on(found, who)
    return run_view(found, service.runner.plan(found))


def _steps(shown: dict[str, Json]) -> list[dict[str, Json]]:
    return [dict(step) for step in _list(shown["steps"]) if isinstance(step, dict)]


def _list(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else []
