"""Routes of the plan that control proposes for a spill: shown whole like an engineer's, and run under the same gate."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from control.api.models import NewProposalRun
from control.api.outcomes import PreviewShape, RunShape
from control.api.parts import Parts, Service, Who
from control.api.problems import Problem, not_found
from control.api.shapes import Shape, WordsShape, says
from control.plans.compile import content_hash
from control.plans.entries import run_view
from control.plans.now import Now
from control.plans.preview import preview
from control.plans.proposal import Proposal
from domain.ids import FacilityId
from wire.canonical import Json

router = APIRouter(tags=["plans"])
INFLOW_MAX = 1_000_000.0
"""m³/h."""
Inflow = Annotated[float | None, Query(gt=0, le=INFLOW_MAX)]


class HoldShape(Shape):
    gate: str
    pools: list[str]
    inflow_m3_h: float | None


class ProposalShape(Shape):
    source: str
    preview: PreviewShape
    """The plan as any other is shown."""
    cut: list[str]
    kept: list[str]
    """Facilities that the cut keeps clean; `sewer` stands for what lies behind the sewage outlets."""
    holds: list[HoldShape]
    free_m3: float
    inflow_m3_h: float | None
    time_to_full_s: float | None
    gaps: list[WordsShape]
    """What is not isolated, or not known, in words."""


@router.get("/proposals", **says(ProposalShape))
async def proposal(source: str, service: Service, who: Who, inflow_m3_h: Inflow = None) -> dict[str, Json]:
    """Propose a plan for a spill at a facility, over the gates that work now."""
    found = _proposal(source, inflow_m3_h, service)
    now_s = service.clock.monotonic()
    return {
        "source": source,
        "preview": preview(found.plan, service.park, service.image, service.view, who.with_pin, now_s=now_s),
        "cut": list[Json](found.cut.gates),
        "kept": list[Json](found.cut.kept),
        "holds": [
            {"gate": hold.gate, "pools": list[Json](hold.pools), "inflow_m3_h": hold.inflow_m3_h}
            for hold in found.holds
        ],
        "free_m3": found.free_m3,
        "inflow_m3_h": found.inflow_m3_h,
        "time_to_full_s": found.time_to_full_s,
        "gaps": [words.as_dict() for words in found.gaps],
    }


@router.post("/proposals/runs", **says(RunShape, 201))
async def start(body: NewProposalRun, service: Service, who: Who) -> dict[str, Json]:
    """Run the proposal as it was shown; one that would be another by now is shown again first."""
    found = _proposal(body.source, None, service)
    plan = found.plan
    if not plan.steps or body.content_hash != content_hash(plan, service.park):
        raise Problem(HTTPStatus.CONFLICT, "content-changed")
    run = await service.runner.start(
        plan,
        who,
        content_hash=body.content_hash,
        reason=body.reason,
        accepts_warnings=True,
        is_proposed=True,
    )
    return run_view(run, plan)


def _proposal(source: str, inflow_m3_h: float | None, service: Parts) -> Proposal:
    if source not in service.park.facilities:
        raise not_found()
    now = Now(service.view, service.image, service.book)
    return now.propose(FacilityId(source), now_s=service.clock.monotonic(), inflow_m3_h=inflow_m3_h)
