"""Routes of reopening: what it would do, asking for it, the second person's consent, abort."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter

from control.api.models import NewConsent, NewReopening, Nothing
from control.api.outcomes import ApprovalShape
from control.api.parts import Parts, Service, Who
from control.api.problems import Problem, not_found
from control.api.shapes import Anything, OrderShape, Reason, Shape, WordsShape, says
from control.commands.entries import causes
from control.commands.gate import Request
from control.live.views import order_view
from control.people.roles import Person
from control.plans.reopening import Kind, ReopeningRun, Stage, stages_of
from control.plans.reopening_entries import stage_words, view
from domain.approval import VALID_MS, Consent
from domain.park import Tier
from domain.refusal import Cause, Code, Refused
from domain.reopening import Reopening
from domain.words import Words
from wire.canonical import Json

router = APIRouter(tags=["reopening"])

_AGREED = Consent(by="*", content_hash="*", at_ms=0, basis="*")
_THEIR_OWN = frozenset({Code.KEEP_CLOSED, Code.KEEP_OPEN})
"""What the procedure itself lifts."""


class SampleValue(Shape):
    value: float | bool | str
    observed_ms: int


class SampleShape(Shape):
    at_ms: int
    values: dict[str, SampleValue]


class WaterShape(Shape):
    condition: str
    verdict: Literal["true", "false", "unknown"]
    wanted: int
    every_s: float
    passes: bool
    samples: list[SampleShape]


class ReopeningShape(Shape):
    id: str
    name: WordsShape
    enterprise: str | None
    actuators: list[str]
    orders: list[OrderShape]
    water: WaterShape
    run: str | None
    """The asking that is not over."""


class ReopeningStage(Shape):
    id: str
    kind: Literal["release", "move"]
    actuator: str
    words: WordsShape
    observe_s: float
    refusals: list[Reason]


class ReopeningPreview(ReopeningShape):
    content_hash: str
    stages: list[ReopeningStage]
    needs_basis: bool
    """Whether a river sluice is in it: then the second person names a dispatch order or an emergency."""
    blocks: list[Reason]
    approval_ms: int
    """How long the second person's word holds."""


class StageRunShape(Shape):
    id: str
    kind: Literal["release", "move"]
    actuator: str
    words: WordsShape
    observe_s: float
    state: Literal["waiting", "running", "observing", "confirmed", "failed", "skipped"]
    since_ms: int | None
    command: str | None
    reasons: list[Anything]
    evidence: Anything


class ReopeningRunShape(Shape):
    id: str
    reopening: str
    name: WordsShape
    author: str
    reason: str
    started_ms: int
    ended_ms: int | None
    state: Literal["waiting_approval", "running", "done", "stopped", "voided", "aborted"]
    cause: WordsShape | None
    content_hash: str
    orders: dict[str, list[str]]
    samples: list[SampleShape]
    approval: ApprovalShape | None
    stages: list[StageRunShape]


@router.get("/reopenings", **says(list[ReopeningShape]))
async def reopenings(service: Service) -> list[dict[str, Json]]:
    """Return the procedures, with what stands in the way of each and what its water has shown."""
    return [_summary(item, service) for item in service.park.reopenings.values()]


@router.get("/reopenings/{reopening}/preview", **says(ReopeningPreview))
async def preview(reopening: str, service: Service, who: Who) -> dict[str, Json]:
    """Say what the procedure would release and open, in which order, and what is against it."""
    found = _procedure(reopening, service)
    stages = stages_of(found, service.park)
    _, content = service.reopener.compiled(found)
    shown: list[Json] = [
        {
            "id": stage.id,
            "kind": stage.kind.value,
            "actuator": stage.actuator,
            "words": stage_words(stage, service.park).as_dict(),
            "observe_s": stage.observe_s,
            "refusals": list[Json](causes(_against(stage, service, who))),
        }
        for stage in stages
    ]
    return {
        **_summary(found, service),
        "content_hash": content,
        "stages": shown,
        "needs_basis": _needs_basis(found, service),
        "blocks": list[Json](causes(_blocks(found, service))),
        "approval_ms": VALID_MS,
    }


@router.post("/reopenings/{reopening}/runs", **says(ReopeningRunShape, 201))
async def start(reopening: str, body: NewReopening, service: Service, who: Who) -> dict[str, Json]:
    """Ask for the procedure as it was shown; a second person lets it begin."""
    found = _procedure(reopening, service)
    blocks = _blocks(found, service)
    if blocks:
        raise Problem(HTTPStatus.CONFLICT, blocks[0].code.value, reasons=causes(blocks))
    if body.content_hash != service.reopener.compiled(found)[1]:
        raise Problem(HTTPStatus.CONFLICT, "content-changed")
    run = await service.reopener.start(found, who, reason=body.reason)
    return _view(run, service)


@router.get("/reopening-runs", **says(list[ReopeningRunShape]))
async def runs(service: Service) -> list[dict[str, Json]]:
    """Return what was asked for, the newest first."""
    held = sorted(service.reopener.runs.values(), key=lambda run: run.started_ms, reverse=True)
    return [_view(run, service) for run in held]


@router.get("/reopening-runs/{run}", **says(ReopeningRunShape))
async def run(run: str, service: Service) -> dict[str, Json]:
    """Return one of them with every stage."""
    return _view(_run(run, service), service)


