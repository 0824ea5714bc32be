"""Proves that no one-key plan can wait for itself: in no moment of its run are all its remaining steps shut out for good.

Steps that fail take their declared way and are not part of this; approvals are taken as given.
"""

from collections.abc import Iterator, Mapping

import z3

from domain.admission import Direction, direction
from domain.command import Action
from domain.ids import FacilityId
from domain.park import Park
from domain.plan import Plan, Step
from domain.words import Words
from stoplog.verify import story
from stoplog.verify.finding import INDUCTION, Finding, Verdict
from stoplog.verify.gate import admitted
from stoplog.verify.world import RESTING, World

_WORDS = Words("方案不会自己卡死", "the plan cannot deadlock")
_BOUND = Words("无:覆盖步骤完成的任意次序", "none: any order in which its steps are done")


def check_plans(park: Park) -> Iterator[Finding]:
    """Yield one finding for each plan."""
    for plan in park.plans.values():
        yield _of(plan, park)


def _of(plan: Plan, park: Park) -> Finding:
    own = [step for step in plan.steps if step.id not in {item.alternative for item in plan.steps}]
    done = {step.id: z3.Bool(f"{step.id} done") for step in own}
    world = World(park, "now")
    stuck = [z3.Or(*(z3.Not(fact) for fact in done.values()))]
    for step in own:
        ready = z3.And(*(done[before] for before in step.after if before in done))
        stuck.append(z3.Implies(done[step.id], ready))
        stuck += _stands(step, done[step.id], world)
        stuck.append(z3.Or(done[step.id], z3.Not(ready), _shut_out(step, own, park, world)))
    model = story.solve(*stuck, *world.laws)
    if model is None:
        return Finding(
            check=f"{plan.id} runs to its end",
            words=_WORDS,
            verdict=Verdict.PROVED,
            method=INDUCTION,
            bound=_BOUND,
            witness=(_first(own, park),),
        )
    return Finding(
        check=f"{plan.id} runs to its end",
        words=_WORDS,
        verdict=Verdict.BROKEN,
        method=INDUCTION,
        bound=_BOUND,
        story=tuple(_story(plan, own, done, park, model)),
    )


def _stands(step: Step, is_done: z3.BoolRef, world: World) -> Iterator[z3.BoolRef]:
    """A step that is done stands at its end; one that is not has still to go there."""
    place = world.place(step.actuator)
    yield (place.opened if step.action is Action.OPEN else place.closed) == is_done
    yield world.move(step.actuator) == RESTING


def _shut_out(step: Step, own: list[Step], park: Park, world: World) -> z3.BoolRef:
    """Return whether nothing that may change outside the plan lets the step go."""
    outside = World(park, step.id)
    for item in own:
        outside.places[item.actuator] = world.place(item.actuator)
        outside.moves[item.actuator] = world.move(item.actuator)
    goes = admitted(park.actuators[step.actuator], step.action, outside)
    positions = {item.actuator for item in own}
    free = [
        *outside.unknowns(),
        *(
            part
            for key, at in outside.places.items()
            if key not in positions
            for part in (at.opened, at.closed)
        ),
    ]
    # A plan is not saved by an instrument that fails.
    within = z3.And(goes, outside.all_known(), *outside.laws)
    return z3.ForAll(_constants(free), z3.Not(within)) if free else z3.Not(within)


def _constants(unknowns: list[z3.ExprRef]) -> list[z3.ExprRef]:
    found: dict[int, z3.ExprRef] = {}
    for unknown in unknowns:
        if z3.is_const(unknown) and unknown.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found[unknown.get_id()] = unknown
    return list(found.values())


def _first(own: list[Step], park: Park) -> Words:
    world = World(park, "now")
    firsts = [step for step in own if not step.after]
    goes = [admitted(park.actuators[step.actuator], step.action, world) for step in firsts]
    is_possible = story.solve(*goes, *world.laws) is not None
    ways = {direction(park.actuators[step.actuator], step.action) for step in own}
    way = "全部趋向安全位" if ways == {Direction.TOWARD_SAFE} else "含离开安全位的步骤"
    way_en = "all toward safe" if ways == {Direction.TOWARD_SAFE} else "some away from safe"
    at_once = "可同时放行" if is_possible else "不能同时放行"
    at_once_en = "can be let through at once" if is_possible else "cannot all be let through at once"
    return Words(
        f"{len(own)} 步,{way};首批 {len(firsts)} 步{at_once}",
        f"{len(own)} steps, {way_en}; the first {len(firsts)} {at_once_en}",
    )


def _story(
    plan: Plan, own: list[Step], done: Mapping[str, z3.BoolRef], park: Park, model: z3.ModelRef
) -> Iterator[Words]:
    is_done = {step.id: z3.is_true(model.eval(done[step.id], model_completion=True)) for step in own}
    finished = [step.id for step in own if is_done[step.id]]
    yield Words(
        f"{plan.id}:已完成 {', '.join(finished) or '无'}",
        f"{plan.id}: done are {', '.join(finished) or 'no steps'}",
    )
    for step in own:
        if is_done[step.id]:
            continue
        waits = [before for before in step.after if not is_done.get(before, True)]
        name = park.facilities[FacilityId(step.actuator)].words
        if waits:
            yield Words(
                f"{step.id}({name.zh})等待 {', '.join(waits)}",
                f"{step.id} ({name.en}) waits for {', '.join(waits)}",
            )
        else:
            actuator = park.actuators[step.actuator]
            way = direction(actuator, step.action)
            locks = actuator.permits if way is Direction.AWAY_FROM_SAFE else actuator.inhibits
            texts = ", ".join(f"{lock.id}: {lock.expression.text}" for lock in locks)
            yield Words(
                f"{step.id}({name.zh})永远不被放行:{texts}",
                f"{step.id} ({name.en}) is never let through: {texts}",
            )
