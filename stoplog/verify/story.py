"""A moment that z3 has found, told so that an operator can follow it; it decides nothing."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import z3

from domain.admission import Direction, direction
from domain.command import ACTION_WORDS, Action
from domain.ids import FacilityId, PointRef
from domain.interlock import Interlock
from domain.park import Actuator, Park
from domain.position import POSITION_WORDS, Position
from domain.units import UNITS
from domain.words import Words
from stoplog.verify.world import CLOSING, OPENING, RESTING, SETTING, World

_MOVES = {OPENING: Action.OPEN, CLOSING: Action.CLOSE, SETTING: Action.SET}


def solve(*constraints: z3.BoolRef) -> z3.ModelRef | None:
    """Return a moment in which all `constraints` hold; None when there is none.

    Raises RuntimeError when z3 cannot say, which the linear conditions of the language rule out.
    """
    solver = z3.Solver()
    solver.add(*constraints)
    verdict = solver.check()
    if verdict == z3.sat:
        return solver.model()
    if verdict == z3.unsat:
        return None
    raise RuntimeError(f"z3 gives up: {solver.reason_unknown()}")


def position(park: Park, key: FacilityId, world: World, model: z3.ModelRef) -> Words:
    """Return where an actuator stands, with the move under way on it."""
    place = world.place(key)
    at = Position.BETWEEN
    if _holds(model, place.opened):
        at = Position.OPEN
    elif _holds(model, place.closed):
        at = Position.CLOSED
    name, words = park.facilities[key].words, POSITION_WORDS[at]
    told = Words(f"{name.zh}{words.zh}", f"{name.en} is {words.en}")
    move = model.eval(world.move(key), model_completion=True).as_long() if key in world.moves else RESTING
    if move == RESTING:
        return told
    doing = ACTION_WORDS[_MOVES[move]]
    return Words(
        f"{told.zh},正在执行{doing.zh}指令", f"{told.en}, and a command to {doing.en} is being executed"
    )


def values(park: Park, refs: Iterable[PointRef], world: World, model: z3.ModelRef) -> Iterator[Words]:
    """Yield what each point truly is, and whether it is known; positions are told elsewhere."""
    for ref in sorted(refs):
        point = park.points[ref]
        actuator = park.actuators.get(point.facility)
        if actuator is not None and point.name in {actuator.feedback.opened, actuator.feedback.closed}:
            continue
        shown = _value(model, world.value(ref), point.unit)
        is_known = ref not in world.trusts or _holds(model, world.trusts[ref])
        doubt = Words("", "") if is_known else Words("(读数不可信)", " (not known)")
        name = park.facilities[point.facility].words
        yield Words(
            f"{name.zh}{point.words.zh} {shown}{doubt.zh}", f"{name.en} {point.words.en} {shown}{doubt.en}"
        )


def past(locks: Iterable[Interlock], world: World, model: z3.ModelRef) -> Iterator[Words]:
    """Yield what is known of the past that interlocks rest on."""
    for text in sorted({item.text for lock in locks for item in lock.expression.timed}):
        if text in world.rates:
            slope = world.rates[text]
            is_known = _holds(model, slope.is_known)
            shown = _value(model, slope.value, "") if is_known else "?"
            yield Words(f"{text} = {shown}(基本单位每秒)", f"{text} = {shown} (base units per second)")
        elif (so_far := world.flags.get(f"{text} so far")) is not None:
            is_so = _holds(model, so_far) and not _holds(model, world.flag(f"{text} broken"))
            yield Words(
                f"{text} {'已满足' if is_so else '尚未确知满足'}",
                f"{text} {'holds' if is_so else 'is not known to hold'}",
            )


def command(park: Park, actuator: Actuator, action: Action) -> Words:
    """Return the command as a sentence of a story."""
    name, doing = park.facilities[actuator.facility].words, ACTION_WORDS[action]
    way = direction(actuator, action)
    locks = actuator.permits if way is Direction.AWAY_FROM_SAFE else actuator.inhibits
    passed = ", ".join(lock.id for lock in locks)
    zh = f"全部联锁放行({passed})" if passed else "没有联锁拦它"
    en = f"every interlock lets it through ({passed})" if passed else "no interlock stands against it"
    return Words(
        f"操作员对{name.zh}下{doing.zh}指令,{zh}", f"an operator commands {name.en} to {doing.en}; {en}"
    )


def joined(parts: Iterable[Words]) -> Words:
    """Return several words as one sentence."""
    told = list(parts)
    return Words(";".join(item.zh for item in told), "; ".join(item.en for item in told))


def _holds(model: z3.ModelRef, fact: z3.BoolRef) -> bool:
    return bool(z3.is_true(model.eval(fact, model_completion=True)))


def _value(model: z3.ModelRef, unknown: z3.ExprRef, unit: str) -> str:
    found = model.eval(unknown, model_completion=True)
    if z3.is_bool(found):
        return "true" if z3.is_true(found) else "false"
    exact = Fraction(found.numerator_as_long(), found.denominator_as_long())
    return f"{float(exact):.6g} {UNITS[unit].symbol}".rstrip()
