"""What a plan would do now, said before it runs: what moves, what blocks it, what room the pools have, how long it takes."""

from control.commands.entries import causes
from control.commands.gate import Request, Verdict
from control.commands.view import View
from control.live.image import Image
from control.people.roles import Person
from control.plans.compile import content_hash, expected_s, groups, needs_approval, steps_away
from domain.admission import target
from domain.approval import Consent
from domain.command import ACTION_WORDS
from domain.ids import FacilityId, PointRef, point_ref
from domain.park import Park
from domain.plan import Plan, Step
from domain.position import Position
from domain.refusal import Cause, Code, Refused
from domain.words import Words
from wire.canonical import Json

VOLUME = "volume"
"""Name of the point by which a pool reports its content, m³."""
_APPROVED = Consent(by="*", content_hash="*", at_ms=0, basis="*")


def preview(
    plan: Plan, park: Park, image: Image, view: View, person: Person, *, now_s: float
) -> dict[str, Json]:
    """Return the plan in words as things stand now."""
    group = groups(plan)
    steps: list[dict[str, Json]] = []
    blocks: list[Json] = []
    done = set()
    for order, step in enumerate(plan.steps, 1):
        is_there = is_in_position(step, image, now_s=now_s)
        if is_there:
            done.add(step.id)
        verdict = would(step, view, person)
        refusals = causes(verdict.reasons) if isinstance(verdict, Refused) and not is_there else []
        warnings = causes(verdict.warnings) if not isinstance(verdict, Refused) and not is_there else []
        steps.append(
            _step(step, order, group[step.id], park, is_there=is_there, warnings=warnings, refusals=refusals)
        )
        blocks += [_at(step.actuator, reason, park) for reason in refusals]
    for step in steps_away(plan, park):
        cause = Cause(
            code=Code.MODE, detail=Words("一键方案只向安全位动作", "a one-key plan moves toward safe only")
        )
        blocks += [_at(step.actuator, reason, park) for reason in causes([cause])]
    return {
        "plan": plan.id,
        "name": {"zh": plan.words.zh, "en": plan.words.en},
        "content_hash": content_hash(plan, park),
        "steps": list[Json](steps),
        "pools": [_pool(pool, park, image, now_s=now_s) for pool in plan.receiving],
        "blocks": blocks,
        "expected_s": expected_s(plan, park, frozenset(done)),
    }


def would(step: Step, view: View, person: Person) -> Verdict:
    """Return what the gate would say to the step now, approval given and warnings accepted."""
    request = Request(
        actuator=step.actuator, action=step.action, accepted=frozenset({"*"}), consent=_APPROVED
    )
    return view.consider(request, person)


def is_in_position(step: Step, image: Image, *, now_s: float) -> bool:
    """Whether fresh, good feedback proves that the step's target is reached already (I4)."""
    wanted = target(step.action)
    return wanted is not None and stands_at(wanted, step.actuator, image, now_s=now_s)


def stands_at(wanted: Position, actuator: FacilityId, image: Image, *, now_s: float) -> bool:
    """Whether fresh, good feedback proves that `actuator` stands at `wanted` (I4)."""
    return image.indication(image.park.actuators[actuator], now_s=now_s).position is wanted


def evidence(step: Step, image: Image, *, now_s: float) -> dict[str, Json]:
    """Return the limits on which the step's proof rests."""
    return limits(step.actuator, image, now_s=now_s)


def limits(facility: FacilityId, image: Image, *, now_s: float) -> dict[str, Json]:
    """Return the limits on which a position rests, in the form of a record's evidence."""
    actuator = image.park.actuators[facility]
    found: dict[str, Json] = {}
    for name in (actuator.feedback.opened, actuator.feedback.closed):
        ref = actuator.point(name)
        reading = image.reading(ref, now_s=now_s)
        found[ref] = {
            "value": reading.value,
            "quality": int(reading.quality),
            "observed_ms": reading.observed_ms,
            "age_ms": round(reading.age_s * 1000) if reading.age_s is not None else None,
        }
    return found


def _step(
    step: Step,
    order: int,
    group: int,
    park: Park,
    *,
    is_there: bool,
    warnings: list[Json],
    refusals: list[Json],
) -> dict[str, Json]:
    facility, verb = park.facilities[step.actuator], ACTION_WORDS[step.action]
    return {
        "id": step.id,
        "order": order,
        "group": group,
        "actuator": step.actuator,
        "action": step.action.value,
        "tier": facility.tier.value,
        "travel_time_s": park.actuators[step.actuator].travel_time_s,
        "needs_approval": needs_approval(step, park),
        "already": is_there,
        "warnings": warnings,
        "refusals": refusals,
        "on_failure": step.on_failure.value,
        "alternative": step.alternative,
        "after": list(step.after),
        "words": {"zh": f"{verb.zh}{facility.words.zh}", "en": f"{verb.en} {facility.words.en}"},
    }


def _pool(pool: FacilityId, park: Park, image: Image, *, now_s: float) -> dict[str, Json]:
    capacity = park.facilities[pool].capacity_m3
    ref: PointRef = point_ref(pool, VOLUME)
    reading = image.reading(ref, now_s=now_s)
    volume = float(reading.value) if isinstance(reading.value, int | float) else None
    quality = reading.quality.word if reading.fresh or reading.quality.word == "bad" else "uncertain"
    return {
        "facility": pool,
        "capacity_m3": capacity,
        "volume_m3": volume,
        "free_m3": max(0.0, capacity - volume) if capacity is not None and volume is not None else None,
        "quality": quality,
    }


def _at(actuator: FacilityId, reason: Json, park: Park) -> Json:
    assert isinstance(reason, dict)
    name = park.facilities[actuator].words
    return {
        **reason,
        "actuator": actuator,
        "zh": f"{name.zh}:{reason['zh']}",
        "en": f"{name.en}: {reason['en']}",
    }