@router.post("/reopening-runs/{run}/approve", **says(ReopeningRunShape))
async def approve(run: str, body: NewConsent, service: Service, who: Who) -> dict[str, Json]:
    """Consent as the second person, another identity in another session, to exactly this content (I9)."""
    found = _run(run, service)
    if who.username == found.author or who.session == found.session:
        cause = Cause(
            code=Code.APPROVAL, detail=Words("不能由发起人复核", "not by the person who started it")
        )
        raise Problem(HTTPStatus.CONFLICT, cause.code.value, reasons=causes([cause]))
    if not found.is_open or body.content_hash != found.content_hash:
        raise Problem(HTTPStatus.CONFLICT, "content-changed")
    procedure = service.reopener.reopening(found)
    if _needs_basis(procedure, service) and (body.dispatch_order is None) == (body.emergency is None):
        cause = Cause(
            code=Code.APPROVAL,
            detail=Words(
                "河道闸须填调度指令号或紧急越权理由", "a river sluice needs a dispatch order or an emergency"
            ),
        )
        raise Problem(HTTPStatus.CONFLICT, cause.code.value, reasons=causes([cause]))
    has_begun = any(stage.since_ms is not None for stage in found.stages.values())
    if not has_begun and not service.reopener.samples.passes(procedure):
        cause = _too_few(procedure, service)
        raise Problem(HTTPStatus.CONFLICT, cause.code.value, reasons=causes([cause]))
    after = await service.reopener.approve(
        found, who, dispatch_order=body.dispatch_order, emergency=body.emergency
    )
    return _view(after, service)


@router.post("/reopening-runs/{run}/abort", **says(ReopeningRunShape))
async def abort(run: str, service: Service, who: Who, _body: Nothing | None = None) -> dict[str, Json]:
    """Begin nothing more; what moves goes on to its end, and every gate has its stop."""
    found = _run(run, service)
    if found.is_open:
        found = await service.reopener.abort(found, who)
    return _view(found, service)


def _procedure(name: str, service: Parts) -> Reopening:
    found = service.park.reopenings.get(name)
    if found is None:
        raise not_found()
    return found


def _run(name: str, service: Parts) -> ReopeningRun:
    found = service.reopener.runs.get(name)
    if found is None:
        raise not_found()
    return found


def _view(run: ReopeningRun, service: Parts) -> dict[str, Json]:
    return view(run, service.reopener.reopening(run), service.reopener.stages(run), service.park)


def _summary(reopening: Reopening, service: Parts) -> dict[str, Json]:
    passing, samples = reopening.passing, service.reopener.samples
    series: list[Json] = [
        {
            "at_ms": sample.at_ms,
            "values": {
                ref: {"value": value, "observed_ms": sample.observed_ms[ref]}
                for ref, value in sample.values.items()
            },
        }
        for sample in samples.of(reopening)
    ]
    held = [
        order for opening in reopening.openings for order in service.orders.held.keeping(opening.actuator)
    ]
    under_way = service.reopener.open_run(reopening)
    return {
        "id": reopening.id,
        "name": reopening.words.as_dict(),
        "enterprise": reopening.enterprise,
        "actuators": [opening.actuator for opening in reopening.openings],
        "orders": [order_view(order) for order in held],
        "water": {
            "condition": passing.condition.text,
            "verdict": samples.truth(reopening).value,
            "wanted": passing.samples,
            "every_s": passing.every_s,
            "passes": samples.passes(reopening),
            "samples": series,
        },
        "run": None if under_way is None else under_way.id,
    }


def _blocks(reopening: Reopening, service: Parts) -> list[Cause]:
    """Return what is against asking for the procedure at all."""
    found = []
    under_way = service.reopener.open_run(reopening)
    if under_way is not None:
        found.append(Cause(code=Code.BUSY, values={"by": under_way.author}))
    if not service.reopener.samples.passes(reopening):
        found.append(_too_few(reopening, service))
    if not service.recorder.is_available:
        found.append(Cause(code=Code.AUDIT))
    return found


def _too_few(reopening: Reopening, service: Parts) -> Cause:
    have, wanted = len(service.reopener.samples.of(reopening)), reopening.passing.samples
    zh = f"连续合格样本 {have}/{wanted},或最近一个已过时"
    en = f"{have} of {wanted} passing samples in a row, or the newest is too old"
    return Cause(code=Code.SAMPLES, detail=Words(zh, en))


def _against(stage: Stage, service: Parts, who: Person) -> list[Cause]:
    """Return what the gate would say to the stage now, the orders that the procedure itself lifts left out."""
    if stage.kind is Kind.RELEASE or stage.action is None:
        return []
    request = Request(
        actuator=stage.actuator,
        action=stage.action,
        parameters={} if stage.percent is None else {"opening_percent": stage.percent},
        accepted=frozenset({"*"}),
        consent=_AGREED,
    )
    verdict = service.view.consider(request, who)
    reasons = verdict.reasons if isinstance(verdict, Refused) else ()
    return [cause for cause in reasons if cause.code not in _THEIR_OWN]


def _needs_basis(reopening: Reopening, service: Parts) -> bool:
    return any(service.park.facilities[opening.actuator].tier is Tier.RIVER for opening in reopening.openings)
