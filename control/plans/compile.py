"""Works a plan out before it runs: its order, its longest way, and a hash that any change of its content changes."""

from collections.abc import Mapping
from functools import cache

from domain.admission import Direction, direction
from domain.definition import definition_hashes
from domain.park import Park, Tier
from domain.plan import Plan, Step
from wire.canonical import Json, digest


def content_hash(plan: Plan, park: Park) -> str:
    """Return the hash over every step, its alternatives and the definitions of its actuators (I9)."""
    steps: list[Json] = [
        {
            "id": step.id,
            "actuator": step.actuator,
            "action": step.action.value,
            "after": list(step.after),
            "on_failure": step.on_failure.value,
            "alternative": step.alternative,
            "definition": list(definition_hashes(park, park.actuators[step.actuator])),
            "tier": park.facilities[step.actuator].tier.value,
        }
        for step in plan.steps
    ]
    return digest({"park": park.id, "plan": plan.id, "steps": steps, "receiving": list(plan.receiving)})


def is_known(plan: Plan, park: Park) -> bool:
    """Whether the park still has everything that the plan moves."""
    return all(step.actuator in park.actuators for step in plan.steps)


def groups(plan: Plan) -> Mapping[str, int]:
    """Return the group of each step, from 1: steps of one group wait for nothing but earlier groups."""
    steps = {step.id: step for step in plan.steps}

    @cache
    def group(step: str) -> int:
        return 1 + max((group(before) for before in steps[step].after if before in steps), default=0)

    return {step: group(step) for step in steps}


def expected_s(plan: Plan, park: Park, done: frozenset[str]) -> float:
    """Return the model seconds of the longest way through the steps that still have to move."""
    steps = {step.id: step for step in plan.steps}
    spare = alternatives(plan)

    @cache
    def until(step: str) -> float:
        own = 0.0 if step in done else park.actuators[steps[step].actuator].travel_time_s
        return own + max((until(before) for before in steps[step].after if before in steps), default=0.0)

    return max((until(step) for step in steps if step not in spare), default=0.0)


def alternatives(plan: Plan) -> frozenset[str]:
    """Return the ids of the steps that run only instead of another."""
    return frozenset(step.alternative for step in plan.steps if step.alternative is not None)


def needs_approval(step: Step, park: Park) -> bool:
    """Whether a second person must approve the step: plans only propose a river sluice."""
    return park.facilities[step.actuator].tier is Tier.RIVER


def steps_away(plan: Plan, park: Park) -> tuple[Step, ...]:
    """Return the steps that move away from safe: reopening has its own, stricter procedure."""
    return tuple(
        step
        for step in plan.steps
        if direction(park.actuators[step.actuator], step.action) is Direction.AWAY_FROM_SAFE
    )
