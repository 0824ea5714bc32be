"""Proves a park's stated safety properties: no command that is let through brings about what must never be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import z3

from domain.admission import Direction, direction
from domain.command import Action
from domain.drive import Setpoint
from domain.ids import FacilityId, PointRef
from domain.park import Actuator, Park, SafePosition
from domain.safety import LockRef, SafetyProperty
from domain.words import Words
from stoplog.verify import story
from stoplog.verify.conditions import actual, known
from stoplog.verify.finding import INDUCTION, Finding, Verdict
from stoplog.verify.gate import admitted, workable
from stoplog.verify.world import CLOSING, OPENING, RESTING, SETTING, Place, World

_EXECUTING = {Action.OPEN: OPENING, Action.CLOSE: CLOSING, Action.SET: SETTING}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broken:
    """A moment and a command that break a property."""

    world: World
    model: z3.ModelRef
    actuator: Actuator
    action: Action


def prove(promise: SafetyProperty, park: Park) -> Finding:
    """Prove one property, show that it says something, and that it needs every interlock that it names."""
    moved = _moved(promise, park)
    broken = _counterexample(promise, park, moved)
    if broken is not None:
        return _finding(promise, Verdict.BROKEN, story=_story(promise, park, broken))
    shut_in = _no_way_back(promise, park, moved)
    if shut_in:
        return _finding(promise, Verdict.BROKEN, story=shut_in)
    missing = list(_not_reached(promise, park, moved))
    missing += [
        Words(
            f"没有联锁 {lock} 也成立:它不是依靠",
            f"it holds without the interlock {lock} too: it does not rely on it",
        )
        for lock in promise.relies_on
        if _counterexample(promise, _without(park, lock), moved) is None
    ]
    if missing:
        return _finding(promise, Verdict.VACUOUS, story=tuple(missing))
    return _finding(
        promise,
        Verdict.PROVED,
        witness=tuple(_witness(promise, park, moved)),
        relies_on=tuple(str(lock) for lock in promise.relies_on),
    )


def commands(actuator: Actuator) -> Iterator[Action]:
    """Yield the moves that an actuator can be asked for."""
    yield Action.OPEN
    yield Action.CLOSE
    if isinstance(actuator.drive, Setpoint):
        yield Action.SET


def _finding(
    promise: SafetyProperty,
    verdict: Verdict,
    *,
    story: tuple[Words, ...] = (),
    witness: tuple[Words, ...] = (),
    relies_on: tuple[str, ...] = (),
) -> Finding:
    return Finding(
        check=promise.id,
        words=promise.words,
        verdict=verdict,
        method=INDUCTION,
        story=story,
        witness=witness,
        relies_on=relies_on,
    )


def _moved(promise: SafetyProperty, park: Park) -> list[Actuator]:
    """Return the actuators that the property speaks of."""
    facilities = {FacilityId(ref.partition("/")[0]) for ref in promise.never.references}
    return [park.actuators[key] for key in sorted(facilities & park.actuators.keys())]


def _premise(promise: SafetyProperty, world: World) -> z3.BoolRef:
    if promise.is_premise_known:
        return known(promise.premise, world).true
    return actual(promise.premise, world.value, world)


def _counterexample(promise: SafetyProperty, park: Park, moved: Iterable[Actuator]) -> _Broken | None:
    moved = list(moved)
    for actuator in moved:
        for action in commands(actuator):
            world = World(park, "now")
            executing = {item.facility: world.move(item.facility) for item in moved}
            after = {**executing, actuator.facility: z3.IntVal(_EXECUTING[action])}
            wanted = (
                _premise(promise, world),
                admitted(park.actuators[actuator.facility], action, world),
                z3.Not(_may_come(promise, moved, executing, world)),
                _may_come(promise, moved, after, world),
            )
            model = story.solve(*wanted, *world.laws)
            if model is not None:
                return _Broken(
                    world=world, model=model, actuator=park.actuators[actuator.facility], action=action
                )
    return None


def _may_come(
    promise: SafetyProperty,
    moved: Iterable[Actuator],
    executing: Mapping[FacilityId, z3.ArithRef],
    world: World,
) -> z3.BoolRef:
    """Return whether `never` holds now, or for some outcome of the moves under way: each may stick, pass or arrive."""
    outcomes = [[(item.facility, *end) for end in _ends(item.facility, executing, world)] for item in moved]
    found = []
    for ends in product(*outcomes):
        places = {facility: place for facility, _, place in ends}
        can_be = [condition for _, condition, _ in ends]
        found.append(z3.And(*can_be, actual(promise.never, _EndsFirst(places, world), world)))
    return z3.Or(*found)


def _ends(
    facility: FacilityId, executing: Mapping[FacilityId, z3.ArithRef], world: World
) -> Iterator[tuple[z3.BoolRef, Place]]:
    yes, no = z3.BoolVal(val=True), z3.BoolVal(val=False)
    move, place = executing[facility], world.place(facility)
    is_there = z3.Or(z3.And(move == OPENING, place.opened), z3.And(move == CLOSING, place.closed))
    yield yes, place
    yield z3.And(move != RESTING, z3.Not(is_there)), Place(no, no)
    yield move == OPENING, Place(yes, no)
    yield move == CLOSING, Place(no, yes)


@dataclass(frozen=True, slots=True)
class _EndsFirst:
    """Reads the positions at the end of the moves, and everything else as it is."""

    places: Mapping[FacilityId, Place]
    world: World

    def __call__(self, ref: PointRef) -> z3.ExprRef:
        point = self.world.park.points[ref]
        actuator = self.world.park.actuators.get(point.facility)
        place = self.places.get(point.facility)
        if actuator is not None and place is not None:
            if point.name == actuator.feedback.opened:
                return place.opened
            if point.name == actuator.feedback.closed:
                return place.closed
        return self.world.value(ref)


def _without(park: Park, lock: LockRef) -> Park:
    actuator = park.actuators[lock.actuator]
    spared = replace(
        actuator,
        permits=tuple(item for item in actuator.permits if item.id != lock.lock),
        inhibits=tuple(item for item in actuator.inhibits if item.id != lock.lock),
    )
    return replace(park, actuators={**park.actuators, lock.actuator: spared})


def _safe(actuator: Actuator) -> Action:
    return Action.CLOSE if actuator.safe_position is SafePosition.CLOSED else Action.OPEN


def _no_way_back(promise: SafetyProperty, park: Park, moved: list[Actuator]) -> tuple[Words, ...]:
    """Return how interlocks block every move toward safe though all is sound; empty when they cannot."""
    if not promise.has_way_back:
        return ()
    world = World(park, "now")
    is_wrong = [_premise(promise, world), actual(promise.never, world.value, world)]
    for actuator in moved:
        place = world.place(actuator.facility)
        is_safe = place.closed if _safe(actuator) is Action.CLOSE else place.opened
        is_wrong.append(workable(actuator, world))
        is_wrong.append(z3.Or(is_safe, z3.Not(admitted(actuator, _safe(actuator), world))))
    model = story.solve(*is_wrong, *world.laws)
    if model is None:
        return ()
    return (
        story.joined(story.values(park, promise.premise.references, world, model)),
        story.joined(story.position(park, item.facility, world, model) for item in moved),
        Words("此时每一个趋向安全位的动作都被闭锁", "every move toward safe is blocked by an inhibit now"),
        story.joined(
            story.values(
                park,
                {ref for item in moved for lock in item.inhibits for ref in lock.expression.references},
                world,
                model,
            )
        ),
    )


def _story(promise: SafetyProperty, park: Park, broken: _Broken) -> tuple[Words, ...]:
    world, model = broken.world, broken.model
    moved = _moved(promise, park)
    locks = (*broken.actuator.permits, *broken.actuator.inhibits)
    refs = promise.premise.references.union(*(lock.expression.references for lock in locks))
    others = sorted(
        {FacilityId(ref.partition("/")[0]) for ref in refs}
        & park.actuators.keys() - {item.facility for item in moved}
    )
    return (
        story.joined(
            story.position(park, key, world, model) for key in [*(m.facility for m in moved), *others]
        ),
        story.joined((*story.values(park, refs, world, model), *story.past(locks, world, model))),
        story.command(park, broken.actuator, broken.action),
        Words(
            f"动作到位后 {promise.never.text} 成立,而 {promise.premise.text} 仍成立",
            f"once it has moved, {promise.never.text} holds while {promise.premise.text} still does",
        ),
    )


def _not_reached(promise: SafetyProperty, park: Park, moved: list[Actuator]) -> Iterator[Words]:
    world = World(park, "now")
    premise = _premise(promise, world)
    if story.solve(premise, world.all_known(), *world.laws) is None:
        yield Words(
            f"前提 {promise.premise.text} 在量程内不可能",
            f"the premise {promise.premise.text} cannot be within the ranges",
        )
    world = World(park, "now")
    if story.solve(actual(promise.never, world.value, world), *world.laws) is None:
        yield Words(f"{promise.never.text} 本就不可能", f"{promise.never.text} cannot be at all")
    for actuator in moved:
        for action in (Action.OPEN, Action.CLOSE):
            world = World(park, "now")
            if story.solve(admitted(actuator, action, world), *world.laws) is None:
                name = park.facilities[actuator.facility].words
                yield Words(f"{name.zh}永远不能{action}", f"{name.en} can never be commanded to {action}")


def _witness(promise: SafetyProperty, park: Park, moved: list[Actuator]) -> Iterator[Words]:
    world = World(park, "now")
    premise = _premise(promise, world)
    model = story.solve(premise, world.all_known(), *world.laws)
    assert model is not None
    yield story.joined(story.values(park, promise.premise.references, world, model))
    for actuator in moved:
        away = next(
            a for a in (Action.OPEN, Action.CLOSE) if direction(actuator, a) is Direction.AWAY_FROM_SAFE
        )
        for action in (away, _safe(actuator)):
            world = World(park, "now")
            model = story.solve(admitted(actuator, action, world), *world.laws)
            assert model is not None
            refs = [ref for lock in actuator.permits for ref in lock.expression.references]
            told = story.command(park, actuator, action)
            if action is away and refs:
                told = story.joined((told, *story.values(park, set(refs), world, model)))
            yield told
