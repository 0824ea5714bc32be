"""The calls of the interlock language: held for so long, at least n of m, and how fast a value changes.

It says what a call means and refuses what is none; what was seen over time is kept by domain.past.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from domain.ids import PointRef, point_ref
from domain.units import UNITS

DURATION_S_MIN = 1.0
DURATION_S_MAX = 86_400.0
"""Model seconds: a condition on more than a day is no interlock but a report."""
COUNT_MAX = 20
"""Conditions in one `count`; the length of a condition bounds them anyway."""
FORMS = "held(condition, 30 * s), count(2, condition, condition, …), rate(facility.point, 60 * s)"
"""The calls that there are, for messages."""


class OperatorError(ValueError):
    """The call is none of the language; the message says what is wanted."""


@dataclass(frozen=True, slots=True)
class Held:
    """True while its condition has been known true without interruption for so long."""

    text: str
    condition: ast.expr
    for_s: float
    """Model seconds."""


@dataclass(frozen=True, slots=True)
class Count:
    """True while at least `n` of its conditions are known true."""

    n: int
    conditions: tuple[ast.expr, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """The mean change of a point over a time that is past, per second of model time."""

    text: str
    point: PointRef
    over_s: float
    """Model seconds."""


Operator = Held | Count | Rate


@lru_cache(maxsize=4096)
def operator(call: ast.Call) -> Operator:
    """Return what `call` means. Raises OperatorError when it is none of the language."""
    match call:
        case ast.Call(func=ast.Name(id="held"), args=[condition, duration], keywords=[]):
            return Held(ast.unparse(call), condition, _seconds(duration, call))
        case ast.Call(func=ast.Name(id="count"), args=[ast.Constant(value=int(n)), *conditions], keywords=[]):
            if isinstance(n, bool) or not 1 <= n <= len(conditions) or not 2 <= len(conditions) <= COUNT_MAX:
                message = (
                    f"`{ast.unparse(call)}` counts {n} of {len(conditions)}: "
                    f"write 1 to m of m conditions, m from 2 to {COUNT_MAX}"
                )
                raise OperatorError(message)
            return Count(n, tuple(conditions))
        case ast.Call(func=ast.Name(id="rate"), args=[ast.Attribute() as point, duration], keywords=[]):
            return Rate(ast.unparse(call), reference(point), _seconds(duration, call))
        case _:
            message = f"`{ast.unparse(call)}` is no call of the language: write {FORMS}"
            raise OperatorError(message)


def timed(tree: ast.expr) -> Iterator[Held | Rate]:
    """Yield every operator in `tree` that rests on the past, the inner ones first."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            yield from timed(node)
    if isinstance(tree, ast.Call) and not isinstance(found := operator(tree), Count):
        yield found


def points_of(found: Held | Rate) -> frozenset[PointRef]:
    """Return the points that an operator rests on."""
    if isinstance(found, Rate):
        return frozenset({found.point})
    return frozenset(reference(node) for node in ast.walk(found.condition) if isinstance(node, ast.Attribute))


def seconds_of(found: Held | Rate) -> float:
    """Return the model seconds that it looks back."""
    return found.over_s if isinstance(found, Rate) else found.for_s


def reference(node: ast.Attribute) -> PointRef:
    """Return the point that `facility.point` names."""
    if not isinstance(node.value, ast.Name):
        message = f"`{ast.unparse(node)}` is not `facility.point`"
        raise OperatorError(message)
    return point_ref(node.value.id, node.attr)


def _seconds(node: ast.expr, call: ast.Call) -> float:
    """Return a duration, written as a number times a unit of time."""
    match node:
        case ast.BinOp(
            left=ast.Constant(value=int(n) | float(n)), op=ast.Mult(), right=ast.Name(id=unit)
        ) if not isinstance(n, bool) and unit in UNITS and UNITS[unit].quantity == "time":
            seconds = n * UNITS[unit].factor
        case _:
            message = f"`{ast.unparse(node)}` in `{ast.unparse(call)}` is no time: write it as 30 * s, 5 * min or 1 * h"
            raise OperatorError(message)
    if not DURATION_S_MIN <= seconds <= DURATION_S_MAX:
        message = (
            f"`{ast.unparse(node)}` in `{ast.unparse(call)}` is {seconds:g} s: "
            f"write {DURATION_S_MIN:g} s to {DURATION_S_MAX / 3600:g} h"
        )
        raise OperatorError(message)
    return seconds
