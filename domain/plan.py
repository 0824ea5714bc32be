"""One-key plans: an ordered set of steps over facilities of all tiers, as the engineer wrote them."""

from dataclasses import dataclass
from enum import StrEnum

from domain.command import Action
from domain.ids import EnterpriseId, FacilityId, PlanId
from domain.words import Words


class OnFailure(StrEnum):
    """What follows when a step fails or ends unknown; the other branches go on in any case (I10)."""

    CONTINUE = "continue"
    ALTERNATIVE = "alternative"
    """Run `alternative` instead."""
    HOLD_DEPENDANTS = "hold_dependants"
    """Later groups that name this step in `after` are not started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One move of one actuator."""

    id: str
    actuator: FacilityId
    action: Action
    after: tuple[str, ...] = ()
    """Ids of the steps that must be verified first; steps with nothing between them run in parallel."""
    on_failure: OnFailure = OnFailure.CONTINUE
    alternative: str | None = None
    """Id of the step that takes its place; that step runs only then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A preset plan (预置方案)."""

    id: PlanId
    words: Words
    enterprise: EnterpriseId | None
    """The enterprise it closes; None: the whole park."""
    steps: tuple[Step, ...]
    receiving: tuple[FacilityId, ...] = ()
    """Pools that take the water: their free volume is shown before."""
