"""The gate that every command passes, as a formula: it lets through in every moment what `domain.admission.admit` does."""

from collections.abc import Iterator

import z3

from domain.admission import Direction, direction, target
from domain.command import Action
from domain.ids import PointRef
from domain.park import Actuator
from domain.position import Position
from stoplog.verify.conditions import known
from stoplog.verify.world import RESTING, World


def admitted(actuator: Actuator, action: Action, world: World) -> z3.BoolRef:
    """Return whether `action` may go out."""
    parts = [*_standing(actuator, world)]
    match direction(actuator, action):
        case Direction.AWAY_FROM_SAFE:
            parts += _away(actuator, action, world)
        case Direction.TOWARD_SAFE:
            parts += [z3.Not(known(lock.expression, world).true) for lock in actuator.inhibits]
        case Direction.NONE:
            pass
    return z3.And(*parts)


def workable(actuator: Actuator, world: World) -> z3.BoolRef:
    """Return whether nothing but interlocks stands against a move toward safe: remote, sound, untagged."""
    return z3.And(*_standing(actuator, world), *_own_known(actuator, world))


def _standing(actuator: Actuator, world: World) -> Iterator[z3.BoolRef]:
    yield z3.BoolVal(val=actuator.commissioned_by is not None)
    yield z3.Not(world.flag(f"{actuator.facility} tagged out"))
    remote = actuator.point(actuator.feedback.remote)
    yield z3.Not(z3.And(world.trust(remote), z3.Not(world.value(remote))))
    if actuator.feedback.fault is not None:
        fault = actuator.point(actuator.feedback.fault)
        yield z3.Not(z3.And(world.trust(fault), world.value(fault)))


def _away(actuator: Actuator, action: Action, world: World) -> Iterator[z3.BoolRef]:
    yield from _own_known(actuator, world)
    yield world.move(actuator.facility) == RESTING
    yield z3.Not(world.flag(f"{actuator.facility} in doubt"))
    yield z3.Not(world.flag(f"{actuator.facility} under a keep-closed order"))
    place = world.place(actuator.facility)
    match target(action):
        case Position.OPEN:
            yield z3.Not(place.opened)
        case Position.CLOSED:
            yield z3.Not(place.closed)
        case _:
            pass
    for lock in actuator.permits:
        yield known(lock.expression, world).true


def _own_known(actuator: Actuator, world: World) -> Iterator[z3.BoolRef]:
    return (world.trust(ref) for ref in _own(actuator))


def _own(actuator: Actuator) -> list[PointRef]:
    names = actuator.feedback
    own = (names.opened, names.closed, names.remote, names.fault)
    return [actuator.point(name) for name in own if name is not None]
