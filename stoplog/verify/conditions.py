"""Conditions of the interlock language as formulas: what is true, what is known to be true and what is known to be false.

It says of every moment what `domain.interlock.evaluate` says of one; a property test holds the two together. Of what rests
on the past it knows only what the past cannot change: what was held so long holds now, and is free else; a rate is free
within what the range of its point allows.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import z3

from domain.ids import PointRef
from domain.interlock import Expression
from domain.operators import Count, Held, Rate, operator, reference
from domain.units import UNITS
from stoplog.verify.world import World, number, unit_of

Lookup = Callable[[PointRef], z3.ExprRef]


@dataclass(frozen=True, slots=True)
class Known:
    """The three values of Kleene's logic: known true, known false, and neither."""

    true: z3.BoolRef
    false: z3.BoolRef


def actual(expression: Expression, lookup: Lookup, world: World) -> z3.BoolRef:
    """Return whether a condition holds on the values that `lookup` gives, all of them taken as known."""
    return _known(
        expression.tree, _Reader(lookup, lambda _: z3.BoolVal(val=True), world, is_past_known=True)
    ).true


def known(expression: Expression, world: World) -> Known:
    """Return what is known of a condition."""
    return _known(expression.tree, _Reader(world.value, world.trust, world))


@dataclass(frozen=True, slots=True)
class _Reader:
    value: Lookup
    trust: Callable[[PointRef], z3.BoolRef]
    world: World
    is_past_known: bool = False
    """Whether enough was seen of everything: then each operator is either true or false."""


def _known(node: ast.expr, reader: _Reader) -> Known:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            parts = [_known(value, reader) for value in values]
            return Known(z3.And(*(p.true for p in parts)), z3.Or(*(p.false for p in parts)))
        case ast.BoolOp(values=values):
            parts = [_known(value, reader) for value in values]
            return Known(z3.Or(*(p.true for p in parts)), z3.And(*(p.false for p in parts)))
        case ast.UnaryOp(operand=operand):
            part = _known(operand, reader)
            return Known(part.false, part.true)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _seen(
                _compare(operator, _number(left, reader), _number(right, reader)),
                z3.And(*_trusts(node, reader)),
            )
        case ast.Constant(value=bool(value)):
            return Known(z3.BoolVal(val=value), z3.BoolVal(val=not value))
        case ast.Attribute():
            ref = reference(node)
            return _seen(reader.value(ref), reader.trust(ref))
        case ast.Call():
            return _called(node, reader)
        case _:
            raise AssertionError(ast.dump(node))


def _called(node: ast.Call, reader: _Reader) -> Known:
    match operator(node):
        case Count(n=n, conditions=conditions):
            parts = [_known(condition, reader) for condition in conditions]
            return Known(
                z3.AtLeast(*(p.true for p in parts), n),
                z3.AtLeast(*(p.false for p in parts), len(parts) - n + 1),
            )
        case Held(text=text, condition=condition):
            now = _known(condition, reader)
            was_true, was_false = reader.world.flag(f"{text} so far"), reader.world.flag(f"{text} broken")
            if reader.is_past_known:
                true = z3.And(was_true, now.true)
                return Known(true, z3.Not(true))
            true = z3.And(was_true, z3.Not(was_false), now.true)
            return Known(true, z3.Or(now.false, was_false))
        case Rate():
            raise AssertionError(ast.dump(node))


def _trusts(node: ast.expr, reader: _Reader) -> Iterator[z3.BoolRef]:
    """Yield what must be so for a comparison to be known: its points, and enough of the past of its rates."""
    for found in ast.walk(node):
        if isinstance(found, ast.Attribute):
            yield reader.trust(reference(found))
        elif isinstance(found, ast.Call) and not reader.is_past_known:
            yield reader.world.rate(_rate(found)).is_known


def _rate(node: ast.Call) -> Rate:
    found = operator(node)
    assert isinstance(found, Rate)
    return found


def _seen(holds: z3.BoolRef, trusted: z3.BoolRef) -> Known:
    return Known(z3.And(trusted, holds), z3.And(trusted, z3.Not(holds)))


def _compare(operator: ast.cmpop, left: z3.ArithRef, right: z3.ArithRef) -> z3.BoolRef:
    match operator:
        case ast.Lt():
            return left < right
        case ast.LtE():
            return left <= right
        case ast.Gt():
            return left > right
        case ast.GtE():
            return left >= right
        case ast.Eq():
            return left == right
        case _:
            return left != right


def _number(node: ast.expr, reader: _Reader) -> z3.ArithRef:
    """Return a quantity in base units."""
    match node:
        case ast.Constant(value=int(value) | float(value)):
            return number(value)
        case ast.Name(id=unit):
            return number(UNITS[unit].factor)
        case ast.Attribute():
            ref = reference(node)
            return reader.value(ref) * number(UNITS[unit_of(reader.world.park, ref)].factor)
        case ast.UnaryOp(operand=operand):
            return -_number(operand, reader)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _number(left, reader) + _number(right, reader)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _number(left, reader) - _number(right, reader)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _number(left, reader) / _number(right, reader)
        case ast.BinOp(left=left, right=right):
            return _number(left, reader) * _number(right, reader)
        case ast.Call():
            return reader.world.rate(_rate(node)).value
        case _:
            raise AssertionError(ast.dump(node))
